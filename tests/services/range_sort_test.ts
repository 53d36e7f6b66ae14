import assert from "node:assert/strict";
import {
  RangeRequest_SortOrder as Order,
  RangeRequest_SortTarget as Target,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { keysOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const INVALID_SORT = [CODE.INVALID_ARGUMENT, "etcdserver: invalid sort option"] as const;

/**
 * Four keys whose order differs by every target. Ties are avoided: etcd promises no order in them.
 *
 * | key | version | create | mod | value |
 * | --- | ------- | ------ | --- | ----- |
 * | a   | 2       | 3rd    | 2nd | 4     |
 * | b   | 1       | 4th    | 1st | 3     |
 * | c   | 4       | 2nd    | 4th | 1     |
 * | d   | 3       | 1st    | 3rd | 2     |
 */
async function putFour({ client: { kv }, key }: ServiceTestContext): Promise<void> {
  const puts = ["d?", "d?", "c?", "c?", "c?", "a?", "b3", "a4", "d2", "c1"];
  for (const [name = "", value = ""] of puts) await kv.put({ key: key(name), value });
}

const BY_TARGET = [
  [Target.KEY, "abcd"],
  [Target.VERSION, "badc"],
  [Target.CREATE, "dcab"],
  [Target.MOD, "badc"],
  [Target.VALUE, "cdba"],
] as const;

for (const [target, ascending] of BY_TARGET) {
  serviceTest(`Range: sorts by ${Target[target]}, both ways`, async (t) => {
    await putFour(t);
    const ask = async (sortOrder: Order, limit: number) => {
      const answer = await t.client.kv.range({ ...t.all(), sortTarget: target, sortOrder, limit });
      assert.equal(answer.count, 4n);
      assert.equal(answer.more, limit > 0 && limit < 4);
      return keysOf(answer).map((key) => key.slice(t.prefix.length)).join("");
    };
    const descending = [...ascending].reverse().join("");
    assert.equal(await ask(Order.ASCEND, 0), ascending);
    assert.equal(await ask(Order.DESCEND, 0), descending);
    // The limit is taken from the whole range in this order.
    assert.equal(await ask(Order.ASCEND, 2), ascending.slice(0, 2));
    assert.equal(await ask(Order.DESCEND, 2), descending.slice(0, 2));
    assert.equal(await ask(Order.DESCEND, 4), descending);
    assert.equal(await ask(Order.NONE, 0), ascending);
  });
}

serviceTest("Range: a target without an order sorts only the first limit + 1 keys", async (t) => {
  await putFour(t);
  const ask = async (sortTarget: Target, limit: number) => {
    const answer = await t.client.kv.range({ ...t.all(), sortTarget, limit });
    assert.equal(answer.more, true);
    return keysOf(answer).map((key) => key.slice(t.prefix.length)).join("");
  };
  assert.equal(await ask(Target.VALUE, 1), "b"); // Of a and b.
  assert.equal(await ask(Target.VALUE, 2), "cb"); // Of a, b and c.
  assert.equal(await ask(Target.VALUE, 3), "cdb");
  assert.equal(await ask(Target.VERSION, 1), "b");
  assert.equal(await ask(Target.CREATE, 2), "ca");
  assert.equal(await ask(Target.MOD, 1), "b");
  assert.equal(await ask(Target.KEY, 2), "ab");
});

serviceTest("Range: values sort as bytes", async (t) => {
  const { client: { kv }, key } = t;
  const values = [[], [0], [0, 0], [0x41], [0x61], [0x80], [0xff], [0xff, 0]];
  for (const [index, value] of values.entries()) {
    await kv.put({ key: key(String(9 - index)), value: new Uint8Array(value) });
  }
  const answer = await kv.range({
    ...t.all(),
    sortTarget: Target.VALUE,
    sortOrder: Order.ASCEND,
  });
  assert.deepEqual(answer.kvs.map((kv) => [...kv.value]), values);
});

serviceTest("Range: sorting works at a past revision and together with filters", async (t) => {
  const { client: { kv }, key } = t;
  const a = await kv.put({ key: key("a"), value: "1" });
  await kv.put({ key: key("b"), value: "2" });
  const then = (await kv.put({ key: key("c"), value: "0" })).header?.revision ?? 0n;
  await kv.put({ key: key("a"), value: "9" });
  const sort = { sortTarget: Target.VALUE, sortOrder: Order.DESCEND };
  const past = await kv.range({ ...t.all(), ...sort, revision: then });
  assert.deepEqual(keysOf(past), [key("b"), key("a"), key("c")]);
  const filtered = await kv.range({
    ...t.all(),
    ...sort,
    revision: then,
    minModRevision: (a.header?.revision ?? 0n) + 1n,
    limit: 1,
  });
  assert.deepEqual([keysOf(filtered), filtered.more], [[key("b")], true]);
});

serviceTest(
  "Range: an unknown sort order or target is refused",
  async ({ client: { kv }, key }) => {
    const one = { key: key("a") };
    // Numbers outside of the enums are what this is about.
    await assertFails(kv.range({ ...one, sortOrder: 3 as Order }), INVALID_SORT);
    await assertFails(kv.range({ ...one, sortOrder: -1 as Order }), INVALID_SORT);
    await assertFails(kv.range({ ...one, sortTarget: 5 as Target }), INVALID_SORT);
    await assertFails(kv.range({ ...one, sortTarget: -1 as Target }), INVALID_SORT);
  },
);
