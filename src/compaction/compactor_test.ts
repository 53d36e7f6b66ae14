import assert from "node:assert/strict";
import { compactCommand } from "../mvcc/commands.ts";
import { hashScope } from "../mvcc/hash.ts";
import { Engine, Gate, type Override, unavailable } from "../mvcc/testing/engine.ts";
import { Compactor, type CompactorOptions } from "./compactor.ts";

class Rig implements AsyncDisposable {
  readonly engine: Engine;
  readonly compactor: Compactor;
  readonly logged: string[] = [];

  constructor(engine: Engine, options: Partial<CompactorOptions> = {}) {
    this.engine = engine;
    this.compactor = new Compactor({
      store: engine.store,
      intervalMs: 0,
      retainMin: 0,
      batchSize: 2,
      now: () => engine.disk.nowMs,
      log: (_level, message) => this.logged.push(message),
      ...options,
    });
  }

  async compact(revision: number): Promise<void> {
    const { store } = this.engine;
    await store.submit(compactCommand(revision, store.alarms));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compactor[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

async function open(override?: Override, options?: Partial<CompactorOptions>): Promise<Rig> {
  return new Rig(await overwritten(await Engine.open(override)), options);
}

/** Revisions 2 to 9 of one key. */
async function overwritten(engine: Engine): Promise<Engine> {
  for (let value = 2; value < 10; value++) await engine.put("a", `${value}`);
  return engine;
}

async function revisionsLeft(engine: Engine): Promise<number[]> {
  const everything = {
    after: 0,
    upTo: 100,
    rowsMax: 100,
    bytesMax: 1e6,
    withPrev: false,
    since: null,
  };
  const { rows } = await engine.store.backend.history(everything);
  return rows.map(({ revision }) => revision);
}

Deno.test("Compactor.trimmed() resolves when nothing is left that a compaction lets go", async () => {
  await using rig = await open();
  await rig.compact(6);
  await rig.compactor.trimmed();
  assert.deepEqual(await revisionsLeft(rig.engine), [6, 7, 8, 9]);
});

Deno.test("Compactor keeps the checksum at the compact revision, made before it trims", async () => {
  await using rig = await open();
  const { backend } = rig.engine.store;
  const first = await hashScope(backend, { compactRevision: -1, revision: 5 });
  await rig.compact(5);
  await rig.compactor.trimmed();
  const kept = { hash: first, revision: 9, hashRevision: 5, compactRevision: -1 };
  assert.deepEqual(rig.compactor.hashes.get(5), kept);

  const second = await hashScope(backend, { compactRevision: 5, revision: 8 });
  await rig.compact(8);
  await rig.compactor.trimmed();
  assert.equal(rig.compactor.hashes.get(8)?.hash, second);
  assert.equal(rig.compactor.hashes.get(8)?.compactRevision, 5);
});

Deno.test("Compactor makes the checksum of a compaction that comes while an earlier one is trimmed", async () => {
  const gate = new Gate();
  let isFirst = true;
  await using rig = await open((real) => ({
    async trim(query) {
      if (isFirst) await gate.wait();
      isFirst = false;
      return await real.trim(query);
    },
  }));
  const before = await hashScope(rig.engine.store.backend, { compactRevision: -1, revision: 5 });
  await rig.compact(5);
  await gate.reached;
  await rig.compact(8);
  gate.open();
  await rig.compactor.trimmed();
  assert.deepEqual(await revisionsLeft(rig.engine), [8, 9]);
  assert.equal(rig.compactor.hashes.get(5)?.hash, before);
  assert.equal(rig.compactor.hashes.get(8)?.compactRevision, 5);

  // As a store that was compacted at leisure has it.
  await using calm = await open();
  await calm.compact(5);
  await calm.compactor.trimmed();
  await calm.compact(8);
  await calm.compactor.trimmed();
  assert.equal(rig.compactor.hashes.get(8)?.hash, calm.compactor.hashes.get(8)?.hash);
});

Deno.test("Compactor tries again after a step of trimming has failed", async () => {
  let failures = 1;
  await using rig = await open((real) => ({
    trim(query) {
      if (failures-- > 0) throw unavailable();
      return real.trim(query);
    },
  }));
  await rig.compact(6);
  await rig.compactor.trimmed();
  assert.deepEqual(await revisionsLeft(rig.engine), [6, 7, 8, 9]);
  assert.deepEqual(rig.logged, ["Cannot trim what was compacted: trying again"]);
});

Deno.test("Compactor trims without a checksum when it cannot be made", async () => {
  await using rig = await open(() => ({
    count() {
      throw unavailable();
    },
  }));
  await rig.compact(6);
  await rig.compactor.trimmed();
  assert.equal(rig.compactor.hashes.get(6), undefined);
  assert.deepEqual(await revisionsLeft(rig.engine), [6, 7, 8, 9]);
  assert.equal(rig.logged.length, 1);
});

Deno.test("Compactor trims at its start what a crash has left", async () => {
  await using engine = await overwritten(await Engine.open());
  await engine.store.submit(compactCommand(6, engine.store.alarms));
  assert.equal((await revisionsLeft(engine)).length, 8);
  await using rig = new Rig(await Engine.open(undefined, engine.disk));
  await rig.compactor.trimmed();
  assert.deepEqual(await revisionsLeft(rig.engine), [6, 7, 8, 9]);
});

Deno.test("Compactor compacts at intervals, and leaves the revisions that it shall retain", async () => {
  await using rig = await open(undefined, { intervalMs: 1, retainMin: 3 });
  const { head } = await rig.engine.committed((commit) => commit.head.compactRevision > 0);
  assert.equal(head.compactRevision, 6);
  await rig.compactor.trimmed();
  assert.deepEqual(await revisionsLeft(rig.engine), [6, 7, 8, 9]);
});

Deno.test("Compactor compacts on etcd's schedule in place of its own", async () => {
  await using rig = await open(undefined, {
    automatic: { mode: "periodic", periodMs: 20 },
    intervalMs: 1,
    retainMin: 3,
    now: () => performance.now(),
  });
  const { head } = await rig.engine.committed((commit) => commit.head.compactRevision > 0);
  assert.equal(head.compactRevision, 9, "all that was there one period ago");

  await using off = await open(undefined, { automatic: { mode: "off" }, intervalMs: 1 });
  // Ten of the intervals that do not count.
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(off.engine.store.head.compactRevision, -1);
});

Deno.test("Compactor tries again at the next interval when it could not compact", async () => {
  let isBroken = true;
  await using rig = await open((real) => ({
    append(batch) {
      // Nothing but the compaction: the keys have to be written.
      if (batch.head.compactRevision < 0 || !isBroken) return real.append(batch);
      isBroken = false;
      throw unavailable();
    },
  }), { intervalMs: 1, retainMin: 3 });
  await rig.engine.committed((commit) => commit.head.compactRevision > 0);
  assert.equal(rig.logged[0], "Cannot compact: trying again at the next interval");
});

Deno.test("Compactor stops between two steps when it is closed", async () => {
  const gate = new Gate();
  let steps = 0;
  const rig = await open((real) => ({
    async trim(query) {
      steps++;
      await gate.wait();
      return await real.trim({ ...query, rowsMax: 1 });
    },
  }));
  await rig.compact(9);
  await gate.reached;
  const closed = rig.compactor[Symbol.asyncDispose]();
  gate.open();
  await closed;
  assert.equal(steps, 1);
  await rig.engine[Symbol.asyncDispose]();
});

Deno.test("Compactor tells what it trims, step by step, and once for each compaction", async () => {
  let removedRows = 0;
  let finished = 0;
  await using rig = await open(undefined, {
    observe: {
      stepped: ({ removed }) => void (removedRows += removed),
      stepFailed: () => assert.fail("no step fails"),
      finished: () => void finished++,
    },
  });
  await rig.compact(4);
  await rig.compactor.trimmed();
  assert.equal(rig.compactor.lag, 0);
  // Revisions 2 and 3 are gone.
  assert.deepEqual([removedRows, finished], [2, 1]);
});

Deno.test("Compactor.hold() keeps what later compactions let go, until the last hold is gone", async () => {
  await using rig = await open();
  await rig.compact(4);
  const first = await rig.compactor.hold();
  const second = await rig.compactor.hold();
  assert.deepEqual([first.compactRevision, second.compactRevision], [4, 4]);
  // What asks for the same trimming is not held up.
  await rig.compactor.trimmed();

  await rig.compact(7);
  const trimmed = rig.compactor.trimmed();
  first[Symbol.dispose]();
  // Time for many a step.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await revisionsLeft(rig.engine), [4, 5, 6, 7, 8, 9]);
  second[Symbol.dispose]();
  await trimmed;
  assert.deepEqual(await revisionsLeft(rig.engine), [7, 8, 9]);
});

Deno.test("Compactor.hold() waits for the trimming of what is compacted already", async () => {
  await using rig = await open();
  await rig.compact(8);
  using hold = await rig.compactor.hold();
  assert.equal(hold.compactRevision, 8);
  assert.deepEqual(await revisionsLeft(rig.engine), [8, 9]);
});

Deno.test("Compactor ends although something is held", async () => {
  const rig = await open();
  await rig.compactor.hold();
  await rig.compact(8);
  await rig[Symbol.asyncDispose]();
});
