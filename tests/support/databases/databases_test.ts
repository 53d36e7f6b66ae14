/** The servers that other tests rely on: they start, answer, die, come back, and never outlive the test run. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { GaleraCluster } from "./galera_cluster.ts";
import { type Installable, missingFor } from "./installed.ts";
import { connectionTo, queryMariadb } from "./mariadb_client.ts";
import { MariadbServer } from "./mariadb_server.ts";
import { PgBouncer } from "./pgbouncer.ts";
import { queryPostgres } from "./postgres_client.ts";
import { PostgresServer } from "./postgres_server.ts";
import { MYSQL_VARIABLE, POSTGRES_VARIABLE } from "./shared_database.ts";

const WITH_DATABASES = fileURLToPath(new URL("../../with_databases.ts", import.meta.url));
/** A killed server's ports are closed by the kernel at once; whoever kills it may need a moment. */
const CLOSE_TIMEOUT_MS = 10_000;
const CLOSE_POLL_MS = 50;

/** A test that is ignored where its databases are not installed; in CI it fails there. */
function databaseTest(
  name: string,
  { needs }: { readonly needs: readonly Installable[] },
  fn: () => Promise<void>,
): void {
  const missing = needs.map(missingFor).filter((text) => text !== undefined).join(", ");
  const ignore = missing !== "" && Deno.env.get("CI") !== "true";
  Deno.test({ name: ignore ? `${name} (ignored: needs ${missing})` : name, ignore, fn });
}

databaseTest("PostgresServer keeps its data when it is killed and started again", {
  needs: ["postgres"],
}, async () => {
  await using server = await PostgresServer.start();
  const database = await server.createDatabase();
  await queryPostgres(database.url, "CREATE TABLE t (a int)");
  await queryPostgres(database.url, "INSERT INTO t VALUES (7)");
  const [port, pid] = [server.port, server.pid];
  // A busy backend would work on without its postmaster, and keep the next one from starting.
  const busy = queryPostgres(database.url, "SELECT count(*) FROM generate_series(1, 1e12)");
  const failed = assert.rejects(busy, /server closed the connection/);
  while (await server.query(COUNT_BUSY) !== "1");
  await server.kill();
  await failed;
  assert.equal(server.running, false);
  await server.start();
  assert.equal(server.port, port);
  assert.notEqual(server.pid, pid);
  assert.equal(await queryPostgres(database.url, "SELECT a FROM t"), "7");
  await server.stop();
  await server.start();
  assert.equal(await queryPostgres(database.url, "SELECT a FROM t"), "7");
  await database.drop();
  await assert.rejects(queryPostgres(database.url, "SELECT 1"), /does not exist/);
});

const COUNT_BUSY =
  "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rhino' AND state = 'active'";

databaseTest("PostgresServer gives tests a user without special rights", {
  needs: ["postgres"],
}, async () => {
  await using server = await PostgresServer.start({ fsync: false, inMemory: true });
  const rights = "SELECT rolsuper, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = ";
  assert.equal(await server.query(`${rights}'rhino'`, { user: "rhino" }), "f|t|f");
  await assert.rejects(
    queryPostgres(server.url().replace("rhino-test", "wrong"), "SELECT 1"),
    /password authentication failed/,
  );
});

databaseTest("PostgresServer: a synchronous standby has every commit and takes over", {
  needs: ["postgres"],
}, async () => {
  await using server = await PostgresServer.start();
  await server.query("CREATE TABLE t (a int)");
  await using standby = await server.startStandby({ synchronous: true });
  await server.query("SET synchronous_commit = 'remote_apply'; INSERT INTO t VALUES (7)");
  assert.equal(await standby.query("SELECT a FROM t"), "7");
  await assert.rejects(standby.query("INSERT INTO t VALUES (8)"), /read-only transaction/);
  await server.kill();
  await standby.promote();
  await standby.query("INSERT INTO t VALUES (8)");
  assert.equal(await standby.query("SELECT a FROM t ORDER BY a"), "7\n8");
});

databaseTest("PgBouncer lends one server connection to several clients", {
  needs: ["postgres", "pgbouncer"],
}, async () => {
  await using server = await PostgresServer.start({ fsync: false, inMemory: true });
  const database = await server.createDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await using bouncer = await PgBouncer.start(server);
  const pids = new Set<string>();
  for (let client = 0; client < 3; client++) {
    pids.add(await bouncer.query("SELECT pg_backend_pid()", { database: name }));
  }
  assert.equal(pids.size, 1);
});

databaseTest("MariadbServer keeps its data when it is killed and started again", {
  needs: ["mysql"],
}, async () => {
  await using server = await MariadbServer.start();
  const database = await server.createDatabase();
  const connection = connectionTo(database.url);
  await queryMariadb(connection, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
  const [port, pid] = [server.port, server.pid];
  await server.kill();
  assert.equal(server.running, false);
  await server.start();
  assert.equal(server.port, port);
  assert.notEqual(server.pid, pid);
  assert.equal(await queryMariadb(connection, "SELECT a FROM t"), "7");
  await server.stop();
  await server.start();
  assert.equal(await queryMariadb(connection, "SELECT a, 'x' FROM t"), "7\tx");
  // What is not a test's own is closed to tests.
  await assert.rejects(queryMariadb(connection, "CREATE DATABASE other"), /Access denied/);
  await database.drop();
  await assert.rejects(queryMariadb(connection, "SELECT 1"), /Unknown database/);
});

databaseTest(
  "GaleraCluster: a write on one node is read on another, and a killed node comes back",
  {
    needs: ["mysql", "galera"],
  },
  async () => {
    await using cluster = await GaleraCluster.start();
    const { url } = await cluster.node(0).createDatabase();
    const database = new URL(url).pathname.slice(1);
    await cluster.node(0).query("CREATE TABLE t (a int PRIMARY KEY)", { database });
    await cluster.node(1).query("INSERT INTO t VALUES (7)", { database });
    // Waits until the node has applied what the cluster has committed.
    const read = "SET SESSION wsrep_sync_wait = 1; SELECT a FROM t ORDER BY a";
    assert.equal(await cluster.node(2).query(read, { database }), "7");
    await cluster.node(1).kill();
    await cluster.node(0).query("INSERT INTO t VALUES (8)", { database });
    await cluster.node(1).start();
    const asRhino = connectionTo(cluster.node(1).url(database));
    assert.equal(await queryMariadb(asRhino, read), "7\n8");
  },
);

Deno.test("with_databases leaves a server that is told of alone, and ends with the command's code", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", WITH_DATABASES, "sh", "-c", `echo "$${POSTGRES_VARIABLE}"; exit 7`],
    env: { [POSTGRES_VARIABLE]: "postgres://there", [MYSQL_VARIABLE]: "mysql://there" },
  }).output();
  assert.equal(code, 7);
  assert.equal(new TextDecoder().decode(stdout), "postgres://there\n");
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  databaseTest(`with_databases leaves no server behind when it gets ${signal}`, {
    needs: ["postgres"],
  }, async () => {
    // The command ends when its standard input does, whatever happened to who started it.
    const command = `echo "$${POSTGRES_VARIABLE}"; read -r line`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", WITH_DATABASES, "--postgres", "sh", "-c", command],
      env: { [POSTGRES_VARIABLE]: "" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const url = new TextDecoder().decode((await reader.read()).value).trim();
    const port = Number(new URL(url).port);
    assert.equal(await isOpen(port), true);
    child.kill(signal);
    assert.equal((await child.status).success, false);
    await child.stdin.close();
    await reader.cancel();
    const giveUpAt = Date.now() + CLOSE_TIMEOUT_MS;
    while (await isOpen(port)) {
      assert.ok(Date.now() < giveUpAt, "the server is still there");
      await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS));
    }
  });
}

/** Whether anybody listens on the port. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
