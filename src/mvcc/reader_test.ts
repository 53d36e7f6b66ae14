import assert from "node:assert/strict";
import fc from "fast-check";
import { EtcdError } from "../errors.ts";
import { PAGE_ROWS } from "../limits.ts";
import { Alarms } from "./alarms.ts";
import { compactCommand } from "./commands.ts";
import type { RangePart } from "./reader.ts";
import { Engine, type Override } from "./testing/engine.ts";
import { ALL, command, deleteOp, putOp, rangeOp, readable, span, txnOp } from "./testing/ops.ts";
import type { RangeOp } from "./types.ts";

interface Calls {
  load: number;
  count: number;
}

/** Counts the questions that reach the backend. */
function counted(calls: Calls): Override {
  return (real) => ({
    load(query) {
      calls.load++;
      return real.load(query);
    },
    count(query) {
      calls.count++;
      return real.count(query);
    },
  });
}

async function stream(engine: Engine, options: Partial<RangeOp> = {}): Promise<RangePart[]> {
  const parts: RangePart[] = [];
  for await (const part of engine.store.reader.stream(rangeOp(ALL, options))) parts.push(part);
  return parts;
}

function hasReason(reason: EtcdError["reason"]) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

Deno.test("Reader.range() answers a hot key without asking the backend, also that it is gone", async () => {
  const calls = { load: 0, count: 0 };
  await using engine = await Engine.open(counted(calls));
  await engine.put("a", "1");
  await engine.store.submit(command(deleteOp(span("a"))));
  await engine.put("b", "2");
  const before = calls.load;
  const gone = await engine.store.reader.range(rangeOp(span("a")));
  const found = await engine.store.reader.range(rangeOp(span("b")));
  assert.deepEqual([gone.count, gone.revision], [0, 4]);
  assert.deepEqual([readable(found.kvs), found.count], [["b=2"], 1]);
  assert.equal(calls.load, before);
});

Deno.test("Reader.range() keeps what it loaded, and shows the next write of it", async () => {
  const calls = { load: 0, count: 0 };
  await using engine = await Engine.open(counted(calls));
  const { reader } = engine.store;
  assert.equal((await reader.range(rangeOp(span("a")))).count, 0);
  assert.equal((await reader.range(rangeOp(span("a")))).count, 0);
  assert.equal(calls.load, 1);
  await engine.put("a", "1");
  assert.deepEqual(readable((await reader.range(rangeOp(span("a")))).kvs), ["a=1"]);
});

Deno.test("Reader.range() does not keep a loaded version that a commit has overtaken", async () => {
  let whileLoading = async () => {};
  await using engine = await Engine.open((real) => ({
    async load(query) {
      const loaded = await real.load(query);
      const hook = whileLoading;
      whileLoading = async () => {};
      await hook();
      return loaded;
    },
  }));
  whileLoading = async () => {
    await engine.put("a", "new");
  };
  const { reader } = engine.store;
  assert.equal((await reader.range(rangeOp(span("a")))).revision, 1);
  assert.deepEqual(readable((await reader.range(rangeOp(span("a")))).kvs), ["a=new"]);
});

Deno.test("Reader.range() reads the past, and refuses what is compacted or to come", async () => {
  await using engine = await Engine.open();
  await engine.put("a", "1");
  await engine.put("a", "2");
  await engine.put("b", "3");
  const { reader } = engine.store;
  const at = async (revision: number, range = ALL) =>
    readable((await reader.range(rangeOp(range, { revision }))).kvs);
  assert.deepEqual(await at(2), ["a=1"]);
  assert.deepEqual(await at(2, span("a")), ["a=1"]);
  assert.deepEqual(await at(2, span("b")), []);
  assert.deepEqual(await at(-5), ["a=2", "b=3"]);
  await engine.store.submit(compactCommand(3, new Alarms()));
  assert.deepEqual(await at(3), ["a=2"]);
  for (const range of [ALL, span("a")]) {
    await assert.rejects(at(2, range), hasReason("compacted"));
    await assert.rejects(at(5, range), hasReason("futureRevision"));
    const count = rangeOp(range, { revision: 5, countOnly: true });
    await assert.rejects(async () => await reader.range(count), hasReason("futureRevision"));
  }
});

Deno.test("Reader.range() counts what the limit leaves out, once for pages that follow each other", async () => {
  const calls = { load: 0, count: 0 };
  await using engine = await Engine.open(counted(calls));
  for (const name of ["a", "b", "c", "d", "e"]) await engine.put(name);
  const { reader } = engine.store;
  for (let i = 0; i < 3; i++) {
    const { kvs, more, count } = await reader.range(rangeOp(ALL, { limit: 2 }));
    assert.deepEqual([readable(kvs), more, count], [["a=", "b="], true, 5]);
  }
  assert.equal(calls.count, 1);
  const whole = await reader.range(rangeOp(ALL, { limit: 5 }));
  assert.deepEqual([whole.kvs.length, whole.more, whole.count], [5, false, 5]);
});

Deno.test("Reader.stream() remembers what follows a page for the page that is asked for next", async () => {
  const calls = { load: 0, count: 0 };
  await using engine = await Engine.open(counted(calls));
  for (const name of ["a", "b", "c", "d", "e"]) await engine.put(name);
  const [first] = await stream(engine, { limit: 2 });
  assert.deepEqual([first?.more, first?.count, first?.isLast], [true, 5, true]);
  await engine.put("f");
  const range = span("b\0", "\0");
  const [second] = await stream(engine, { range, limit: 2, revision: 6 });
  assert.deepEqual(readable(second?.kvs ?? []), ["c=", "d="]);
  assert.deepEqual([second?.more, second?.count], [true, 3]);
  assert.equal(calls.count, 1);
});

Deno.test("Reader.stream() tells more and count only in its last part", async () => {
  await using engine = await Engine.open();
  const many = Array.from({ length: PAGE_ROWS + 5 }, (_, i) => engine.put(`k${1e6 + i}`));
  await Promise.all(many);
  const parts = await stream(engine);
  assert.deepEqual(
    parts.map(({ kvs, isLast, more, count }) => [kvs.length, isLast, more, count]),
    [[PAGE_ROWS, false, false, 0], [5, true, false, PAGE_ROWS + 5]],
  );
  const cut = await stream(engine, { limit: PAGE_ROWS + 1, keysOnly: true });
  assert.deepEqual(cut.map(({ count, more }) => [count, more]), [[0, false], [
    PAGE_ROWS + 5,
    true,
  ]]);
});

Deno.test("Reader.range() starts again at the newer revision when a compaction overtakes it", async () => {
  let betweenPages = async () => {};
  await using engine = await Engine.open((real) => ({
    async range(query) {
      const page = await real.range(query);
      const hook = betweenPages;
      betweenPages = async () => {};
      await hook();
      return page;
    },
  }));
  await Promise.all(Array.from({ length: PAGE_ROWS + 5 }, (_, i) => engine.put(`k${1e6 + i}`)));
  betweenPages = async () => {
    await engine.put("a");
    await engine.store.submit(compactCommand(engine.store.head.revision, new Alarms()));
  };
  const { count, revision } = await engine.store.reader.range(rangeOp(ALL));
  assert.deepEqual([count, revision], [PAGE_ROWS + 6, engine.store.head.revision]);
});

Deno.test("Reader.range() with countOnly stays exact over random writes, whatever is remembered", async () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const write = fc.oneof(
    name.map((key) => command(txnOp([putOp(key)]))),
    fc.tuple(name, name).map(([from, to]) => command(deleteOp(span(from, to)))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
      await using engine = await Engine.open();
      const { reader, backend } = engine.store;
      for (const one of writes) {
        await engine.store.submit(one);
        for (const range of [ALL, span("b", "d"), span("b", "a")]) {
          const { count } = await reader.range(rangeOp(range, { countOnly: true }));
          assert.equal(count, (await backend.count({ ...range, revision: 0 })).count);
          const limited = await reader.range(rangeOp(range, { limit: 1 }));
          assert.equal(limited.count, count);
          assert.equal(limited.more, count > 1);
        }
      }
    }),
    { numRuns: 30 },
  );
});
