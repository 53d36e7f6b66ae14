/** What `rhino permissions` prints is enough: a server of each kind of configuration runs with it, and does everything. */

import assert from "node:assert/strict";
import { whyNotInstalled } from "../cluster/database_kinds.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { mysqlDatabase, postgresDatabase } from "../support/databases/shared_database.ts";
import { connectionTo, queryMariadb } from "../support/databases/mariadb_client.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { testTargets } from "../support/targets.ts";
import { freePort } from "../support/free_port.ts";
import { hashOf, memoryBundle } from "../sandbox/module_server.ts";
import type { RunOptions } from "../cli/rhino_process.ts";
import { exercise } from "./exercise.ts";
import { placeOf, refusals, startRestricted, stop } from "./restricted_server.ts";

const ANY_PORT = ["--listen-address", "127.0.0.1:0"];
const IN_MEMORY = ["--endpoint", "memory://"];

interface Case {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Looks at what is left behind. */
  readonly after?: () => void | Promise<void>;
}

/** Runs a server of the case in a folder of its own, which is its working folder too. */
async function assertRuns(make: (folder: string) => Case | Promise<Case>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rhino-rights-" });
  try {
    const { args, env = {}, after } = await make(folder);
    const isPlaced = args.some((arg) => /^--(listen|auto-tls|cert-file|config-file)/.test(arg));
    const options: RunOptions = {
      args: isPlaced ? args : [...ANY_PORT, ...args],
      env: { TMPDIR: folder, ...env },
      cwd: folder,
    };
    await using server = await startRestricted(options);
    const metricsAt = args.join().includes("metrics") ? "metrics" : undefined;
    const isSplit = args.join().includes("client-http-urls");
    const place = await placeOf(server, isSplit ? "http" : "grpc+http");
    await exercise(place, metricsAt === undefined ? place : await placeOf(server, metricsAt));
    await stop(server);
    assert.deepEqual(refusals(server), []);
    await after?.();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function runs(name: string, make: (folder: string) => Case | Promise<Case>, needs?: string): void {
  Deno.test({
    name: `permissions: enough for ${name}${needs === undefined ? "" : ` (ignored: ${needs})`}`,
    ignore: needs !== undefined,
    fn: () => assertRuns(make),
  });
}

runs("a store in memory", () => ({ args: IN_MEMORY }));

runs("a store in a file of the working folder", () => ({ args: ["--endpoint", "state.db"] }));

runs("a file in folders that are not there yet", (folder) => ({
  args: ["--endpoint", `sqlite://${folder}/a/b/state.db`],
}));

runs("a relative path", () => ({ args: ["--endpoint", "sqlite:a/b/state.db?x=y"] }));

runs("a folder that is a link, and a file that is one", (folder) => {
  for (const name of ["one", "two"]) Deno.mkdirSync(`${folder}/${name}`);
  Deno.symlinkSync("one", `${folder}/link`);
  Deno.writeTextFileSync(`${folder}/two/real.db`, "");
  Deno.symlinkSync(`${folder}/two/real.db`, `${folder}/one/state.db`);
  return { args: ["--endpoint", "link/state.db"] };
});

runs("etcd's way to say where", () => ({
  args: ["--name=n", "--data-dir=d", "--listen-client-urls=http://localhost:0"],
}));

runs("a name with a port", async () => ({
  args: [...IN_MEMORY, `--listen-client-urls=http://localhost:${await freePort()}`],
}));

runs("names, IPv6, and HTTP and metrics at addresses of their own", () => ({
  args: [
    ...IN_MEMORY,
    "--listen-client-urls=http://[::1]:0,http://localhost:0",
    "--listen-client-http-urls=http://127.0.0.1:0",
    "--listen-metrics-urls=http://127.0.0.1:0",
  ],
}));

runs(
  "a Unix socket",
  (folder) => ({ args: [...IN_MEMORY, `--listen-client-urls=unix://${folder}/rhino.sock`] }),
);

runs("a log file in a new folder", (folder) => ({
  args: [...IN_MEMORY, "--log-outputs=stderr,log/a/rhino.log"],
  after: () => assert.match(Deno.readTextFileSync(`${folder}/log/a/rhino.log`), /stopped/),
}));

runs("a log file beside others", (folder) => ({
  args: [...IN_MEMORY, `--log-outputs=stderr,${folder}/rhino.log`],
  after: () => assert.match(Deno.readTextFileSync(`${folder}/rhino.log`), /stopped/),
}));

runs("a log file that is put aside", (folder) => {
  Deno.mkdirSync(`${folder}/log`);
  // One line more, and it is too large.
  Deno.writeTextFileSync(`${folder}/log/rhino.log`, `${"x".repeat(1024 * 1024 - 1)}\n`);
  const rotation = JSON.stringify({ maxsize: 1, maxbackups: 3, compress: true });
  return {
    args: [
      ...IN_MEMORY,
      "--log-outputs=stderr,log/rhino.log",
      "--enable-log-rotation",
      `--log-rotation-config-json=${rotation}`,
    ],
    after: () =>
      assert.match([...Deno.readDirSync(`${folder}/log`)].map(({ name }) => name).join(), /gz/),
  };
});

runs("a config file", (folder) => {
  Deno.writeTextFileSync(
    `${folder}/rhino.yaml`,
    'endpoint: "memory://"\nlisten-client-urls: http://127.0.0.1:0\n',
  );
  return { args: ["--config-file=rhino.yaml"] };
});

runs("a certificate that the server makes", () => ({
  args: [...IN_MEMORY, "--auto-tls", "--listen-client-urls=https://127.0.0.1:0"],
}));

runs("systemd", (folder) => {
  const path = `${folder}/notify`;
  const supervisor = Deno.listenDatagram({ transport: "unixpacket", path });
  const received = supervisor.receive();
  return {
    args: IN_MEMORY,
    env: { NOTIFY_SOCKET: path },
    async after() {
      const [bytes] = await received;
      supervisor.close();
      assert.equal(new TextDecoder().decode(bytes), "READY=1\n");
    },
  };
});

runs("a file whose backend runs in the sandbox", () => ({
  args: ["--endpoint", "state.db", "--sandbox"],
}));

runs("somebody else's module, a file with a hash", async (folder) => {
  const text = await memoryBundle();
  await Deno.writeTextFile(`${folder}/memory.js`, text);
  return { args: [`--backend=other=memory.js#${await hashOf(text)}`, "--endpoint=other://"] };
});

const noCertificates = whyNoCertificates();

runs("certificates, revoked ones, and keys of tokens", async (folder) => {
  const { authority, server, alice, dir } = await makeCertificates();
  const { pem } = await authority.revoke(alice);
  await runCommand("openssl", { args: ["ec", "-in", server.key, "-pubout", "-out", `${dir}/pub`] });
  // As a cluster's secrets are mounted.
  Deno.symlinkSync(dir, `${folder}/secrets`);
  const at = (path: string) => path.replace(dir, `${folder}/secrets`);
  return {
    args: [
      ...IN_MEMORY,
      "--listen-client-urls=https://127.0.0.1:0",
      `--cert-file=${at(server.cert)}`,
      `--key-file=${at(server.key)}`,
      `--client-crl-file=${at(pem)}`,
      `--auth-token=jwt,sign-method=ES256,pub-key=${at(`${dir}/pub`)},priv-key=${at(server.key)}`,
    ],
    after: () => Deno.removeSync(dir, { recursive: true }),
  };
}, noCertificates);

const targets = testTargets();
const noPostgres = targets.includes("postgres") ? undefined : "postgres is no target";
const noMysql = targets.includes("mysql") ? undefined : "mysql is no target";

runs("PostgreSQL, its password in the environment", async () => {
  const { url, drop } = await postgresDatabase();
  const { username, password, host, pathname } = new URL(url);
  return {
    args: ["--endpoint", `postgres://${username}@${host}${pathname}`],
    env: { PGPASSWORD: password },
    after: drop,
  };
}, noPostgres);

runs("PostgreSQL, its password in the file of libpq", async (folder) => {
  const { url, drop } = await postgresDatabase();
  const { username, password, port, pathname } = new URL(url);
  const line = `localhost:${port}:*:${username}:${password}\n`;
  Deno.writeTextFileSync(`${folder}/.pgpass`, line, { mode: 0o600 });
  return {
    // A name, which is looked up.
    args: ["--endpoint", `postgres://${username}@localhost:${port}${pathname}`],
    env: { HOME: folder },
    after: drop,
  };
}, noPostgres);

runs("PostgreSQL at a Unix socket, its password in a file", async (folder) => {
  await Deno.chmod(folder, 0o777);
  const server = await PostgresServer.start({
    fsync: false,
    settings: { unix_socket_directories: folder },
  });
  const { url } = await server.createDatabase();
  const { username, password, port, pathname } = new URL(url);
  Deno.writeTextFileSync(`${folder}/password`, `${password}\n`);
  return {
    args: [
      "--endpoint",
      `postgres://${username}@localhost:${port}${pathname}?host=${folder}&password_file=password`,
    ],
    after: () => server[Symbol.asyncDispose](),
  };
}, noPostgres ?? whyNotInstalled(["postgres"]));

runs("MariaDB, its password in the environment", async () => {
  const { url, drop } = await mysqlDatabase();
  const { username, password, host, pathname } = new URL(url);
  return {
    args: ["--endpoint", `mysql://${username}@${host}${pathname}`],
    env: { MYSQL_PWD: password },
    after: drop,
  };
}, noMysql);

runs("MariaDB at a Unix socket", async () => {
  const { url, drop } = await mysqlDatabase();
  const socket = await queryMariadb(connectionTo(url), "SELECT @@socket");
  const { username, password, pathname } = new URL(url);
  return {
    args: [
      "--endpoint",
      `mysql://${username}:${password}@localhost${pathname}?socket=${socket.trim()}`,
    ],
    after: drop,
  };
}, noMysql);
