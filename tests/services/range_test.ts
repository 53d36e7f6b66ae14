import assert from "node:assert/strict";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { bytes } from "../support/message_init.ts";
import { fieldsOf, keysOf, revisionOf, valuesOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const FUTURE = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision is a future revision",
] as const;
const NO_KEY = [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"] as const;

/** Puts each of the keys, with its own name as the value. */
async function putAll({ client: { kv }, key }: ServiceTestContext, names: string): Promise<void> {
  for (const name of names.split(" ")) await kv.put({ key: key(name), value: name });
}

serviceTest("Range: a key gives all fields of its key-value", async (t) => {
  const { client: { kv }, key } = t;
  const first = await kv.put({ key: key("a"), value: "1" });
  const second = await kv.put({ key: key("a"), value: "2" });
  const answer = await kv.range({ key: key("a") });
  assert.deepEqual(answer.kvs.map(fieldsOf), [{
    key: key("a"),
    value: "2",
    create: revisionOf(first),
    mod: revisionOf(second),
    version: 2n,
    lease: 0n,
  }]);
  assert.equal(answer.count, 1n);
  assert.equal(answer.more, false);
});

serviceTest("Range: a missing key gives no key-values and no error", async (t) => {
  const answer = await t.client.kv.range({ key: t.key("missing") });
  assert.deepEqual([answer.kvs, answer.count, answer.more], [[], 0n, false]);
});

serviceTest(
  "Range: an empty key is refused, with or without a range end",
  async ({ client: { kv } }) => {
    await assertFails(kv.range({}), NO_KEY);
    await assertFails(kv.range({ rangeEnd: "z" }), NO_KEY);
    await assertFails(kv.range({ rangeEnd: "\0" }), NO_KEY);
  },
);

serviceTest("Range: key to range end is in key order and leaves the end out", async (t) => {
  await putAll(t, "c a d b");
  const { client: { kv }, key } = t;
  const answer = await kv.range({ key: key("a"), rangeEnd: key("c") });
  assert.deepEqual(keysOf(answer), [key("a"), key("b")]);
  assert.equal(answer.count, 2n);
});

serviceTest("Range: both ends may be keys that do not exist", async (t) => {
  await putAll(t, "b d");
  const answer = await t.client.kv.range({ key: t.key("a"), rangeEnd: t.key("c") });
  assert.deepEqual(keysOf(answer), [t.key("b")]);
});

serviceTest("Range: a range end that is not after the key gives nothing", async (t) => {
  await putAll(t, "a b c");
  for (const rangeEnd of ["a", "b"]) {
    const answer = await t.client.kv.range({ key: t.key("b"), rangeEnd: t.key(rangeEnd) });
    assert.deepEqual([answer.kvs, answer.count], [[], 0n]);
  }
});

serviceTest(
  "Range: a zero byte as range end gives every key from the key on",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    for (const key of ["a", "b", bytes("c"), new Uint8Array([0xff, 0xff])]) await kv.put({ key });
    const fromB = await kv.range({ key: "b", rangeEnd: "\0" });
    assert.deepEqual(fromB.kvs.map((kv) => [...kv.key]), [[98], [99], [255, 255]]);
    assert.equal(fromB.count, 3n);
    const everything = await kv.range({ key: "\0", rangeEnd: "\0" });
    assert.equal(everything.count, 4n);
  },
);

serviceTest("Range: a limit cuts the key-values and sets more, count stays whole", async (t) => {
  await putAll(t, "a b c");
  const { client: { kv }, all, key } = t;
  const cut = await kv.range({ ...all(), limit: 2 });
  assert.deepEqual([keysOf(cut), cut.more, cut.count], [[key("a"), key("b")], true, 3n]);
  const exact = await kv.range({ ...all(), limit: 3 });
  assert.deepEqual([exact.kvs.length, exact.more, exact.count], [3, false, 3n]);
  const wide = await kv.range({ ...all(), limit: 10 });
  assert.deepEqual([wide.kvs.length, wide.more, wide.count], [3, false, 3n]);
  const one = await kv.range({ key: key("a"), limit: 1 });
  assert.deepEqual([one.kvs.length, one.more, one.count], [1, false, 1n]);
});

serviceTest("Range: a zero or negative limit is no limit", async (t) => {
  await putAll(t, "a b c");
  for (const limit of [0, -1, -5]) {
    const answer = await t.client.kv.range({ ...t.all(), limit });
    assert.deepEqual([answer.kvs.length, answer.more], [3, false]);
  }
});

serviceTest("Range: a past revision gives the store as it was then", async (t) => {
  const { client: { kv }, all, key } = t;
  const first = revisionOf(await kv.put({ key: key("a"), value: "1" }));
  const second = revisionOf(await kv.put({ key: key("b"), value: "1" }));
  await kv.put({ key: key("a"), value: "2" });
  await kv.deleteRange({ key: key("b") });
  const then = await kv.range({ ...all(), revision: second });
  assert.deepEqual(valuesOf(then), ["1", "1"]);
  assert.deepEqual([then.kvs[0]?.version, then.kvs[0]?.modRevision], [1n, first]);
  const before = await kv.range({ ...all(), revision: first - 1n });
  assert.deepEqual([before.kvs, before.count], [[], 0n]);
  assert.deepEqual(valuesOf(await kv.range(all())), ["2"]);
});

serviceTest("Range: the header has the current revision, whichever was asked for", async (t) => {
  const { client: { kv }, key } = t;
  const first = revisionOf(await kv.put({ key: key("a"), value: "1" }));
  const current = revisionOf(await kv.put({ key: key("a"), value: "2" }));
  assert.equal(revisionOf(await kv.range({ key: key("a"), revision: first })), current);
  assert.equal(revisionOf(await kv.range({ key: key("a") })), current);
});

serviceTest("Range: a negative revision means the newest", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  for (const revision of [-1, -5]) {
    assert.deepEqual(valuesOf(await kv.range({ key: key("a"), revision })), ["1"]);
  }
});

serviceTest(
  "Range: the current revision can be read, the one after it is a future revision",
  async (t) => {
    const { client: { kv }, key } = t;
    const current = revisionOf(await kv.put({ key: key("a"), value: "1" }));
    assert.equal((await kv.range({ key: key("a"), revision: current })).count, 1n);
    await assertFails(kv.range({ key: key("a"), revision: current + 1n }), FUTURE);
    await assertFails(kv.range({ ...t.all(), revision: current + 1n, countOnly: true }), FUTURE);
    await assertFails(kv.range({ ...t.all(), revision: 2n ** 62n, serializable: true }), FUTURE);
  },
);

serviceTest("Range: keys only leaves values and leases out, nothing else", async (t) => {
  const { client: { kv, lease }, key } = t;
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  const put = revisionOf(await kv.put({ key: key("a"), value: "1", lease: ID }));
  const answer = await kv.range({ ...t.all(), keysOnly: true });
  assert.deepEqual(answer.kvs.map(fieldsOf), [
    { key: key("a"), value: "", create: put, mod: put, version: 1n, lease: 0n },
  ]);
  await lease.leaseRevoke({ ID });
});

serviceTest("Range: keys only sorted by value leaves out only the value", async (t) => {
  const { client: { kv, lease }, key } = t;
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  await kv.put({ key: key("a"), value: "2", lease: ID });
  await kv.put({ key: key("b"), value: "1" });
  const answer = await kv.range({ ...t.all(), keysOnly: true, sortTarget: 4, sortOrder: 1 });
  assert.deepEqual(keysOf(answer), [key("b"), key("a")]);
  assert.deepEqual(valuesOf(answer), ["", ""]);
  assert.deepEqual(answer.kvs.map((kv) => kv.lease), [0n, ID]);
  await lease.leaseRevoke({ ID });
});

serviceTest(
  "Range: count only gives the whole count, whatever limit and filters say",
  async (t) => {
    await putAll(t, "a b c");
    const { client: { kv }, all } = t;
    const answer = await kv.range({
      ...all(),
      countOnly: true,
      limit: 1,
      minModRevision: 2n ** 40n,
    });
    assert.deepEqual([answer.kvs, answer.count, answer.more], [[], 3n, false]);
    const none = await kv.range({ ...all("x"), countOnly: true });
    assert.deepEqual([none.kvs, none.count], [[], 0n]);
  },
);

serviceTest("Range: count only at a past revision counts the keys of then", async (t) => {
  const { client: { kv }, all, key } = t;
  await putAll(t, "a b");
  const then = revisionOf(await kv.put({ key: key("c") }));
  await kv.deleteRange(all());
  assert.equal((await kv.range({ ...all(), countOnly: true, revision: then })).count, 3n);
  assert.equal((await kv.range({ ...all(), countOnly: true })).count, 0n);
});

serviceTest("Range: revision filters drop key-values but leave the count whole", async (t) => {
  const { client: { kv }, all, key } = t;
  const a = revisionOf(await kv.put({ key: key("a") }));
  const b = revisionOf(await kv.put({ key: key("b") }));
  const a2 = revisionOf(await kv.put({ key: key("a") }));
  const cases = [
    [{ minModRevision: a2 }, ["a"]],
    [{ maxModRevision: b }, ["b"]],
    [{ minCreateRevision: b }, ["b"]],
    [{ maxCreateRevision: a }, ["a"]],
    [{ minModRevision: b, maxModRevision: a2 }, ["a", "b"]],
    [{ minModRevision: b, maxCreateRevision: a }, ["a"]],
    [{ minModRevision: a2 + 1n }, []],
  ] as const;
  for (const [filters, names] of cases) {
    const answer = await kv.range({ ...all(), ...filters });
    assert.deepEqual(keysOf(answer), names.map(key));
    assert.equal(answer.count, 2n);
  }
});

serviceTest("Range: a limit applies after revision filters", async (t) => {
  const { client: { kv }, all, key } = t;
  await putAll(t, "a b");
  const c = revisionOf(await kv.put({ key: key("c") }));
  await putAll(t, "d e");
  const cut = await kv.range({ ...all(), minModRevision: c, limit: 2 });
  assert.deepEqual(keysOf(cut), [key("c"), key("d")]);
  assert.deepEqual([cut.more, cut.count], [true, 5n]);
  const whole = await kv.range({ ...all(), minModRevision: c, limit: 3 });
  assert.deepEqual([whole.kvs.length, whole.more], [3, false]);
});

serviceTest("Range: serializable gives the same answer", async (t) => {
  await putAll(t, "a b");
  const { client: { kv }, all } = t;
  const answer = await kv.range({ ...all(), serializable: true });
  assert.deepEqual(answer, await kv.range(all()));
});

serviceTest("Range: a deleted key is gone, and its successor starts anew", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  await kv.put({ key: key("a"), value: "2" });
  await kv.deleteRange({ key: key("a") });
  assert.equal((await kv.range({ key: key("a") })).count, 0n);
  const again = revisionOf(await kv.put({ key: key("a"), value: "3" }));
  const [found] = (await kv.range({ key: key("a") })).kvs;
  assert.deepEqual(
    [found?.createRevision, found?.modRevision, found?.version],
    [again, again, 1n],
  );
});

serviceTest("Range: keys are ordered as bytes", async (t) => {
  const { client: { kv } } = t;
  const prefix = bytes(t.prefix);
  const tails = [[0], [0, 0], [0, 1], [0x41], [0x61], [0x61, 0], [0x7f], [0x80], [0xc3, 0xa9], [
    0xff,
  ], [
    0xff,
    0xff,
  ]];
  for (const tail of tails.toReversed()) {
    await kv.put({ key: new Uint8Array([...prefix, ...tail]), value: new Uint8Array(tail) });
  }
  const answer = await kv.range(t.all());
  assert.deepEqual(answer.kvs.map((kv) => [...kv.key.slice(prefix.length)]), tails);
  assert.deepEqual(answer.kvs.map((kv) => [...kv.value]), tails);
  const half = await kv.range({
    key: new Uint8Array([...prefix, 0x61]),
    rangeEnd: new Uint8Array([...prefix, 0xff]),
  });
  assert.equal(half.count, 5n);
  const one = await kv.range({ key: new Uint8Array([...prefix, 0x61, 0]) });
  assert.deepEqual(one.kvs.map((kv) => [...kv.value]), [[0x61, 0]]);
});

serviceTest("Range: case, accents and trailing blanks tell keys apart", async (t) => {
  const names = ["A", "a", "a ", "a  ", "á", "Á", "a\u0301", "ａ"];
  const { client: { kv }, key } = t;
  for (const name of names) await kv.put({ key: key(name), value: name });
  assert.equal((await kv.range(t.all())).count, BigInt(names.length));
  for (const name of names) {
    assert.deepEqual(valuesOf(await kv.range({ key: key(name) })), [name]);
  }
});

serviceTest("Range: %, _ and backslash in a prefix mean themselves", async (t) => {
  const { client: { kv }, key } = t;
  for (const name of ["%/a", "_/a", "\\/a", "x/a", "*/a", "?/a", "'/a"]) {
    await kv.put({ key: key(name) });
  }
  for (const prefix of ["%/", "_/", "\\/", "*/", "?/", "'/"]) {
    assert.deepEqual(keysOf(await kv.range(t.all(prefix))), [key(`${prefix}a`)]);
  }
});
