import assert from "node:assert/strict";
import {
  RangeRequest_SortOrder as Order,
  RangeRequest_SortTarget as Target,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { keysOf, revisionOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { compare, type CompareInit, op, type OpInit } from "../support/txn_parts.ts";

const NO_KEY = [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"] as const;
const KEY_NOT_FOUND = [CODE.INVALID_ARGUMENT, "etcdserver: key not found"] as const;
const TOO_MANY = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: too many operations in txn request",
] as const;
const DUPLICATE = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: duplicate key given in txn request",
] as const;
const VALUE_PROVIDED = [CODE.INVALID_ARGUMENT, "etcdserver: value is provided"] as const;
const LEASE_NOT_FOUND = [CODE.NOT_FOUND, "etcdserver: requested lease not found"] as const;
const COMPACTED = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision has been compacted",
] as const;
const FUTURE = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision is a future revision",
] as const;

/** As many reads of one key. */
function reads(count: number): OpInit[] {
  return Array.from({ length: count }, () => op.range({ key: "a" }));
}

/** As many conditions that hold. */
function conditions(count: number): CompareInit[] {
  return Array.from({ length: count }, () => compare("no such key", ["version", "=", 0]));
}

serviceTest(
  "Txn: 128 compares, successes and failures pass, one more of any does not",
  async (t) => {
    const { kv } = t.client;
    const full = { compare: conditions(128), success: reads(128), failure: reads(128) };
    assert.equal((await kv.txn(full)).responses.length, 128);
    await assertFails(kv.txn({ compare: conditions(129) }), TOO_MANY);
    await assertFails(kv.txn({ success: reads(129) }), TOO_MANY);
    await assertFails(kv.txn({ failure: reads(129) }), TOO_MANY);
  },
);

serviceTest("Txn: a nested transaction may use what its parent's widest list leaves", async (t) => {
  const { kv } = t.client;
  const nested = (count: number) => op.txn({ success: reads(count) });
  assert.equal((await kv.txn({ success: [nested(127)] })).succeeded, true);
  await assertFails(kv.txn({ success: [nested(128)] }), TOO_MANY);
  await assertFails(kv.txn({ failure: [nested(128)] }), TOO_MANY);
  // The widest list may be the compares or the other branch.
  assert.equal((await kv.txn({ compare: conditions(28), success: [nested(100)] })).succeeded, true);
  await assertFails(kv.txn({ compare: conditions(29), success: [nested(100)] }), TOO_MANY);
  await assertFails(kv.txn({ success: [nested(100)], failure: reads(29) }), TOO_MANY);
  // Siblings do not add up beyond their number.
  assert.equal((await kv.txn({ success: [nested(126), nested(126)] })).succeeded, true);
  // In a nested one, all three lists count.
  await assertFails(kv.txn({ success: [op.txn({ compare: conditions(128) })] }), TOO_MANY);
  await assertFails(kv.txn({ success: [op.txn({ failure: reads(128) })] }), TOO_MANY);
});

serviceTest("Txn: every level of nesting takes from the limit", async (t) => {
  const { kv } = t.client;
  const nest = (depth: number): OpInit => op.txn({ success: depth === 1 ? [] : [nest(depth - 1)] });
  assert.equal((await kv.txn({ success: [nest(128)] })).succeeded, true);
  await assertFails(kv.txn({ success: [nest(129)] }), TOO_MANY);
});

serviceTest("Txn: --max-txn-ops sets the limit", { flags: ["--max-txn-ops=3"] }, async (t) => {
  const { kv } = t.client;
  assert.equal((await kv.txn({ success: reads(3) })).succeeded, true);
  await assertFails(kv.txn({ success: reads(4) }), TOO_MANY);
});

serviceTest(
  "Txn: an empty operation is refused as a key not found, in either branch",
  async (t) => {
    const { kv } = t.client;
    await assertFails(kv.txn({ success: [{}] }), KEY_NOT_FOUND);
    await assertFails(kv.txn({ failure: [{}] }), KEY_NOT_FOUND);
    await assertFails(kv.txn({ success: [op.txn({ failure: [{}] })] }), KEY_NOT_FOUND);
  },
);

serviceTest("Txn: operations are checked in both branches, whichever is taken", async (t) => {
  const { client: { kv }, key } = t;
  const wrong = [
    [op.put({}), NO_KEY],
    [op.range({}), NO_KEY],
    [op.deleteRange({ rangeEnd: "z" }), NO_KEY],
    [op.put({ key: key("a"), value: "1", ignoreValue: true }), VALUE_PROVIDED],
    [
      op.put({ key: key("a"), lease: 1, ignoreLease: true }),
      [CODE.INVALID_ARGUMENT, "etcdserver: lease is provided"],
    ],
    // Numbers outside of the enums are what these are about.
    [
      op.range({ key: key("a"), sortOrder: 7 as Order }),
      [CODE.INVALID_ARGUMENT, "etcdserver: invalid sort option"],
    ],
    [
      op.range({ key: key("a"), sortTarget: 7 as Target }),
      [CODE.INVALID_ARGUMENT, "etcdserver: invalid sort option"],
    ],
    [op.txn({ compare: [compare("", ["version", "=", 0])] }), NO_KEY],
  ] as const;
  for (const [bad, failure] of wrong) {
    await assertFails(kv.txn({ success: [bad] }), failure);
    await assertFails(kv.txn({ failure: [bad] }), failure);
    await assertFails(kv.txn({ failure: [op.txn({ failure: [bad] })] }), failure);
  }
});

serviceTest("Txn: checks go by limit, compares, success, failure, duplicates", async (t) => {
  const { client: { kv }, key } = t;
  const keyless = compare("", ["version", "=", 0]);
  const value = op.put({ key: key("a"), value: "1", ignoreValue: true });
  const twice = [op.put({ key: key("a") }), op.put({ key: key("a") })];
  await assertFails(kv.txn({ compare: [keyless], success: reads(129) }), TOO_MANY);
  await assertFails(kv.txn({ compare: [keyless], success: [value] }), NO_KEY);
  await assertFails(kv.txn({ success: [value], failure: [{}] }), VALUE_PROVIDED);
  await assertFails(kv.txn({ success: twice, failure: [{}] }), KEY_NOT_FOUND);
  await assertFails(
    kv.txn({ success: [...twice, op.put({ key: key("b"), lease: 4711 })] }),
    DUPLICATE,
  );
});

serviceTest("Txn: what needs the store is checked only in the branch taken", async (t) => {
  const { client: { kv }, key } = t;
  const current = revisionOf(await kv.put({ key: key("a") }));
  const bad = [
    [op.put({ key: key("b"), lease: 4711 }), LEASE_NOT_FOUND],
    [op.put({ key: key("missing"), ignoreValue: true }), KEY_NOT_FOUND],
    [op.put({ key: key("missing"), ignoreLease: true }), KEY_NOT_FOUND],
    [op.range({ key: key("a"), revision: current + 100n }), FUTURE],
  ] as const;
  for (const [operation, failure] of bad) {
    await assertFails(kv.txn({ success: [operation] }), failure);
    await assertFails(kv.txn({ success: [op.txn({ success: [operation] })] }), failure);
    assert.equal((await kv.txn({ failure: [operation] })).succeeded, true);
    const nested = op.txn({ failure: [operation] });
    assert.equal((await kv.txn({ success: [nested] })).succeeded, true);
  }
});

serviceTest("Txn: the store's checks go in the order of the operations", async (t) => {
  const { client: { kv }, key } = t;
  const lease = op.put({ key: key("a"), lease: 4711 });
  const missing = op.put({ key: key("b"), ignoreValue: true });
  await assertFails(kv.txn({ success: [lease, missing] }), LEASE_NOT_FOUND);
  await assertFails(kv.txn({ success: [missing, lease] }), KEY_NOT_FOUND);
  const both = op.put({ key: key("c"), ignoreValue: true, lease: 4711 });
  await assertFails(kv.txn({ success: [both] }), LEASE_NOT_FOUND);
});

serviceTest("Txn: the revision that the transaction will make is still a future one", async (t) => {
  const { client: { kv }, key } = t;
  const current = revisionOf(await kv.put({ key: key("a") }));
  const read = op.range({ key: key("a"), revision: current + 1n });
  await assertFails(kv.txn({ success: [op.put({ key: key("b") }), read] }), FUTURE);
});

serviceTest("Txn: a range at a negative revision is a compacted one, once there is a compaction", {
  fresh: true,
}, async (t) => {
  const { kv } = t.client;
  await kv.put({ key: "a" });
  const readAt = (revision: number) => kv.txn({ success: [op.range({ key: "a", revision })] });
  assert.equal((await readAt(-1)).succeeded, true);
  await assertFails(readAt(-2), COMPACTED);
  await kv.put({ key: "a" });
  await kv.compact({ revision: 3 });
  await assertFails(readAt(-1), COMPACTED);
  await assertFails(readAt(2), COMPACTED);
  assert.equal((await readAt(3)).succeeded, true);
});

/** Runs the operations as one branch and says whether they were refused as duplicates. */
async function isDuplicate(
  { client: { kv } }: ServiceTestContext,
  ops: OpInit[],
): Promise<boolean> {
  try {
    await kv.txn({ success: ops });
    return false;
  } catch {
    await assertFails(kv.txn({ success: ops }), DUPLICATE);
    await assertFails(kv.txn({ failure: ops }), DUPLICATE);
    return true;
  }
}

serviceTest("Txn: a key must not be put twice, nor put and deleted, in one list", async (t) => {
  const { key } = t;
  const put = (name: string) => op.put({ key: key(name) });
  const del = (name: string, end?: string) =>
    op.deleteRange({ key: key(name), ...(end === undefined ? {} : { rangeEnd: key(end) }) });
  const cases: [OpInit[], boolean][] = [
    [[put("a"), put("b")], false],
    [[put("a"), put("a")], true],
    [[put("a"), del("a")], true],
    [[del("a"), put("a")], true],
    [[del("a"), put("b")], false],
    [[del("a", "c"), put("b")], true],
    [[put("b"), del("a", "c")], true],
    // The range end is outside, the key inside.
    [[del("a", "c"), put("c")], false],
    [[del("a", "c"), put("a")], true],
    [[del("a"), del("a")], false],
    [[del("a", "c"), del("b", "d")], false],
    [[op.range({ key: key("a") }), put("a")], false],
    [[op.range(t.all()), del("a", "c"), op.range(t.all())], false],
  ];
  for (const [index, [ops, expected]] of cases.entries()) {
    assert.equal(await isDuplicate(t, ops), expected, `case ${index}`);
  }
});

serviceTest("Txn: the duplicate rule reaches into nested transactions", async (t) => {
  const { key } = t;
  const put = (name: string) => op.put({ key: key(name) });
  const del = (name: string) => op.deleteRange({ key: key(name) });
  const nested = (...success: OpInit[]) => op.txn({ success });
  const cases: [OpInit[], boolean][] = [
    [[put("a"), nested(put("a"))], true],
    [[nested(put("a")), put("a")], true],
    [[nested(put("a")), nested(put("a"))], true],
    [[nested(put("a")), nested(put("b"))], false],
    [[nested(nested(put("a"))), put("a")], true],
    [[del("a"), nested(put("a"))], true],
    [[nested(put("a")), del("a")], true],
    [[nested(del("a")), put("a")], true],
    [[put("a"), nested(del("a"))], true],
    [[nested(put("a"), put("a"))], true],
    // Between siblings a delete counts only for the puts after it.
    [[nested(del("a")), nested(put("a"))], true],
    [[nested(put("a")), nested(del("a"))], false],
    [[del("a"), nested(del("a"))], false],
    // Both branches of a nested transaction count against everything else.
    [[op.txn({ failure: [put("a")] }), put("a")], true],
    [[op.txn({ failure: [del("a")] }), put("a")], true],
    [[op.txn({ failure: [put("a")] }), nested(put("a"))], true],
  ];
  for (const [index, [ops, expected]] of cases.entries()) {
    assert.equal(await isDuplicate(t, ops), expected, `case ${index}`);
  }
});

serviceTest("Txn: then and else of one transaction may write the same keys", async (t) => {
  const { client: { kv }, key } = t;
  const put = op.put({ key: key("a") });
  const del = op.deleteRange({ key: key("a") });
  assert.equal((await kv.txn({ success: [put], failure: [put] })).succeeded, true);
  const alike = [[put, put], [put, del], [del, put], [del, del]] as const;
  for (const [success, failure] of alike) {
    const nested = op.txn({ success: [success], failure: [failure] });
    assert.equal(await isDuplicate(t, [nested]), false);
    assert.equal(await isDuplicate(t, [nested, op.put({ key: key("b") })]), false);
  }
});

serviceTest(
  "Txn: a delete from a key on does not count as a duplicate",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    const all = op.deleteRange({ key: "a", rangeEnd: "\0" });
    assert.equal(await isDuplicate(t, [op.put({ key: "b" }), all]), false);
    assert.deepEqual(keysOf(await kv.range({ key: "a", rangeEnd: "\0" })), []);
    assert.equal(await isDuplicate(t, [all, op.put({ key: "b" })]), false);
    assert.deepEqual(keysOf(await kv.range({ key: "a", rangeEnd: "\0" })), ["b"]);
  },
);
