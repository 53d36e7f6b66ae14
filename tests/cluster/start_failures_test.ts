/** A server that cannot use its database says why in one line, tells no password, and ends with a code. */

import assert from "node:assert/strict";
import { runRhino } from "../cli/rhino_process.ts";
import { freePort } from "../support/free_port.ts";
import { openTcpLink } from "../support/tcp_link.ts";
import { ownDatabaseTest } from "./cluster_case.ts";
import { exhaustConnections } from "./connection_hog.ts";
import { DATABASE_KINDS, type DatabaseKind } from "./database_kinds.ts";
import { type DatabaseServer, freeze, serversOfFile } from "./database_server.ts";
import { Servers } from "./servers.ts";

/** In some text of its own, so that it is found in whatever is printed. */
const PASSWORD = "wr0ng!sEcret";
/** A server that waits for longer is taken for one that hangs. */
const START_MS_MAX = 45_000;

const databaseServer = serversOfFile();

interface StartContext {
  readonly kind: DatabaseKind;
  readonly database: DatabaseServer;
  /** Of a database that is there, and empty. */
  readonly url: string;
}

function startTest(fact: string, run: (context: StartContext) => Promise<void>): void {
  for (const kind of DATABASE_KINDS) {
    ownDatabaseTest(`Cluster on ${kind}: ${fact}`, { needs: [kind] }, async () => {
      const database = await databaseServer(kind);
      const { url, drop } = await database.createDatabase();
      try {
        await run({ kind, database, url });
      } finally {
        await drop();
      }
    });
  }
}

function argsFor(url: string, ...flags: readonly string[]): string[] {
  return ["--listen-address", "127.0.0.1:0", "--endpoint", url, ...flags];
}

/** Fails unless the start does, and says so in one line; answers it. */
async function failureOf(url: string, ...flags: readonly string[]): Promise<string> {
  const startMs = performance.now();
  const { code, stdout, stderr } = await runRhino({ args: argsFor(url, ...flags) });
  assert.ok(performance.now() - startMs < START_MS_MAX);
  assert.match(stderr, /^\S+ ERROR [^\n]+\n$/, "one line");
  assert.deepEqual([code, stdout], [1, ""]);
  const { password } = new URL(url);
  assert.ok(!stderr.includes(decodeURIComponent(password)), "the password is in it");
  return stderr;
}

function withParts(
  url: string,
  parts: Partial<Pick<URL, "username" | "password" | "pathname" | "port">>,
): string {
  return Object.assign(new URL(url), parts).href;
}

startTest(
  "a database server that is not there ends the start, and the line tells where it was looked for",
  async ({ url }) => {
    const port = `${await freePort()}`;
    assert.match(
      await failureOf(withParts(url, { port })),
      new RegExp(`127\\.0\\.0\\.1:${port}.*refused`),
    );
  },
);

startTest("a wrong password ends the start", async ({ url }) => {
  const line = await failureOf(withParts(url, { password: encodeURIComponent(PASSWORD) }));
  assert.match(line, /user "rhino".*password/);
});

startTest("an unknown user ends the start", async ({ url }) => {
  assert.match(await failureOf(withParts(url, { username: "nobody" })), /user "nobody"/);
});

startTest(
  "a database that does not exist ends the start, and the line names it",
  async ({ url }) => {
    // MariaDB tells whether it exists only those who may use it.
    assert.match(
      await failureOf(withParts(url, { pathname: "/rhino_missing" })),
      /"rhino_missing"/,
    );
  },
);

startTest(
  "missing rights to make tables end the start",
  async ({ kind, database, url }) => {
    const name = new URL(url).pathname.slice(1);
    if (kind === "postgres") {
      await database.query(`ALTER DATABASE ${name} OWNER TO postgres`);
      try {
        assert.match(await failureOf(url), /schema "public".*permission denied/);
        assert.match(await failureOf(`${url}?schema=other`), /schema "other".*permission denied/);
      } finally {
        await database.query(`ALTER DATABASE ${name} OWNER TO rhino`);
      }
      return;
    }
    await database.query(
      `CREATE USER reader@'%' IDENTIFIED BY '${PASSWORD}'; GRANT SELECT ON ${name}.* TO reader@'%'`,
    );
    try {
      const reader = withParts(url, { username: "reader", password: encodeURIComponent(PASSWORD) });
      assert.match(await failureOf(reader), /"reader" may not create or use Rhino's tables/);
    } finally {
      await database.query("DROP USER reader@'%'");
    }
  },
);

startTest("missing rights to write the tables end the start", async ({ kind, database, url }) => {
  const name = new URL(url).pathname.slice(1);
  await createStore(kind, url);
  const grants = kind === "postgres"
    ? `CREATE ROLE reader LOGIN PASSWORD '${PASSWORD}'; GRANT pg_read_all_data TO reader`
    : `CREATE USER reader@'%' IDENTIFIED BY '${PASSWORD}'; GRANT SELECT ON ${name}.* TO reader@'%'`;
  await database.query(grants);
  try {
    const reader = withParts(url, { username: "reader", password: encodeURIComponent(PASSWORD) });
    assert.match(await failureOf(reader), /SELECT, INSERT, UPDATE/);
    assert.match(await failureOf(reader, "--no-create"), /SELECT, INSERT, UPDATE/);
  } finally {
    await database.query(kind === "postgres" ? "DROP ROLE reader" : "DROP USER reader@'%'");
  }
});

/** Has a server make the tables. */
async function createStore(kind: DatabaseKind, url: string): Promise<void> {
  await using servers = await Servers.start({ kind, urls: [url] });
  await servers.client(0).kv.put({ key: "k", value: "1" });
}

startTest(
  "missing tables and --no-create end the start, and --print-schema prints what helps",
  async ({ kind, database, url }) => {
    assert.match(await failureOf(url, "--no-create"), /tables are missing.*--print-schema/);
    const printed = await runRhino({ args: [...argsFor(url), "--print-schema"] });
    assert.deepEqual([printed.code, printed.stderr], [0, ""]);
    assert.ok(!printed.stdout.includes(new URL(url).password));
    await database.query(printed.stdout, { database: new URL(url).pathname.slice(1) });
    await using servers = await Servers.start({ kind, urls: [url, url], flags: ["--no-create"] });
    await servers.client(0).kv.put({ key: "k", value: "1" });
    assert.equal((await servers.client(1).kv.range({ key: "k" })).count, 1n);
    // Who made the tables may be another user than the one who uses them.
    const { ID } = await servers.client(1).lease.leaseGrant({ TTL: 60 });
    await servers.client(0).lease.leaseRevoke({ ID });
    await servers.client(0).kv.compact({ revision: 2, physical: true });
  },
);

startTest("a database that is read-only ends the start", async ({ kind, database, url }) => {
  const name = new URL(url).pathname.slice(1);
  if (kind === "mysql") await database.query("SET GLOBAL read_only = 1");
  else await database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  try {
    assert.match(await failureOf(url), /read-only/);
  } finally {
    if (kind === "mysql") await database.query("SET GLOBAL read_only = 0");
  }
});

startTest(
  "a database that takes no more connections ends the start",
  async ({ kind, database, url }) => {
    await using _hog = await exhaustConnections(kind, database);
    assert.match(await failureOf(url), /too many connections/);
  },
);

startTest(
  "a database that does not answer ends the start in bounded time",
  async ({ database, url }) => {
    using _frozen = freeze(database);
    assert.match(await failureOf(url), /127\.0\.0\.1:\d+.*tim/);
  },
);

startTest(
  "a database that hangs while it is looked at ends the start in bounded time",
  async ({ url }) => {
    await using link = await openTcpLink(new URL(url).host, { silencedBy: "rhino_head" });
    assert.match(
      await failureOf(withParts(url, { port: `${link.port}` })),
      /did not finish within/,
    );
  },
);

startTest(
  "an endpoint that is malformed ends the start without being repeated",
  async ({ kind, url }) => {
    const { username, host } = new URL(url);
    const scheme = kind === "postgres" ? "postgres" : "mysql";
    // A password with characters that have to be encoded.
    const careless = `${scheme}://${username}:${PASSWORD}/x?y#z@${host}/db`;
    const { code, stderr } = await runRhino({ args: argsFor(careless) });
    assert.equal(code, 1);
    assert.match(stderr, /^\S+ ERROR Cannot use the endpoint: [^\n]+\n$/);
    assert.ok(!stderr.includes(PASSWORD));
  },
);
