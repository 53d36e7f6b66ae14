import assert from "node:assert/strict";
import {
  type Compare_CompareResult as Result,
  type Compare_CompareTarget as Target,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { revisionOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import {
  compare,
  type CompareInit,
  type CompareSign,
  type CompareTarget,
} from "../support/txn_parts.ts";

async function holds(t: ServiceTestContext, ...conditions: CompareInit[]): Promise<boolean> {
  return (await t.client.kv.txn({ compare: conditions })).succeeded;
}

/** A right-hand side that is less than what the key has, one that equals it, one that is more. */
type Sides = readonly [less: bigint | string, equal: bigint | string, more: bigint | string];

/** For each sign: whether it holds against the smaller, the equal and the greater right-hand side. */
const TRUTH = {
  "=": [false, true, false],
  "!=": [true, false, true],
  ">": [true, false, false],
  "<": [false, false, true],
} as const satisfies Record<CompareSign, readonly [boolean, boolean, boolean]>;

async function assertTruth(
  t: ServiceTestContext,
  { target, sides }: { readonly target: CompareTarget; readonly sides: Sides },
): Promise<void> {
  for (const [sign, expected] of Object.entries(TRUTH)) {
    for (const [index, side] of sides.entries()) {
      const condition = compare(t.key("a"), [target, sign as CompareSign, side]); // A key of TRUTH.
      assert.equal(await holds(t, condition), expected[index], `${target} ${sign} ${side}`);
    }
  }
}

/** Puts a key twice, with a lease, and gives what can be compared. */
async function putLeased({ client: { kv, lease }, key }: ServiceTestContext) {
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  const create = revisionOf(await kv.put({ key: key("a"), value: "x" }));
  const mod = revisionOf(await kv.put({ key: key("a"), value: "m", lease: ID }));
  return { create, mod, lease: ID };
}

serviceTest("Txn: compares the version with every sign", async (t) => {
  await putLeased(t);
  await assertTruth(t, { target: "version", sides: [1n, 2n, 3n] });
});

serviceTest("Txn: compares the create revision with every sign", async (t) => {
  const { create } = await putLeased(t);
  await assertTruth(t, { target: "create", sides: [create - 1n, create, create + 1n] });
});

serviceTest("Txn: compares the mod revision with every sign", async (t) => {
  const { mod } = await putLeased(t);
  await assertTruth(t, { target: "mod", sides: [mod - 1n, mod, mod + 1n] });
});

serviceTest("Txn: compares the value with every sign", async (t) => {
  await putLeased(t);
  await assertTruth(t, { target: "value", sides: ["l", "m", "n"] });
  await assertTruth(t, { target: "value", sides: ["", "m", "m\0"] });
});

serviceTest("Txn: compares the lease with every sign", async (t) => {
  const { lease } = await putLeased(t);
  await assertTruth(t, { target: "lease", sides: [lease - 1n, lease, lease + 1n] });
  await assertTruth(t, { target: "lease", sides: [0n, lease, 2n ** 63n - 1n] });
});

serviceTest("Txn: a missing key compares as zero in all but the value", async (t) => {
  const missing = t.key("a");
  for (const target of ["version", "create", "mod", "lease"] as const) {
    await assertTruth(t, { target, sides: [-1n, 0n, 1n] });
  }
  for (const sign of ["=", "!=", "<", ">"] as const) {
    assert.equal(await holds(t, compare(missing, ["value", sign, ""])), false);
    assert.equal(await holds(t, compare(missing, ["value", sign, "x"])), false);
  }
});

serviceTest("Txn: a deleted key compares as a missing one", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  await kv.deleteRange({ key: key("a") });
  assert.equal(await holds(t, compare(key("a"), ["version", "=", 0])), true);
  assert.equal(await holds(t, compare(key("a"), ["mod", "=", 0])), true);
  assert.equal(await holds(t, compare(key("a"), ["value", "!=", "1"])), false);
});

serviceTest("Txn: values compare as bytes", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: new Uint8Array([0x80]) });
  const against = (value: number[]) => ({
    ...compare(key("a"), ["value", ">", ""]),
    targetUnion: { case: "value", value: new Uint8Array(value) } as const,
  });
  assert.equal(await holds(t, against([0x7f])), true);
  assert.equal(await holds(t, against([0x7f, 0xff])), true);
  assert.equal(await holds(t, against([0x80])), false);
  assert.equal(await holds(t, against([0x81])), false);
});

serviceTest("Txn: a compare without a right-hand side compares with zero", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a") });
  const bare = (target: Target, result: Result, name: string): CompareInit => ({
    key: key(name),
    target,
    result,
  });
  const [EQUAL, GREATER] = [0, 1];
  for (const target of [0, 1, 2]) {
    assert.equal(await holds(t, bare(target, GREATER, "a")), true);
    assert.equal(await holds(t, bare(target, EQUAL, "missing")), true);
  }
  const [VALUE, LEASE] = [3, 4];
  assert.equal(await holds(t, bare(VALUE, EQUAL, "a")), true);
  assert.equal(await holds(t, bare(LEASE, EQUAL, "a")), true);
});

serviceTest("Txn: a right-hand side of another target counts as zero", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  const mixed: CompareInit = {
    key: key("a"),
    target: 0,
    result: 0,
    targetUnion: { case: "modRevision", value: 1 },
  };
  assert.equal(await holds(t, mixed), false);
  assert.equal(await holds(t, { ...mixed, key: key("missing") }), true);
});

serviceTest("Txn: no compares hold, and one that fails is enough to fail", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  const yes = compare(key("a"), ["version", "=", 1]);
  const no = compare(key("a"), ["version", "=", 2]);
  assert.equal(await holds(t), true);
  assert.equal(await holds(t, yes, yes), true);
  assert.equal(await holds(t, yes, no), false);
  assert.equal(await holds(t, no, yes), false);
});

serviceTest("Txn: a range compare must hold for every key of the range", async (t) => {
  const { client: { kv }, key, all } = t;
  await kv.put({ key: key("a"), value: "1" });
  await kv.put({ key: key("b"), value: "1" });
  assert.equal(await holds(t, compare(all(), ["value", "=", "1"])), true);
  await kv.put({ key: key("b"), value: "2" });
  assert.equal(await holds(t, compare(all(), ["value", "=", "1"])), false);
  assert.equal(await holds(t, compare(all(), ["value", "!=", "1"])), false);
  assert.equal(await holds(t, compare(all(), ["value", "<", "3"])), true);
  assert.equal(await holds(t, compare(all(), ["version", ">", 0])), true);
  assert.equal(await holds(t, compare(all(), ["version", "=", 1])), false);
  // The end is not in the range.
  const onlyA = { key: key("a"), rangeEnd: key("b") };
  assert.equal(await holds(t, compare(onlyA, ["value", "=", "1"])), true);
});

serviceTest("Txn: a range compare over no keys compares as one missing key", async (t) => {
  const { all, key } = t;
  assert.equal(await holds(t, compare(all("x"), ["version", "=", 0])), true);
  assert.equal(await holds(t, compare(all("x"), ["version", ">", 0])), false);
  assert.equal(await holds(t, compare(all("x"), ["value", "!=", "1"])), false);
  await t.client.kv.put({ key: key("b") });
  const backwards = { key: key("c"), rangeEnd: key("a") };
  assert.equal(await holds(t, compare(backwards, ["create", "=", 0])), true);
});

serviceTest(
  "Txn: a range compare to a zero byte takes every key from the key on",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    await kv.put({ key: "a", value: "1" });
    await kv.put({ key: "b", value: "2" });
    await kv.put({ key: "c", value: "2" });
    const from = (key: string) => compare({ key, rangeEnd: "\0" }, ["value", "=", "2"]);
    assert.equal(await holds(t, from("b")), true);
    assert.equal(await holds(t, from("a")), false);
    assert.equal(await holds(t, from("\0")), false);
  },
);

serviceTest("Txn: an unknown sign always holds, an unknown target always equals", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  // Numbers outside of the enums are what this is about.
  const unknownSign = { ...compare(key("a"), ["version", "=", 7]), result: 9 as Result };
  assert.equal(await holds(t, unknownSign), true);
  const unknownTarget = compare(key("a"), ["version", "=", 7]);
  assert.equal(await holds(t, { ...unknownTarget, target: 9 as Target }), true);
  assert.equal(await holds(t, { ...unknownTarget, target: 9 as Target, result: 1 }), false);
});

serviceTest("Txn: a compare without a key is refused", async ({ client: { kv } }) => {
  const refusal = [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"] as const;
  await assertFails(kv.txn({ compare: [compare("", ["version", "=", 0])] }), refusal);
  const keyless = { key: "", rangeEnd: "z" };
  await assertFails(kv.txn({ compare: [compare(keyless, ["version", "=", 0])] }), refusal);
});
