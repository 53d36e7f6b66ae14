/** Whoever reads with other tools or other rights than a server: the commands and grants of docs/sql.md. */

import assert from "node:assert/strict";
import { type Block, blocksOf } from "../docs/blocks.ts";
import { openBackend } from "../../backends/registry.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow } from "../../backends/conformance/subject.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { missingExecutables } from "../support/databases/executables.ts";
import { missingFor } from "../support/databases/installed.ts";
import { connectionTo, queryMariadb } from "../support/databases/mariadb_client.ts";
import { MariadbServer } from "../support/databases/mariadb_server.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { startEndpoint } from "../support/endpoint.ts";
import { makePlace } from "./place.ts";

const BLOCKS = blocksOf("docs/sql.md");
const isCi = Deno.env.get("CI") === "true";

function blockWith(words: string): Block {
  const found = BLOCKS.filter(({ text }) => text.includes(words));
  assert.equal(found.length, 1, words);
  // One was found.
  return found[0]!;
}

Deno.test({
  name: "sqlite: the sqlite3 of this machine reads the views beside a server, as shown",
  ignore: missingExecutables(["sqlite3"]).length > 0 && !isCi,
  async fn() {
    await using place = await makePlace("sqlite");
    await using endpoint = await startEndpoint("sqlite", { databaseUrl: place.url });
    const { kv } = endpoint.client;
    for (const value of ["Pending", "Running"]) {
      await kv.put({ key: "/registry/pods/default/web-1", value });
    }
    const { text } = blockWith("sqlite3 -readonly");
    const cwd = place.url.replace("sqlite://", "").replace("/state.db", "");
    const printed = await runCommand("sh", { args: ["-c", text], cwd });
    assert.equal(printed.trimEnd(), blockWith("┌──").text);
    // Of an older SQLite than the server's: all columns, and text that is not ASCII.
    await kv.put({ key: "ключ", value: new Uint8Array([0xc3, 0x28]) });
    const all =
      "SELECT * FROM rhino_history WHERE revision = 4; SELECT key, value FROM rhino_kv WHERE mod_revision = 4";
    const shown = await runCommand("sqlite3", {
      args: ["-readonly", "-csv", "state.db", all],
      cwd,
    });
    assert.match(shown, /^4,0,"?ключ"?,0,0xC328,0,PUT,4,1,2,,".*",.*\r?\n"?ключ"?,0xC328\r?\n$/);
  },
});

async function fill(endpoint: string): Promise<void> {
  const backend = await openBackend({ endpoint }, OPEN_OPTIONS);
  const record = { name: "auth/user", value: bytes("hash") };
  const rows = [putRow(bytes("a"), { revision: 2 })];
  await backend.append(batchAt(await backend.head(), { rows, records: [record] }));
  await backend.close();
}

const SHOWN =
  "SELECT k.key, k.value, k.version, COUNT(h.written_at) FROM rhino_kv k JOIN rhino_history h " +
  "ON h.key_bytes = k.key_bytes GROUP BY k.key, k.value, k.version";

Deno.test({
  name: "postgres: a reader of the views needs no right on the tables, and has none",
  ignore: missingFor("postgres") !== undefined && !isCi,
  async fn() {
    await using server = await PostgresServer.start({ fsync: false, inMemory: true });
    const { url } = await server.createDatabase();
    await fill(url);
    await server.query("CREATE ROLE reader LOGIN PASSWORD 'rhino-test'");
    await queryPostgres(url, blockWith("-- PostgreSQL: as the owner").text);
    const asReader = url.replace("rhino:", "reader:");
    assert.equal(await queryPostgres(asReader, SHOWN), "a|value at 2|1|1");
    for (const table of ["rhino_record", "rhino_log"]) {
      await assert.rejects(queryPostgres(asReader, `SELECT * FROM ${table}`), /permission denied/);
    }
  },
});

Deno.test({
  name: "mysql: a reader of the views needs rights on two of the tables, and has no other",
  ignore: missingFor("mysql") !== undefined && !isCi,
  async fn() {
    await using server = await MariadbServer.start({ flushLogAtCommit: 0 });
    const { url } = await server.createDatabase();
    await fill(url);
    const database = new URL(url).pathname.slice(1);
    await server.query("CREATE USER reader IDENTIFIED BY 'rhino-test'");
    await server.query(blockWith("GRANT SELECT ON rhino_log TO reader").text, { database });
    const asReader = connectionTo(url.replace("rhino:", "reader:"));
    assert.equal(await queryMariadb(asReader, SHOWN), "a\tvalue at 2\t1\t1");
    await assert.rejects(queryMariadb(asReader, "SELECT * FROM rhino_record"), /denied/);
  },
});
