/** SQLite's way to the disk: both kinds of sync, what happens when the disk fails or is full, and how files stay small. */

import assert from "node:assert/strict";
import type { Backend } from "../../backends/contract.ts";
import { SqliteBackend } from "../../backends/sqlite/backend.ts";
import { Durability, type SyncedFile } from "../../backends/sqlite/durability.ts";
import { openTuned } from "../../backends/sqlite/mod.ts";
import { openRhinoDatabase } from "../../backends/sqlite/opening.ts";
import { TUNING, type Tuning } from "../../backends/sqlite/tuning.ts";
import {
  assertFails,
  batchAt,
  bytes,
  OPEN_OPTIONS,
  putRow,
  range,
} from "../../backends/conformance/subject.ts";

const KIB = 1024;

async function withBackend(
  { unsafeNoSync = false, ...tuning }: Partial<Tuning> & { readonly unsafeNoSync?: boolean },
  check: (backend: Backend, path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rhino_" });
  const backend = await openTuned(`${folder}/state.db`, { ...OPEN_OPTIONS, unsafeNoSync }, tuning);
  try {
    await check(backend, `${folder}/state.db`);
  } finally {
    await backend.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Puts values of 4 KiB under few keys, `rows` in a batch. */
async function putMany(
  backend: Backend,
  { batches, rows = 4 }: { batches: number; rows?: number },
): Promise<void> {
  for (let made = 0; made < batches; made++) {
    const head = await backend.head();
    const value = new Uint8Array(4 * KIB).fill(made);
    const changes = Array.from(
      { length: rows },
      (_, at) =>
        putRow(bytes(`key ${(made * rows + at) % 40}`), {
          revision: head.revision + 1,
          sub: at,
          value,
        }),
    );
    await backend.append(batchAt(head, { rows: changes }));
  }
}

for (const syncMode of ["blocking", "awaited"] as const) {
  Deno.test(`sqlite with ${syncMode} syncs: the log stays bounded under endless writes`, () => {
    const checkpoint = { startBytes: 64 * KIB, pauseBytes: 256 * KIB, warnBytes: 1024 * KIB };
    return withBackend({ syncMode, checkpoint }, async (backend, path) => {
      let longest = 0;
      for (let round = 0; round < 25; round++) {
        await putMany(backend, { batches: 10 });
        longest = Math.max(longest, (await Deno.stat(`${path}-wal`)).size);
      }
      // In all some 10 MiB were written; how far it runs ahead of a busy thread is not exact.
      assert.ok(longest < 2048 * KIB, `the log grew to ${longest} bytes`);
      assert.equal((await range(backend)).kvs.length, 40);
    });
  });

  Deno.test(`sqlite with ${syncMode} syncs: a failed sync ends the backend`, async () => {
    let isBroken = false;
    function wrapWal(file: SyncedFile): SyncedFile {
      return {
        close: () => file.close(),
        async syncData() {
          if (isBroken) throw new Error("EIO");
          await file.syncData();
        },
        syncDataSync() {
          if (isBroken) throw new Error("EIO");
          file.syncDataSync();
        },
      };
    }
    await withBackend({ syncMode, wrapWal }, async (backend) => {
      await putMany(backend, { batches: 2 });
      const head = await backend.head();
      isBroken = true;
      const [first, second] = [batchAt(head), batchAt({ ...head, index: head.index + 1 })];
      await assertFails(backend.append(first), "indeterminate");
      isBroken = false;
      await assertFails(backend.append(second), "unavailable");
      await assertFails(backend.outcome(first.head), "unavailable");
      await assertFails(range(backend), "unavailable");
      await assertFails(backend.trim({ upTo: Number.MAX_SAFE_INTEGER, rowsMax: 1 }), "unavailable");
    });
  });
}

Deno.test("sqlite without syncs never waits for the disk", async () => {
  function wrapWal(file: SyncedFile): SyncedFile {
    return {
      close: () => file.close(),
      syncDataSync: () => assert.fail("a blocking sync"),
      syncData: () => assert.fail("a sync"),
    };
  }
  await withBackend({ wrapWal, unsafeNoSync: true }, async (backend) => {
    await putMany(backend, { batches: 2 });
    assert.equal((await range(backend)).kvs.length, 8);
  });
});

Deno.test("sqlite with awaited syncs: nothing is seen before it is on disk", async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  function wrapWal(file: SyncedFile): SyncedFile {
    return {
      close: () => file.close(),
      syncDataSync: () => assert.fail("a blocking sync"),
      syncData() {
        const sync = Promise.withResolvers<void>();
        syncs.push(sync);
        return sync.promise;
      },
    };
  }
  await withBackend({ syncMode: "awaited", wrapWal }, async (backend) => {
    const done: string[] = [];
    const first = batchAt(await backend.head(), { rows: [putRow(bytes("a"), { revision: 2 })] });
    const appending = backend.append(first).then(() => done.push("append"));
    await turnOfTheLoop();
    const reading = range(backend).then(({ kvs }) => done.push(`read ${kvs.length}`));
    const asking = backend.head().then(({ index }) => done.push(`head ${index}`));
    await turnOfTheLoop();
    assert.equal(done.length, 0);
    // A second batch may be appended meanwhile; the running sync does not reach it.
    const later = backend.append(batchAt(first.head)).then(() => done.push("later append"));
    await turnOfTheLoop();
    assert.equal(syncs.length, 1);
    syncs[0]?.resolve();
    await Promise.all([appending, reading, asking]);
    assert.deepEqual(done.toSorted(), ["append", "head 1", "read 1"]);
    await turnOfTheLoop();
    assert.equal(syncs.length, 2);
    syncs[1]?.resolve();
    await later;
  });
});

Deno.test("Durability leaves the loop when syncs are slow and comes back when they are quick", async () => {
  let isSlow = false;
  const calls: string[] = [];
  const durability = new Durability({
    mode: "adaptive",
    firstSyncMs: 0.1,
    log: () => {},
    onFailure: () => {},
    file: {
      close: () => {},
      syncDataSync() {
        calls.push("blocking");
        const endMs = performance.now() + (isSlow ? 10 : 0);
        while (performance.now() < endMs);
      },
      syncData() {
        calls.push("awaited");
        return Promise.resolve();
      },
    },
  });
  async function commit(): Promise<string | undefined> {
    durability.committed();
    await durability.settled();
    return calls.at(-1);
  }
  assert.equal(await commit(), "blocking");
  isSlow = true;
  assert.equal(await commit(), "blocking");
  assert.equal(await commit(), "awaited");
  isSlow = false;
  // The quickest of some dozens decides.
  let commits = 0;
  while (await commit() === "awaited") assert.ok(++commits < 1_000);
  assert.equal(await commit(), "blocking");
  await durability.close();
});

Deno.test("sqlite: a full disk is `full`, writes nothing, and ends with the need", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rhino_" });
  const opened = openRhinoDatabase(`${folder}/state.db`, OPEN_OPTIONS);
  const backend = new SqliteBackend({ opened, options: OPEN_OPTIONS, tuning: TUNING });
  await putMany(backend, { batches: 5 });
  const head = await backend.head();
  opened.database.exec("PRAGMA max_page_count = 1");
  const value = new Uint8Array(1024 * KIB);
  const batch = batchAt(head, {
    rows: [putRow(bytes("a"), { revision: head.revision + 1, value })],
  });
  await assertFails(backend.append(batch), "full");
  assert.deepEqual(await backend.head(), head);
  assert.equal(await backend.outcome(batch.head), "not-applied");
  opened.database.exec("PRAGMA max_page_count = 4294967294");
  await backend.append(batch);
  await backend.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("sqlite: trimmed space goes back to the file system by itself when it is much", () => {
  const space = { freeBytesMin: 64 * KIB, freeShareMin: 0.1 };
  return withBackend({ space }, async (backend) => {
    await putMany(backend, { batches: 200 });
    const head = await backend.head();
    await backend.append(batchAt(head, { compactRevision: head.revision }));
    const before = (await backend.size()).total;
    while (!(await backend.trim({ upTo: Number.MAX_SAFE_INTEGER, rowsMax: 500 })).done);
    // Ends when the free share is small; the steps run on a timer.
    for (let waits = 0;; waits++) {
      const { inUse } = await backend.size();
      const total = (await backend.size()).total;
      if (total <= Math.max(inUse * 1.15, inUse + 64 * KIB)) break;
      assert.ok(waits < 1_000, `${total} bytes are left of ${before}, ${inUse} in use`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal((await range(backend)).kvs.length, 40);
  });
});

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
