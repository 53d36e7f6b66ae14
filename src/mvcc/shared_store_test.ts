/** Several engines on one store, as several servers on one database. */
import assert from "node:assert/strict";
import { type Backend, BackendError, type Batch, type Turn } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { RACES_LOST_MAX, REQUEST_TIMEOUT_MS } from "../limits.ts";
import { Disk, Engine, Gate, type Override, unavailable } from "./testing/engine.ts";
import { abandonCommand } from "./commands.ts";
import { ALL, command, deleteOp, putOp, rangeOp, readable, span } from "./testing/ops.ts";

const SHARED = { isShared: true };

function share(disk: Disk, override?: Override): Promise<Engine> {
  return Engine.open(override, disk, SHARED);
}

/** Two engines, and the second one's changes. */
async function twoEngines(override?: Override) {
  const disk = new Disk();
  const first = await share(disk);
  const second = await share(disk, override);
  return {
    first,
    second,
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
    },
  };
}

/** Hears of nothing by itself. */
const DEAF: Override = () => ({ changes: () => asyncNothing() });

async function* asyncNothing(): AsyncGenerator<void> {}

Deno.test("Store publishes what another server writes, in order, as another's", async () => {
  await using engines = await twoEngines();
  const { first, second } = engines;
  await first.put("a", "1");
  await first.put("a", "2");
  const commit = await second.committed(({ head }) => head.revision === 3);
  assert.equal(commit.isOwn, false);
  const rows = second.commits.flatMap((one) => one.rows);
  assert.deepEqual(rows.map(({ revision }) => revision), [2, 3]);
  assert.deepEqual(readable([rows[1]?.prevKv ?? new Uint8Array()]), ["a=1"]);
});

Deno.test("Writer that has lost a race publishes what came first and evaluates anew", async () => {
  await using engines = await twoEngines(DEAF);
  const { first, second } = engines;
  await first.put("a", "1");
  const { revision, prevKv } = await second.store.submit(
    command(putOp("a", "2", { prevKv: true })),
  );
  assert.equal(revision, 3);
  assert.deepEqual(readable([prevKv ?? new Uint8Array()]), ["a=1"]);
  assert.deepEqual(second.commits.map(({ isOwn }) => isOwn), [false, true]);
});

Deno.test("Writer that loses a race takes along what has come meanwhile, and asks for no key twice", async () => {
  const gate = new Gate();
  const loaded: number[] = [];
  let isFirst = true;
  await using engines = await twoEngines((real) => ({
    changes: () => asyncNothing(),
    load(query) {
      loaded.push(query.keys.length);
      return real.load(query);
    },
    async append(batch: Batch) {
      if (isFirst) await gate.wait();
      isFirst = false;
      return await real.append(batch);
    },
  }));
  const { first, second } = engines;
  const early = second.put("a");
  await gate.reached;
  const late = second.put("b");
  await first.put("c");
  gate.open();
  assert.deepEqual([(await early).revision, (await late).revision], [3, 4]);
  assert.deepEqual(second.commits.map(({ rows }) => rows.length), [1, 2]);
  assert.deepEqual(loaded, [1, 1]);
});

Deno.test("Writer answers what changes nothing by the newest head", async () => {
  await using engines = await twoEngines(DEAF);
  const { first, second } = engines;
  const a = span("a");
  const deleteA = async () => (await second.store.submit(command(deleteOp(a)))).deleted;
  // From now on the second one knows that it is not there.
  assert.equal(await deleteA(), 0);
  assert.equal(await deleteA(), 0);
  await first.put("a", "1");
  assert.equal(await deleteA(), 1);
});

Deno.test("Engines that write at the same time each get all of their revisions, dense and once", async () => {
  await using engines = await twoEngines();
  const { first, second } = engines;
  const revisions: number[] = [];
  const write = async (engine: Engine, name: string) => {
    for (let count = 0; count < 50; count++) {
      const puts = [engine.put(name), engine.put(`${name}${count}`)];
      for (const { revision } of await Promise.all(puts)) revisions.push(revision);
    }
  };
  await Promise.all([write(first, "a"), write(second, "b")]);
  revisions.sort((a, b) => a - b);
  assert.deepEqual(revisions, Array.from({ length: 200 }, (_, at) => at + 2));
  for (const engine of [first, second]) {
    await engine.committed(({ head }) => head.revision === 201);
    const published = engine.commits.flatMap(({ rows }) => rows.map((row) => row.revision));
    assert.deepEqual(published, revisions);
  }
});

Deno.test("A read sees what another server acknowledged before, a serializable one what is known", async () => {
  await using engines = await twoEngines(DEAF);
  const { first, second } = engines;
  const key = span("a");
  const read = async (serializable: boolean) => {
    const { kvs, revision } = await second.store.reader.range(rangeOp(key, { serializable }));
    return [...readable(kvs), revision];
  };
  await second.put("a", "1");
  await first.put("a", "2");
  assert.deepEqual(await read(true), ["a=1", 2]);
  assert.deepEqual(await read(false), ["a=2", 3]);
  const count = rangeOp(ALL, { countOnly: true });
  assert.equal((await second.store.reader.range(count)).count, 1);
  await first.put("b");
  assert.equal((await second.store.reader.range(count)).count, 2);
});

/** Loses the answer of the first append, before or after it was written; `meanwhile` runs before that is told. */
function losesAnswer(
  { applied, meanwhile }: { applied: boolean; meanwhile?: () => Promise<unknown> },
): Override {
  let isFirst = true;
  return (real) => ({
    changes: () => asyncNothing(),
    async append(batch: Batch) {
      if (!isFirst) return await real.append(batch);
      isFirst = false;
      if (applied) await real.append(batch);
      await meanwhile?.();
      throw new BackendError("indeterminate", "the answer is lost");
    },
  });
}

Deno.test("A commit whose answer was lost is answered once, although another server has written since", async () => {
  const disk = new Disk();
  await using other = await share(disk);
  const meanwhile = () => other.put("b", "other");
  await using engine = await share(disk, losesAnswer({ applied: true, meanwhile }));
  const { revision } = await engine.put("a", "1");
  assert.equal(revision, 2);
  const revisions = engine.commits.flatMap(({ rows }) => rows.map((row) => row.revision));
  assert.deepEqual(revisions, [2, 3]);
});

Deno.test("A commit that was lost before it was written is written then", async () => {
  const disk = new Disk();
  await using other = await share(disk);
  const meanwhile = () => other.put("b", "other");
  await using engine = await share(disk, losesAnswer({ applied: false, meanwhile }));
  assert.equal((await engine.put("a", "1")).revision, 3);
});

Deno.test("A commit that arrives after it was given up is not made a second time", async () => {
  const disk = new Disk();
  let late: Batch | undefined;
  let appends = 0;
  await using engine = await share(disk, (real) => ({
    async append(batch: Batch) {
      appends++;
      if (appends === 1) {
        late = batch;
        throw new BackendError("indeterminate", "the connection broke");
      }
      // The database carries the first one out just before the second one comes.
      if (appends === 2 && late !== undefined) await real.append(late);
      return await real.append(batch);
    },
  }));
  const { revision } = await engine.put("a", "1");
  assert.equal(revision, 2);
  const { kvs } = await engine.store.reader.range(rangeOp(ALL));
  assert.deepEqual(readable(kvs), ["a=1"]);
  assert.equal((await engine.put("a", "2")).revision, 3);
});

Deno.test("Writer tries again while the store is away, and gives up when nobody waits any more", async () => {
  const disk = new Disk();
  let isAway = true;
  const gate = new Gate();
  await using engine = await share(disk, (real) => ({
    append(batch: Batch) {
      if (!isAway) return real.append(batch);
      void gate.wait();
      throw new BackendError("unavailable", "the database is away");
    },
  }));
  const patient = engine.put("a", "1");
  await gate.reached;
  isAway = false;
  assert.equal((await patient).revision, 2);
  isAway = true;
  const overdue = engine.put("b");
  disk.nowMs += REQUEST_TIMEOUT_MS + 1;
  await assert.rejects(
    overdue,
    (error) => error instanceof EtcdError && error.reason === "timeout",
  );
  isAway = false;
  assert.equal((await engine.put("c")).revision, 3);
});

Deno.test("Writer that loses one race after another waits for its turn, and gives it back", async () => {
  const disk = new Disk();
  await using other = await share(disk);
  const turns: string[] = [];
  await using engine = await share(disk, (real: Backend) => ({
    changes: () => asyncNothing(),
    async append(batch: Batch) {
      if (turns.length === 0) await other.put("a");
      await real.append(batch);
    },
    turn(): Promise<Turn> {
      turns.push("taken");
      return Promise.resolve({
        append: (batch) => real.append(batch),
        release() {
          turns.push("released");
          return Promise.resolve();
        },
      });
    },
  }));
  assert.equal((await engine.put("b")).revision, 2 + RACES_LOST_MAX);
  assert.deepEqual(turns, ["taken", "released"]);
});

Deno.test("What another server writes while its last commits are read is read too", async () => {
  const disk = new Disk();
  await using other = await share(disk);
  let writesMeanwhile = true;
  await using engine = await share(disk, (real) => ({
    async history(query) {
      const page = await real.history(query);
      if (writesMeanwhile && page.rows.length > 0) {
        writesMeanwhile = false;
        await other.put("a", "2");
      }
      return page;
    },
  }));
  await other.put("a", "1");
  const { rows } = await engine.committed(({ head }) => head.revision === 3);
  assert.deepEqual(readable(rows.map(({ kv }) => kv)), ["a=2"]);
});

Deno.test("What another server writes is read once the store is back; that it was away is said once", async () => {
  let failures = 2;
  const flaky: Override = (real) => ({
    history: (query) => failures-- > 0 ? Promise.reject(unavailable()) : real.history(query),
  });
  await using engines = await twoEngines(flaky);
  const { first, second } = engines;
  await first.put("a", "1");
  await second.committed(({ head }) => head.revision === 2);
  // Waits for its turn behind what was read.
  await second.put("b");
  assert.deepEqual([failures, second.logged], [-1, [
    "Cannot read what other servers wrote: trying again until it works",
    "Can read again what other servers wrote",
  ]]);
});

Deno.test("Records that another server changed, or removed, are published", async () => {
  await using engines = await twoEngines();
  const { first, second } = engines;
  const { alarms } = first.store;
  const member = { memberId: 5n, alarm: 1 };
  await first.store.submit(alarms.activate(member));
  await second.committed(({ records }) => records.length > 0);
  assert.deepEqual(second.store.alarms.list(0), [member]);
  await first.store.submit(alarms.deactivate(member));
  await second.committed(({ records }) => records.some(({ value }) => value === null));
  assert.deepEqual(second.store.alarms.list(0), []);
});

Deno.test("A store whose history is another one is noticed: caches are dropped, and it goes on from there", async () => {
  const disk = new Disk();
  const restored = new Disk();
  let isLost = false;
  const there = restored.open(undefined, SHARED);
  await using engine = await share(disk, (real) => {
    const now = () => isLost ? there : real;
    return {
      head: () => now().head(),
      load: (query) => now().load(query),
      range: (query) => now().range(query),
      count: (query) => now().count(query),
      history: (query) => now().history(query),
      records: (prefix) => now().records(prefix),
      append: (batch) => now().append(batch),
      outcome: (head) => now().outcome(head),
    };
  });
  const lost: number[] = [];
  engine.store.onRestart(({ isOther, before }) => isOther && lost.push(before.revision));
  for (const value of ["1", "2", "3"]) await engine.put("a", value);
  isLost = true;
  assert.equal((await engine.put("b")).revision, 2);
  assert.deepEqual(lost, [4]);
  const { kvs } = await engine.store.reader.range(rangeOp(ALL));
  assert.deepEqual(readable(kvs), ["b="]);
  assert.ok(engine.logged.some((line) => line.includes("has lost commits")));
  // What was told before never comes to mean something else.
  await engine.store.submit(abandonCommand(4));
  const { revision, compactRevision } = engine.store.head;
  assert.deepEqual([revision, compactRevision], [4, 4]);
  assert.equal((await engine.put("c")).revision, 5);
});
