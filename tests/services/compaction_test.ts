import assert from "node:assert/strict";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { keysOf, revisionOf, valuesOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const COMPACTED = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision has been compacted",
] as const;
const FUTURE = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision is a future revision",
] as const;

/** Puts a key as many times and gives the last revision. */
async function putTimes(
  { client: { kv }, key }: ServiceTestContext,
  times: number,
): Promise<bigint> {
  let revision = 0n;
  for (let n = 1; n <= times; n++) {
    revision = revisionOf(await kv.put({ key: key("a"), value: String(n) }));
  }
  return revision;
}

serviceTest("Compact: revisions before the compacted one cannot be read, itself can", {
  fresh: true,
}, async (t) => {
  const { client: { kv }, key, all } = t;
  const last = await putTimes(t, 5);
  await kv.compact({ revision: last - 1n });
  await assertFails(kv.range({ key: key("a"), revision: last - 2n }), COMPACTED);
  await assertFails(kv.range({ ...all(), revision: 1, countOnly: true }), COMPACTED);
  await assertFails(kv.range({ ...all(), revision: 1, serializable: true }), COMPACTED);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a"), revision: last - 1n })), ["4"]);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a"), revision: last })), ["5"]);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a") })), ["5"]);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a"), revision: -1 })), ["5"]);
});

serviceTest("Compact: the header has the current revision and compacting makes none", {
  fresh: true,
}, async (t) => {
  const last = await putTimes(t, 3);
  const answer = await t.client.kv.compact({ revision: 2 });
  assert.equal(revisionOf(answer), last);
  assert.equal(await putTimes(t, 1), last + 1n);
});

serviceTest(
  "Compact: the current revision can be compacted, a future one cannot",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    const last = await putTimes(t, 3);
    await assertFails(kv.compact({ revision: last + 1n }), FUTURE);
    await kv.compact({ revision: last });
    assert.deepEqual(valuesOf(await kv.range({ key: t.key("a"), revision: last })), ["3"]);
    await assertFails(kv.range({ key: t.key("a"), revision: last - 1n }), COMPACTED);
  },
);

serviceTest("Compact: what is compacted already is refused", { fresh: true }, async (t) => {
  const { kv } = t.client;
  await putTimes(t, 5);
  await kv.compact({ revision: 4 });
  for (const revision of [4, 3, 1, 0, -1]) await assertFails(kv.compact({ revision }), COMPACTED);
  await kv.compact({ revision: 5 });
});

serviceTest(
  "Compact: of a fresh store revision 0 may be compacted, not -1",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    await assertFails(kv.compact({ revision: -1 }), COMPACTED);
    await assertFails(kv.compact({ revision: 2 }), FUTURE);
    await kv.compact({ revision: 0 });
    await assertFails(kv.compact({ revision: 0 }), COMPACTED);
    await kv.compact({ revision: 1 });
    assert.equal(revisionOf(await kv.put({ key: "a" })), 2n);
  },
);

serviceTest(
  "Compact: every read at or after the compacted revision stays exact",
  { fresh: true },
  async (t) => {
    const { client: { kv }, key, all } = t;
    const steps = [
      () => kv.put({ key: key("a"), value: "1" }),
      () => kv.put({ key: key("b"), value: "1" }),
      () => kv.put({ key: key("a"), value: "2" }),
      () => kv.deleteRange({ key: key("b") }),
      () => kv.put({ key: key("c"), value: "1" }),
      () => kv.put({ key: key("b"), value: "2" }),
      () => kv.deleteRange(all()),
      () => kv.put({ key: key("a"), value: "3" }),
      () => kv.put({ key: key("d"), value: "1" }),
    ];
    for (const step of steps) await step();
    const current = 1n + BigInt(steps.length);
    const read = (revision: bigint) => kv.range({ ...all(), revision });
    const before = new Map<bigint, Awaited<ReturnType<typeof read>>>();
    for (let revision = 1n; revision <= current; revision++) {
      before.set(revision, await read(revision));
    }
    for (const compacted of [3n, 5n, 6n, 8n, current]) {
      await kv.compact({ revision: compacted, physical: compacted % 2n === 0n });
      for (let revision = 1n; revision <= current; revision++) {
        if (revision < compacted) await assertFails(read(revision), COMPACTED);
        else assert.deepEqual(await read(revision), before.get(revision));
      }
    }
  },
);

serviceTest("Compact: at a deletion's revision the key is gone, later puts start anew", {
  fresh: true,
}, async (t) => {
  const { client: { kv }, key } = t;
  await putTimes(t, 2);
  const deleted = revisionOf(await kv.deleteRange({ key: key("a") }));
  await kv.compact({ revision: deleted, physical: true });
  assert.equal((await kv.range({ key: key("a"), revision: deleted })).count, 0n);
  await putTimes(t, 1);
  const [found] = (await kv.range({ key: key("a") })).kvs;
  assert.deepEqual([found?.version, found?.createRevision], [1n, deleted + 1n]);
});

serviceTest(
  "Compact: versions and create revisions of live keys survive it",
  { fresh: true },
  async (t) => {
    const { client: { kv }, key } = t;
    const last = await putTimes(t, 4);
    const before = await kv.range({ key: key("a") });
    await kv.compact({ revision: last, physical: true });
    assert.deepEqual(await kv.range({ key: key("a") }), before);
    await putTimes(t, 1);
    const [found] = (await kv.range({ key: key("a") })).kvs;
    assert.deepEqual([found?.version, found?.createRevision], [5n, 2n]);
  },
);

serviceTest("Compact: many keys at once, physically", { fresh: true }, async (t) => {
  const { client: { kv }, key, all } = t;
  const names = Array.from({ length: 300 }, (_, index) => key(String(index).padStart(4, "0")));
  for (const round of ["1", "2"]) {
    await Promise.all(names.map((name) => kv.put({ key: name, value: round })));
  }
  const revision = revisionOf(await kv.deleteRange({ key: names[0] ?? "", rangeEnd: key("0100") }));
  await kv.compact({ revision, physical: true });
  const found = await kv.range(all());
  assert.deepEqual(keysOf(found), names.slice(100));
  assert.ok(valuesOf(found).every((value) => value === "2"));
  assert.equal(found.count, 200n);
});

serviceTest("Compact: the compacted revision outlives a restart", {
  fresh: true,
  skips: { memory: "the memory backend keeps nothing" },
}, async (t) => {
  const { kv } = t.client;
  const last = await putTimes(t, 5);
  await kv.compact({ revision: last - 1n, physical: true });
  await t.endpoint.restart();
  await assertFails(kv.range({ key: t.key("a"), revision: last - 2n }), COMPACTED);
  assert.deepEqual(valuesOf(await kv.range({ key: t.key("a"), revision: last - 1n })), ["4"]);
  await assertFails(kv.compact({ revision: last - 1n }), COMPACTED);
  assert.equal(await putTimes(t, 1), last + 1n);
});
