/** Parts of the SQLite backend whose care cannot be seen from outside: folders, transactions, chunks, the missing thread. */

import assert from "node:assert/strict";
import type { CheckpointerThread } from "../../backends/sqlite/checkpointer.ts";
import { ChunkSizer } from "../../backends/sqlite/chunks.ts";
import type { Database } from "../../backends/sqlite/driver.ts";
import { makeFolder } from "../../backends/sqlite/folders.ts";
import { openTuned } from "../../backends/sqlite/mod.ts";
import { openRhinoDatabase } from "../../backends/sqlite/opening.ts";
import { readStoredHead } from "../../backends/sqlite/reading.ts";
import { inReadTransaction } from "../../backends/sqlite/transaction.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow, range } from "../../backends/conformance/subject.ts";

async function inFolder(check: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rhino_" });
  try {
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("makeFolder() syncs the parent of each folder it made, from the top, and no other", () =>
  inFolder((folder) => {
    const synced: string[] = [];
    const sync = (parent: string) => synced.push(parent);
    makeFolder(`${folder}/a/b/c`, sync);
    assert.ok(Deno.statSync(`${folder}/a/b/c`).isDirectory);
    assert.deepEqual(synced, [folder, `${folder}/a`, `${folder}/a/b`]);
    makeFolder(`${folder}/a/b`, sync);
    assert.equal(synced.length, 3);
    makeFolder(`${folder}/a/b/d`, sync);
    assert.deepEqual(synced.slice(3), [`${folder}/a/b`]);
  }));

Deno.test("sqlite: a read whose commit fails leaves no transaction behind", () =>
  inFolder((folder) => {
    const { database, lock, walFile } = openRhinoDatabase(`${folder}/state.db`, OPEN_OPTIONS);
    const commit = { run: () => assert.fail("the commit") };
    const broken: Database = {
      ...database,
      // Everything but the commit is the database's own.
      query: Object.create(database.query, { commit: { value: commit } }) as Database["query"],
    };
    assert.throws(() => inReadTransaction(broken, readStoredHead), /the commit/);
    assert.equal(inReadTransaction(database, readStoredHead).head.index, 0);
    database.close();
    walFile.close();
    lock.release();
  }));

Deno.test("ChunkSizer grows by what it sees, and never asks for more than four times the bytes in many rows", () => {
  const sizer = new ChunkSizer();
  const wanted = { rowsMax: 1_000_000, bytes: 1_000_000 };
  let before = 2;
  for (const rowBytes of [10_000, 10, 10, 10, 10, 10, 500]) {
    const { rows, rowBytesMax } = sizer.next(wanted);
    assert.ok(rows >= 1 && rows <= before * 4 && rows * rowBytesMax <= 4_000_000);
    sizer.read({ rows, bytes: rows * rowBytes, isCut: false });
    before = rows;
  }
  assert.equal(sizer.next(wanted).rows, 2_000);
  // The first row was left out: it is read alone, whatever its size.
  sizer.read({ rows: 0, bytes: 0, isCut: true });
  assert.deepEqual(sizer.next(wanted), { rows: 1, rowBytesMax: Number.MAX_SAFE_INTEGER });
});

Deno.test("sqlite: defragment() gives space back where no thread can be started", () =>
  inFolder(async (folder) => {
    const thread: CheckpointerThread = {
      isDead: true,
      run: () => Promise.resolve({ error: "no thread" }),
      close: () => Promise.resolve(),
    };
    const checkpoint = { startBytes: 65_536, pauseBytes: 262_144, warnBytes: 1_048_576 };
    const tuning = { openCheckpointThread: () => thread, checkpoint };
    const backend = await openTuned(`${folder}/state.db`, OPEN_OPTIONS, tuning);
    const value = new Uint8Array(100_000).fill(5);
    for (let revision = 2; revision < 60; revision++) {
      const rows = [putRow(bytes("a"), { revision, value })];
      await backend.append(batchAt(await backend.head(), { rows }));
    }
    await backend.append(batchAt(await backend.head(), { compactRevision: 59 }));
    while (!(await backend.trim({ upTo: 59, rowsMax: 100 })).done);
    const { kvs } = await range(backend);
    await backend.defragment();
    const { total, inUse } = await backend.size();
    assert.equal(total, inUse);
    assert.deepEqual((await range(backend)).kvs, kvs);
    await backend.close();
    assert.ok((await Deno.stat(`${folder}/state.db`)).size < 10 * value.length);
  }));
