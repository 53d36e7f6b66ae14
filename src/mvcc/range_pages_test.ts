import assert from "node:assert/strict";
import { type Backend, FIRST_HEAD } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { PAGE_BYTES, PAGE_ROWS, RANGE_RESTARTS_MAX } from "../limits.ts";
import { Alarms } from "./alarms.ts";
import { compactCommand } from "./commands.ts";
import {
  checkRevision,
  type PagesOptions,
  RangeOvertaken,
  readPages,
  restartIfOvertaken,
} from "./range_pages.ts";
import { Engine } from "./testing/engine.ts";
import { ALL, readable } from "./testing/ops.ts";

const KEYS = PAGE_ROWS + 500;
const WHOLE: PagesOptions = {
  range: ALL,
  revision: 0,
  limit: Infinity,
  keysOnly: false,
  packed: false,
  call: undefined,
};

async function fill(engine: Engine, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => engine.put(`k${1e6 + i}`)));
}

async function collect(backend: Backend, options: Partial<PagesOptions> = {}) {
  const pages = [];
  for await (const page of readPages(backend, { ...WHOLE, ...options })) pages.push(page);
  return pages;
}

function hasReason(reason: EtcdError["reason"]) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

Deno.test("readPages() reads all pages at the first one's revision while others write", async () => {
  await using engine = await Engine.open();
  await fill(engine, KEYS);
  const revision = engine.store.head.revision;
  const kvs: Uint8Array[] = [];
  for await (const page of readPages(engine.store.backend, WHOLE)) {
    assert.equal(page.revision, revision);
    assert.equal(page.head.revision, revision);
    kvs.push(...page.kvs);
    await engine.put("k9999999");
    await engine.put(`k${1e6 + KEYS - 1}`, "changed");
  }
  const names = readable(kvs);
  assert.equal(names.length, KEYS);
  assert.equal(names.at(-1), `k${1e6 + KEYS - 1}=`);
});

Deno.test("readPages() ends at its limit, and tells whether there is more", async () => {
  await using engine = await Engine.open();
  await fill(engine, KEYS);
  const { backend } = engine.store;
  const counts = async (limit: number) =>
    (await collect(backend, { limit })).map(({ count, more, isLast }) => [count, more, isLast]);
  assert.deepEqual(await counts(3), [[3, true, true]]);
  assert.deepEqual(await counts(PAGE_ROWS), [[PAGE_ROWS, true, true]]);
  assert.deepEqual(await counts(PAGE_ROWS + 1), [[PAGE_ROWS, true, false], [1, true, true]]);
  assert.deepEqual(await counts(KEYS), [[PAGE_ROWS, true, false], [500, false, true]]);
  assert.deepEqual(await counts(Infinity), [[PAGE_ROWS, true, false], [500, false, true]]);
});

Deno.test("readPages() ends a page after its bytes, and answers one empty page for no keys", async () => {
  await using engine = await Engine.open();
  const [empty, ...others] = await collect(engine.store.backend);
  assert.deepEqual([empty?.count, empty?.lastKey, empty?.isLast], [0, null, true]);
  assert.equal(others.length, 0);
  for (const name of ["a", "b", "c"]) await engine.put(name, "v".repeat(PAGE_BYTES / 2 + 1));
  const pages = await collect(engine.store.backend);
  assert.deepEqual(pages.map(({ count }) => count), [2, 1]);
});

Deno.test("readPages() fails as overtaken when a compaction passes its revision between two pages", async () => {
  await using engine = await Engine.open();
  await fill(engine, KEYS);
  const pages = readPages(engine.store.backend, WHOLE);
  await pages.next();
  await engine.put("a");
  await engine.store.submit(compactCommand(engine.store.head.revision, new Alarms()));
  await assert.rejects(pages.next(), RangeOvertaken);
});

Deno.test("readPages() goes on when a compaction stops at its revision", async () => {
  await using engine = await Engine.open();
  await fill(engine, KEYS);
  const pages = readPages(engine.store.backend, WHOLE);
  await pages.next();
  await engine.store.submit(compactCommand(engine.store.head.revision, new Alarms()));
  assert.equal((await pages.next()).value?.count, 500);
  assert.equal((await pages.next()).done, true);
});

Deno.test("checkRevision() takes revisions from the compact revision to the head's", () => {
  const head = { ...FIRST_HEAD, index: 9, revision: 10, compactRevision: 5 };
  for (const revision of [-1, 0, 5, 7, 10]) checkRevision(revision, head);
  assert.throws(() => checkRevision(11, head), hasReason("futureRevision"));
  assert.throws(() => checkRevision(4, head), hasReason("compacted"));
});

Deno.test("restartIfOvertaken() reads again until it is not overtaken", async () => {
  let calls = 0;
  const answer = await restartIfOvertaken(() => {
    if (++calls < 3) throw new RangeOvertaken();
    return Promise.resolve("read");
  });
  assert.deepEqual([answer, calls], ["read", 3]);
});

Deno.test("restartIfOvertaken() answers timeout when it is overtaken again and again", async () => {
  let calls = 0;
  const overtaken = () => {
    calls++;
    return Promise.reject(new RangeOvertaken());
  };
  await assert.rejects(restartIfOvertaken(overtaken), hasReason("timeout"));
  assert.equal(calls, RANGE_RESTARTS_MAX);
});

Deno.test("restartIfOvertaken() passes other errors on at once", async () => {
  let calls = 0;
  const fails = () => {
    calls++;
    return Promise.reject(new EtcdError("compacted"));
  };
  await assert.rejects(restartIfOvertaken(fails), hasReason("compacted"));
  assert.equal(calls, 1);
});

Deno.test("readPages() stops between two pages when its client has left", async () => {
  await using engine = await Engine.open();
  await fill(engine, PAGE_ROWS + 1);
  const controller = new AbortController();
  const pages = readPages(engine.store.backend, { ...WHOLE, call: controller });
  assert.equal((await pages.next()).value?.isLast, false);
  controller.abort(new Error("the client has left"));
  await assert.rejects(pages.next(), { message: "the client has left" });
});
