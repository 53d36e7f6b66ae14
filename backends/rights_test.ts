import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { BackendError, type Rights } from "./contract.ts";
import { type BackendChoice, rightsOf } from "./registry.ts";

const THREAD = fileURLToPath(new URL("./sqlite/checkpoint_worker.ts", import.meta.url));
const NOTHING: Rights = { net: [], read: [], write: [], env: [] };

/** Rights where the working folder and all others are real. */
function rights(
  choice: string | BackendChoice,
  env: Record<string, string> = {},
): Promise<Rights> {
  return rightsOf(typeof choice === "string" ? { endpoint: choice } : choice, {
    env: (name) => env[name],
    realPath: (path) => path.startsWith("/") ? path : `${Deno.cwd()}/${path.replace("./", "")}`,
  });
}

async function assertRights(
  cases: readonly (readonly [endpoint: string, expected: Partial<Rights>])[],
  env?: Record<string, string>,
): Promise<void> {
  for (const [endpoint, expected] of cases) {
    assert.deepEqual(await rights(endpoint, env), { ...NOTHING, ...expected }, endpoint);
  }
}

Deno.test("rightsOf() a store in memory is nothing, in a file its folder", async () => {
  await assertRights([
    ["memory://", {}],
    ["./db/state.db", { read: ["./db", THREAD], write: ["./db"] }],
    ["state.db", { read: [".", THREAD], write: ["."] }],
    ["sqlite:///a/b.db?x=y", { read: ["/a", THREAD], write: ["/a"] }],
  ]);
});

Deno.test("rightsOf() a file behind a link is the folder of the link, to read, and the real one", async () => {
  const linked = await rightsOf({ endpoint: "/link/a.db" }, {
    env: () => undefined,
    realPath: () => "/real/b.db",
  });
  assert.deepEqual(linked, { ...NOTHING, read: ["/link", "/real", THREAD], write: ["/real"] });
});

const SSL_VARIABLES = ["PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
const NAMED = ["PGAPPNAME"];

Deno.test("rightsOf() PostgreSQL is its hosts, and the files and variables that it reads", async () => {
  await assertRights([
    ["postgres://u:p@h/d", { net: ["h:5432"], env: ["PGPORT", ...SSL_VARIABLES, ...NAMED] }],
    ["postgres://u:p@a:1,[::1]:2/d?application_name=x&sslmode=disable&listen_host=c:3", {
      net: ["a:1", "[::1]:2", "c:3"],
    }],
    ["postgres://u:p@h:1/d?application_name=x&sslrootcert=ca&sslcert=c&sslkey=k", {
      net: ["h:1"],
      read: ["ca", "c", "k"],
    }],
    ["postgres://u:p@h:1/d?application_name=x&sslrootcert=system", {
      net: ["h:1"],
      env: SSL_VARIABLES.slice(1),
    }],
    ["postgres://u@h:1/d?application_name=x&sslmode=disable&password_file=pw", {
      net: ["h:1"],
      read: ["pw"],
    }],
    ["postgres://u:p@h:1/d?application_name=x&host=/run/pg", {
      net: ["unix:/run/pg/.s.PGSQL.1"],
      read: ["/run/pg/.s.PGSQL.1"],
      write: ["/run/pg/.s.PGSQL.1"],
    }],
  ]);
});

Deno.test("rightsOf() PostgreSQL without a password is its variable, and the file of libpq", async () => {
  const endpoint = "postgresql://u@h:1/d?application_name=x&sslmode=disable";
  const net = ["h:1"];
  await assertRights([[endpoint, { net, env: ["PGPASSWORD"] }]], { PGPASSWORD: "p" });
  const env = ["PGPASSWORD", "PGPASSFILE", "HOME"];
  await assertRights([[endpoint, { net, env, read: ["/home/u/.pgpass"] }]], { HOME: "/home/u" });
  await assertRights(
    [[endpoint, { net, env: env.slice(0, 2), read: ["/etc/pgpass"] }]],
    { PGPASSFILE: "/etc/pgpass" },
  );
  const all = await rights("postgres:///?sslmode=disable", { PGHOST: "db", PGPORT: "7" });
  assert.deepEqual(all.net, ["db:7"]);
  assert.deepEqual(
    [...all.env].sort(),
    [...env, "PGAPPNAME", "PGDATABASE", "PGHOST", "PGPORT", "PGUSER"].sort(),
  );
});

Deno.test("rightsOf() MariaDB is its hosts or its socket, and a variable for the password", async () => {
  await assertRights([
    ["mysql://u:p@a,b:1/d", { net: ["a:3306", "b:1"] }],
    ["mariadb://u@h/d", { net: ["h:3306"], env: ["MYSQL_PWD"] }],
    ["mysql://u:p@h/d?ssl-ca=ca&ssl-cert=c&ssl-key=k", { net: ["h:3306"], read: ["ca", "c", "k"] }],
    ["mysql://u:p@unix(/run/my.sock)/d", {
      net: ["unix:/run/my.sock"],
      read: ["/run/my.sock"],
      write: ["/run/my.sock"],
    }],
  ]);
});

Deno.test("rightsOf() a module of somebody else is the addresses in the endpoint, and what was allowed", async () => {
  const backendAllowNet = ["sentinel:26379", "other"];
  assert.deepEqual(
    await rights({ endpoint: "redis://u:p@x@h:6379,[::1]:1,k/0?a=b", backendAllowNet }),
    { ...NOTHING, net: ["h:6379", "[::1]:1", "k", ...backendAllowNet] },
  );
  await assertRights([["redis:", {}], ["redis:///0", {}]]);
});

Deno.test("rightsOf() says what is wrong with an endpoint", async () => {
  for (const endpoint of ["postgres:x", "mysql://h", "sqlite:"]) {
    await assert.rejects(rights(endpoint), (error) => {
      return error instanceof BackendError && error.kind === "unusable";
    });
  }
});
