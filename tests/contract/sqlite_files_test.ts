/** What is SQLite's alone: its files, their lock, and how they are refused. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { BackendError } from "../../backends/contract.ts";
import { openBackend } from "../../backends/registry.ts";
import {
  append,
  assertFails,
  batchAt,
  bytes,
  history,
  OPEN_OPTIONS,
  putRow,
  range,
} from "../../backends/conformance/subject.ts";

async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rhino_" });
  try {
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function assertUnusable(endpoint: string, message: RegExp): Promise<void> {
  await assert.rejects(openBackend({ endpoint }, OPEN_OPTIONS), (error) => {
    assert.ok(error instanceof BackendError, String(error));
    assert.equal(error.kind, "unusable");
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

function makeDatabase(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

Deno.test("openBackend() names the schemes it knows, and repeats nothing of the endpoint", async () => {
  await assertUnusable(
    "mongo://me:secret@host/db",
    /unknown scheme "mongo:"; known are mariadb:, memory:, mysql:, postgres:, postgresql:, sqlite:/,
  );
  await assert.rejects(
    openBackend({ endpoint: "mongo://me:secret@host/db" }, OPEN_OPTIONS),
    (error) => {
      return error instanceof Error && !error.message.includes("secret");
    },
  );
});

Deno.test("sqlite: a path, sqlite:PATH and sqlite://PATH name the same file; parameters are ignored", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    const warnings: string[] = [];
    const log = (_level: string, message: string) => warnings.push(message);
    for (
      const endpoint of [
        path,
        `sqlite:${path}`,
        `sqlite://${path}`,
        `SQLite://${path}?_journal=WAL`,
      ]
    ) {
      const backend = await openBackend({ endpoint }, { ...OPEN_OPTIONS, log });
      await backend.append(batchAt(await backend.head()));
      await backend.close();
    }
    const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
    assert.equal((await backend.head()).index, 4);
    await backend.close();
    // A slow disk may have been worth a line as well.
    assert.equal(
      warnings.filter((line) => line.includes("URL parameters have no effect")).length,
      1,
    );
  }));

Deno.test("sqlite: missing folders of the path are made", () =>
  inFolder(async (folder) => {
    const backend = await openBackend({ endpoint: `${folder}/a/b c/state.db` }, OPEN_OPTIONS);
    await backend.close();
    assert.ok((await Deno.stat(`${folder}/a/b c/state.db`)).isFile);
  }));

Deno.test("sqlite: new files are for their owner alone, and rights that a file has stay", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    const rights = (name: string) => ((Deno.statSync(name).mode ?? 0) & 0o777).toString(8);
    for (const expected of ["600", "640"]) {
      if (expected !== "600") Deno.chmodSync(path, 0o640);
      const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
      assert.deepEqual([rights(path), rights(`${path}-wal`)], [expected, expected]);
      await backend.close();
    }
  }));

Deno.test("sqlite: what is not a Rhino database is refused in one line and left alone", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text`, "This is a text. ".repeat(1_000));
    makeDatabase(`${folder}/other`, "CREATE TABLE a (b); INSERT INTO a VALUES (1)");
    makeDatabase(`${folder}/kine`, "CREATE TABLE kine (id INTEGER PRIMARY KEY, name TEXT)");
    const before = await Deno.readFile(`${folder}/kine`);
    await assertUnusable(folder, /Cannot open ".*": it is a directory$/);
    await assertUnusable(`${folder}/text`, /Cannot open ".*text": it is not a SQLite database$/);
    await assertUnusable(`${folder}/other`, /Cannot open ".*other": it is not a Rhino database$/);
    await assertUnusable(`${folder}/kine`, /it is not a Rhino database, but one of kine's$/);
    await assertUnusable(`${folder}/text/state.db`, /Cannot open ".*state.db": /);
    await assertUnusable("sqlite::memory:", /for a store in memory say memory:$/);
    await assertUnusable("sqlite://", /it names no file$/);
    assert.deepEqual(await Deno.readFile(`${folder}/kine`), before);
  }));

Deno.test("sqlite: a database of a newer Rhino is refused", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    await (await openBackend({ endpoint: path }, OPEN_OPTIONS)).close();
    makeDatabase(path, "PRAGMA user_version = 99");
    await assertUnusable(path, /it was written by a newer Rhino \(schema 99, here 3\)$/);
  }));

Deno.test("sqlite: a database of the first schema is brought up to date", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    const first = await openBackend({ endpoint: path }, OPEN_OPTIONS);
    const { head } = batchAt(await first.head());
    await first.append({ ...batchAt(await first.head()), head });
    await first.close();
    const drops = ["rhino_kv", "rhino_history"].map((view) => `DROP VIEW ${view};`);
    for (const column of ["records_idx", "leases_idx", "lease_pause"]) {
      drops.push(`ALTER TABLE head DROP COLUMN ${column};`);
    }
    drops.push("ALTER TABLE log DROP COLUMN written_at;");
    makeDatabase(path, `${drops.join("\n")} PRAGMA user_version = 1`);
    const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
    assert.deepEqual(await backend.head(), head);
    await backend.close();
  }));

Deno.test("sqlite: a database without its head is refused, and not kept locked", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    await (await openBackend({ endpoint: path }, OPEN_OPTIONS)).close();
    makeDatabase(path, "DELETE FROM head");
    await assertUnusable(path, /the database has no head$/);
    await assertUnusable(path, /the database has no head$/);
  }));

Deno.test("sqlite: a file in use cannot be opened again, by no name of it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
    await Deno.symlink(path, `${folder}/link.db`);
    const message = new RegExp(`it is in use by another Rhino server \\(pid ${Deno.pid}\\)$`);
    await assertUnusable(path, message);
    await assertUnusable(`${folder}/link.db`, message);
    await backend.append(batchAt(await backend.head()));
    await backend.close();
    await (await openBackend({ endpoint: path }, OPEN_OPTIONS)).close();
  }));

Deno.test("sqlite: what a killed server acknowledged is there, and its lock is gone", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    const script = new URL("./sqlite_child.ts", import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", script, path];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    let printed = "";
    let isKilled = false;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += chunk;
      if (isKilled || printed.length < 1_000) continue;
      await assertUnusable(
        path,
        new RegExp(`in use by another Rhino server \\(pid ${child.pid}\\)$`),
      );
      child.kill("SIGKILL");
      isKilled = true;
    }
    await child.status;
    const acknowledged = Number(printed.trimEnd().split("\n").at(-1));
    const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
    const head = await backend.head();
    assert.ok(head.index >= acknowledged && head.index <= acknowledged + 1);
    assert.equal((await history(backend)).rows.length, head.revision - 1);
    assert.equal((await range(backend)).kvs.length, 10);
    await backend.close();
  }));

Deno.test("sqlite: a reader from outside does not disturb", () =>
  inFolder(async (folder) => {
    const path = `${folder}/state.db`;
    const backend = await openBackend({ endpoint: path }, OPEN_OPTIONS);
    const reader = new DatabaseSync(path, { readOnly: true });
    reader.exec("BEGIN");
    const countKeys = reader.prepare("SELECT count(*) AS keys FROM current");
    assert.equal(countKeys.get()?.keys, 0);
    const subject = { backend, clock: { nowMs: 0 }, reopen: () => Promise.resolve(backend) };
    await append(subject, { rows: [putRow(bytes("a"), { revision: 2 })] });
    assert.equal(countKeys.get()?.keys, 0);
    reader.exec("COMMIT");
    assert.equal(countKeys.get()?.keys, 1);
    reader.close();
    await backend.close();
    await assertFails(backend.head(), "unavailable");
  }));
