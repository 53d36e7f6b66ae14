/** Opening a store in MariaDB: what is made, by whom, and what an operator is told when it cannot be. */

import assert from "node:assert/strict";
import { type Backend, BackendError, type OpenOptions } from "../../backends/contract.ts";
import { open, schemaSql } from "../../backends/mysql/mod.ts";
import { checkSettings, showsCommitsEarly } from "../../backends/mysql/opening.ts";
import { missingFor } from "../support/databases/installed.ts";
import { MariadbServer } from "../support/databases/mariadb_server.ts";
import type { TestDatabase } from "../support/databases/test_database.ts";
import {
  assertFails,
  batchAt,
  bytes,
  OPEN_OPTIONS,
  putRow,
  range,
} from "../../backends/conformance/subject.ts";

const ignore = missingFor("mysql") !== undefined && Deno.env.get("CI") !== "true";

/** Opens what must not open, and answers what the operator is told. */
async function messageOf(url: string, options: Partial<OpenOptions> = {}): Promise<string> {
  const opening = open(url, { ...OPEN_OPTIONS, ...options });
  const error = await opening.then((backend) => backend.close(), (error: unknown) => error);
  assert.ok(error instanceof BackendError, `opened, or failed otherwise: ${error}`);
  assert.equal(error.kind, "unusable", error.message);
  assert.ok(!error.message.includes("\n"), "one line");
  assert.ok(!error.message.includes("rhino-test") && !error.message.includes("wrong-word"));
  return error.message;
}

async function assertWorks(backend: Backend): Promise<void> {
  const head = await backend.head();
  const rows = [putRow(bytes("a"), { revision: head.revision + 1 })];
  await backend.append(batchAt(head, { rows }));
  assert.equal((await range(backend)).kvs.length, 1);
}

function databaseOf({ url }: TestDatabase): string {
  return new URL(url).pathname.slice(1);
}

type Check = (server: MariadbServer, database: TestDatabase) => Promise<void>;

/** Facts of opening. Each has a database of its own. */
const FACTS: Readonly<Record<string, Check>> = {
  "tells in one line why the server cannot be reached or refuses": async (server, { url }) => {
    const open = "^Cannot open the store: ";
    const closedPort = url.replace(/:\d+\//, ":1/");
    const refused = `${open}cannot reach MySQL at 127\\.0\\.0\\.1:1: connection refused$`;
    assert.match(await messageOf(closedPort), new RegExp(refused));
    const nowhere = url.replace("127.0.0.1", "no-such-host.invalid");
    assert.match(
      await messageOf(nowhere),
      /cannot reach MySQL at no-such-host\.invalid:\d+: no such host/,
    );
    assert.match(
      await messageOf(url.replace("rhino-test", "wrong-word")),
      /refuses user "rhino": wrong password, or no such user/,
    );
    assert.match(await messageOf(url.replace("rhino:", "stranger:")), /refuses user "stranger"/);
    assert.match(
      await messageOf(server.url("rhino_nothing")),
      /MySQL at 127\.0\.0\.1:\d+ has no database "rhino_nothing": create it/,
    );
    assert.match(
      await messageOf(server.url("mysql")),
      /grants user "rhino" no rights on database "mysql"/,
    );
    assert.match(await messageOf(server.url()), /it names no database/);
    assert.match(await messageOf(`${url}?ssl-mode=REQUIRED`), /does not offer TLS/);
    assert.match(
      await messageOf(`${url}?ssl-mode=MAYBE`),
      /parameter "ssl-mode" must be one of DISABLED, PREFERRED/,
    );
  },

  "makes no tables with --no-create, and takes those that somebody made": async (server, place) => {
    const options = { ...OPEN_OPTIONS, createSchema: false };
    assert.match(
      await messageOf(place.url, options),
      /tables are missing and --no-create is set: run what --print-schema prints/,
    );
    await server.query(schemaSql(place.url), { database: databaseOf(place) });
    const backend = await open(place.url, options);
    await assertWorks(backend);
    const views =
      "SELECT `key`, value, mod_revision FROM rhino_kv; SELECT revision FROM rhino_history";
    const shown = await server.query(views, { database: databaseOf(place) });
    assert.equal(shown, "a\tvalue at 2\t2\n2");
    await backend.close();
  },

  "needs no right to make tables where there are some": async (server, place) => {
    const database = databaseOf(place);
    await server.query(`CREATE USER reader IDENTIFIED BY 'rhino-test';
      GRANT SELECT ON ${database}.* TO reader;
      CREATE USER writer IDENTIFIED BY 'rhino-test';
      GRANT SELECT, INSERT, UPDATE, DELETE ON ${database}.* TO writer`);
    const asUser = (name: string) => place.url.replace("rhino:", `${name}:`);
    assert.match(
      await messageOf(asUser("writer")),
      /user "writer" may not create or use Rhino's tables/,
    );
    await (await open(place.url, OPEN_OPTIONS)).close();
    assert.match(
      await messageOf(asUser("reader")),
      /user "reader" may not create or use Rhino's tables/,
    );
    const backend = await open(asUser("writer"), OPEN_OPTIONS);
    await assertWorks(backend);
    await backend.close();
  },

  "by three servers at once makes one store": async (_server, { url }) => {
    let id = 100n;
    const backends = await Promise.all(
      Array.from({ length: 3 }, () => open(url, { ...OPEN_OPTIONS, randomId: () => ++id })),
    );
    assert.equal(new Set(backends.map(({ clusterId }) => clusterId)).size, 1);
    for (const backend of backends) await backend.close();
  },

  "finishes what was interrupted, and refuses a schema it does not know": async (server, place) => {
    const database = databaseOf(place);
    await (await open(place.url, OPEN_OPTIONS)).close();
    await server.query("DROP TABLE rhino_record; DELETE FROM rhino_head", { database });
    const backend = await open(place.url, OPEN_OPTIONS);
    await assertWorks(backend);
    await backend.close();
    await server.query("UPDATE rhino_head SET schema_version = 99", { database });
    assert.match(await messageOf(place.url), /schema version 99, this Rhino knows 1/);
  },

  "takes a password with any character, from a file or the environment": async (server, place) => {
    const password = "p@s/s?w#o%r:d'&";
    await server.query(`CREATE USER rhino_odd IDENTIFIED BY '${password.replace("'", "''")}';
      GRANT ALL ON ${databaseOf(place)}.* TO rhino_odd`);
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, `${password}\n`);
    const bare = place.url.replace("rhino:rhino-test@", "rhino_odd@");
    const encoded = bare.replace("rhino_odd@", `rhino_odd:${encodeURIComponent(password)}@`);
    Deno.env.set("MYSQL_PWD", password);
    try {
      for (const url of [encoded, `${bare}?password_file=${file}`, bare]) {
        await (await open(url, OPEN_OPTIONS)).close();
      }
    } finally {
      Deno.env.delete("MYSQL_PWD");
      await Deno.remove(file);
    }
  },

  "takes the first host that is writable, and the way kine names hosts": async (server, place) => {
    const { port } = server;
    const hosts = place.url.replace(`127.0.0.1:${port}`, `127.0.0.1:1,127.0.0.1:${port}`);
    const kine = place.url.replace(`127.0.0.1:${port}`, `tcp(127.0.0.1:${port})`);
    const said: unknown[] = [];
    const log = (...line: unknown[]) => void said.push(line);
    for (const url of [hosts, `${kine}?charset=utf8`]) {
      const backend = await open(url, { ...OPEN_OPTIONS, log });
      await backend.head();
      await backend.close();
    }
    assert.match(JSON.stringify(said), /no effect on MySQL.*charset/);
    await server.query("SET GLOBAL read_only = ON");
    assert.match(await messageOf(place.url), /the server is read-only \(read_only\)/);
    await server.query("SET GLOBAL read_only = OFF");
  },
};

Deno.test({
  name: "mysql: opening",
  ignore,
  async fn(t) {
    await using server = await MariadbServer.start({ flushLogAtCommit: 0 });
    for (const [name, check] of Object.entries(FACTS)) {
      await t.step(name, async () => await check(server, await server.createDatabase()));
    }
  },
});

/** Settings of a server with which there is nothing wrong. */
const GOOD = {
  max_allowed_packet: "16777216",
  log_bin: "ON",
  binlog_format: "ROW",
  sync_binlog: "1",
  innodb_flush_log_at_trx_commit: "1",
  wsrep_on: "OFF",
};

Deno.test("mysql: a server's settings are looked at before it is used", async () => {
  const said: string[] = [];
  const options = { ...OPEN_OPTIONS, log: (_: string, message: string) => void said.push(message) };
  const check = (changes: Partial<typeof GOOD>) =>
    checkSettings(new Map(Object.entries({ ...GOOD, ...changes })), options);
  check({});
  check({ binlog_format: "MIXED" });
  check({ log_bin: "OFF", binlog_format: "STATEMENT", sync_binlog: "0" });
  assert.deepEqual(said, []);
  check({ innodb_flush_log_at_trx_commit: "2" });
  check({ sync_binlog: "0" });
  assert.match(said.join("\n"), /innodb_flush_log_at_trx_commit is not 1\n.*sync_binlog is not 1$/);
  for (const bad of [{ max_allowed_packet: "1048576" }, { binlog_format: "STATEMENT" }]) {
    await assertFails(Promise.resolve().then(() => check(bad)), "unusable");
  }
});

Deno.test("mysql: commits are waited for where the server shows them before they are synced", () => {
  const shows = (changes: Partial<typeof GOOD>) =>
    showsCommitsEarly(new Map(Object.entries({ ...GOOD, ...changes })));
  assert.equal(shows({}), false);
  assert.equal(shows({ log_bin: "OFF" }), true);
  assert.equal(shows({ log_bin: "OFF", wsrep_on: "ON" }), false);
  assert.equal(shows({ log_bin: "OFF", innodb_flush_log_at_trx_commit: "0" }), false);
});
