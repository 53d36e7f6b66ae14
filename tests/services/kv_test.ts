import assert from "node:assert/strict";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { fieldsOf, keysOf, revisionOf, valuesOf } from "../support/readable.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";

const NO_KEY = [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"] as const;
const KEY_NOT_FOUND = [CODE.INVALID_ARGUMENT, "etcdserver: key not found"] as const;
const KEY_TOO_LONG = [
  CODE.INVALID_ARGUMENT,
  /^rhino: a key of \d+ bytes is too long: this store takes \d+ at most$/,
] as const;
/** Why a fact about long keys does not hold everywhere. */
const KEYS_END = "an index entry of the database is too short for it";
const NO_END = "takes keys of any length";
const LEASE_NOT_FOUND = [CODE.NOT_FOUND, "etcdserver: requested lease not found"] as const;

serviceTest("Put: each put is one revision and one version more", async (t) => {
  const { client: { kv }, key } = t;
  const first = revisionOf(await kv.put({ key: key("a"), value: "1" }));
  const second = revisionOf(await kv.put({ key: key("a"), value: "1" }));
  assert.equal(second, first + 1n);
  const [found] = (await kv.range({ key: key("a") })).kvs;
  assert.deepEqual(
    [found?.createRevision, found?.modRevision, found?.version],
    [first, second, 2n],
  );
});

serviceTest("Put: the value may be empty", async ({ client: { kv }, key }) => {
  await kv.put({ key: key("a") });
  assert.deepEqual(valuesOf(await kv.range({ key: key("a") })), [""]);
});

serviceTest("Put: an empty key is refused", async ({ client: { kv } }) => {
  await assertFails(kv.put({ value: "1" }), NO_KEY);
});

serviceTest("Put: a long key is as good as any", {
  skips: { postgres: KEYS_END, mysql: KEYS_END },
}, async ({ client: { kv }, key }) => {
  const long = key("k".repeat(8000));
  await kv.put({ key: long, value: "1" });
  await kv.put({ key: `${long}x`, value: "2" });
  assert.deepEqual(valuesOf(await kv.range({ key: long })), ["1"]);
  assert.deepEqual(keysOf(await kv.range({ key: long, rangeEnd: `${long}y` })), [long, `${long}x`]);
  assert.equal((await kv.deleteRange({ key: long })).deleted, 1n);
});

serviceTest(
  "Put: a key that is longer than the database takes is refused, alone and in a transaction",
  {
    skips: { etcd: NO_END, memory: NO_END, sqlite: NO_END, redis: NO_END },
  },
  async ({ client: { kv }, key }) => {
    const long = key("k".repeat(4_000));
    await assertFails(kv.put({ key: long }), KEY_TOO_LONG);
    const success = [op.put({ key: key("short") }), op.put({ key: long })];
    await assertFails(kv.txn({ success }), KEY_TOO_LONG);
    assert.equal((await kv.range({ key: key("short") })).count, 0n);
    assert.equal((await kv.range({ key: long })).count, 0n);
    assert.equal((await kv.deleteRange({ key: long })).deleted, 0n);
  },
);

serviceTest("Put: the previous key-value comes back only if asked for", async (t) => {
  const { client: { kv }, key } = t;
  assert.equal((await kv.put({ key: key("a"), value: "1", prevKv: true })).prevKv, undefined);
  assert.equal((await kv.put({ key: key("a"), value: "2" })).prevKv, undefined);
  const [before] = (await kv.range({ key: key("a") })).kvs;
  const put = await kv.put({ key: key("a"), value: "3", prevKv: true });
  assert.deepEqual(put.prevKv, before);
  await kv.deleteRange({ key: key("a") });
  assert.equal((await kv.put({ key: key("a"), value: "4", prevKv: true })).prevKv, undefined);
});

serviceTest("Put: ignore_value keeps the value and is a new version", async (t) => {
  const { client: { kv }, key } = t;
  await kv.put({ key: key("a"), value: "1" });
  const put = revisionOf(await kv.put({ key: key("a"), ignoreValue: true }));
  const [found] = (await kv.range({ key: key("a") })).kvs;
  assert.deepEqual([found?.modRevision, found?.version], [put, 2n]);
  assert.deepEqual(valuesOf(await kv.range({ key: key("a") })), ["1"]);
});

serviceTest(
  "Put: ignore_value with a value, or without a key to keep it of, is refused",
  async (t) => {
    const { client: { kv }, key } = t;
    await assertFails(
      kv.put({ key: key("a"), value: "1", ignoreValue: true }),
      [CODE.INVALID_ARGUMENT, "etcdserver: value is provided"],
    );
    await assertFails(kv.put({ key: key("a"), ignoreValue: true }), KEY_NOT_FOUND);
    await kv.put({ key: key("a"), value: "1" });
    await kv.deleteRange({ key: key("a") });
    await assertFails(kv.put({ key: key("a"), ignoreValue: true }), KEY_NOT_FOUND);
    assert.equal((await kv.range({ key: key("a") })).count, 0n);
  },
);

serviceTest(
  "Put: ignore_lease with a lease, or without a key to keep it of, is refused",
  async (t) => {
    const { client: { kv }, key } = t;
    await assertFails(
      kv.put({ key: key("a"), lease: 1, ignoreLease: true }),
      [CODE.INVALID_ARGUMENT, "etcdserver: lease is provided"],
    );
    await assertFails(kv.put({ key: key("a"), ignoreLease: true }), KEY_NOT_FOUND);
  },
);

serviceTest(
  "Put: value and lease are checked in this order, after the key",
  async ({ client: { kv }, key }) => {
    const wrong = { value: "1", lease: 1, ignoreValue: true, ignoreLease: true };
    await assertFails(kv.put(wrong), NO_KEY);
    await assertFails(
      kv.put({ ...wrong, key: key("a") }),
      [CODE.INVALID_ARGUMENT, "etcdserver: value is provided"],
    );
  },
);

serviceTest(
  "Put: a put without a lease detaches the key, ignore_lease keeps it attached",
  async (t) => {
    const { client: { kv, lease }, key } = t;
    const { ID } = await lease.leaseGrant({ TTL: 600 });
    const leaseOf = async () => (await kv.range({ key: key("a") })).kvs[0]?.lease;
    await kv.put({ key: key("a"), value: "1", lease: ID });
    assert.equal(await leaseOf(), ID);
    await kv.put({ key: key("a"), value: "2", ignoreLease: true });
    assert.equal(await leaseOf(), ID);
    await kv.put({ key: key("a"), value: "3" });
    assert.equal(await leaseOf(), 0n);
    await lease.leaseRevoke({ ID });
    assert.deepEqual(valuesOf(await kv.range({ key: key("a") })), ["3"]);
  },
);

serviceTest("Put: a put with another lease moves the key to it", async (t) => {
  const { client: { kv, lease }, key } = t;
  const first = await lease.leaseGrant({ TTL: 600 });
  const second = await lease.leaseGrant({ TTL: 600 });
  await kv.put({ key: key("a"), lease: first.ID });
  await kv.put({ key: key("a"), lease: second.ID });
  await lease.leaseRevoke({ ID: first.ID });
  assert.equal((await kv.range({ key: key("a") })).count, 1n);
  await lease.leaseRevoke({ ID: second.ID });
  assert.equal((await kv.range({ key: key("a") })).count, 0n);
});

serviceTest("Put: ignore_value and ignore_lease together keep both", async (t) => {
  const { client: { kv, lease }, key } = t;
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  const first = revisionOf(await kv.put({ key: key("a"), value: "1", lease: ID }));
  const put = await kv.put({ key: key("a"), ignoreValue: true, ignoreLease: true });
  assert.deepEqual((await kv.range({ key: key("a") })).kvs.map(fieldsOf), [
    { key: key("a"), value: "1", create: first, mod: revisionOf(put), version: 2n, lease: ID },
  ]);
  await lease.leaseRevoke({ ID });
});

serviceTest("Put: an unknown lease is refused and nothing is written", async (t) => {
  const { client: { kv }, key } = t;
  const before = revisionOf(await kv.range({ key: key("a") }));
  await assertFails(kv.put({ key: key("a"), lease: 4711 }), LEASE_NOT_FOUND);
  await assertFails(kv.put({ key: key("a"), lease: -1 }), LEASE_NOT_FOUND);
  const after = await kv.range({ key: key("a") });
  assert.deepEqual([after.count, revisionOf(after)], [0n, before]);
});

serviceTest("DeleteRange: one key", async ({ client: { kv }, key, all }) => {
  for (const name of ["a", "aa", "b"]) await kv.put({ key: key(name) });
  const before = revisionOf(await kv.range(all()));
  const answer = await kv.deleteRange({ key: key("a") });
  assert.deepEqual([answer.deleted, revisionOf(answer)], [1n, before + 1n]);
  assert.deepEqual(answer.prevKvs, []);
  assert.deepEqual(keysOf(await kv.range(all())), [key("aa"), key("b")]);
});

serviceTest("DeleteRange: many keys are one revision, previous ones in key order", async (t) => {
  const { client: { kv }, key, all } = t;
  for (const name of ["c", "a", "b", "d"]) await kv.put({ key: key(name), value: name });
  const before = await kv.range({ key: key("a"), rangeEnd: key("d") });
  const answer = await kv.deleteRange({ key: key("a"), rangeEnd: key("d"), prevKv: true });
  assert.equal(answer.deleted, 3n);
  assert.deepEqual(answer.prevKvs, before.kvs);
  assert.equal(revisionOf(answer), revisionOf(before) + 1n);
  assert.deepEqual(keysOf(await kv.range(all())), [key("d")]);
});

serviceTest("DeleteRange: nothing to delete leaves the revision as it is", async (t) => {
  const { client: { kv }, key } = t;
  const before = revisionOf(await kv.put({ key: key("a") }));
  const ranges = [
    { key: key("x") },
    { key: key("x"), rangeEnd: key("z") },
    { key: key("b"), rangeEnd: key("a") },
    { key: key("a"), rangeEnd: key("a") },
  ];
  for (const range of ranges) {
    const answer = await kv.deleteRange({ ...range, prevKv: true });
    assert.deepEqual([answer.deleted, answer.prevKvs, revisionOf(answer)], [0n, [], before]);
  }
});

serviceTest("DeleteRange: an empty key is refused", async ({ client: { kv } }) => {
  await assertFails(kv.deleteRange({}), NO_KEY);
  await assertFails(kv.deleteRange({ rangeEnd: "\0" }), NO_KEY);
});

serviceTest(
  "DeleteRange: a zero byte as range end deletes from the key on",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    for (const key of ["a", "b", "c", new Uint8Array([0xff, 0xff])]) await kv.put({ key });
    assert.equal((await kv.deleteRange({ key: "b", rangeEnd: "\0" })).deleted, 3n);
    assert.deepEqual(keysOf(await kv.range({ key: "\0", rangeEnd: "\0" })), ["a"]);
    assert.equal((await kv.deleteRange({ key: "\0", rangeEnd: "\0" })).deleted, 1n);
    assert.equal((await kv.range({ key: "\0", rangeEnd: "\0" })).count, 0n);
  },
);

serviceTest("DeleteRange: a leased key is gone from its lease", async (t) => {
  const { client: { kv, lease }, key } = t;
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  await kv.put({ key: key("a"), lease: ID });
  await kv.deleteRange({ key: key("a") });
  assert.deepEqual((await lease.leaseTimeToLive({ ID, keys: true })).keys, []);
  await kv.put({ key: key("a") });
  await lease.leaseRevoke({ ID });
  assert.equal((await kv.range({ key: key("a") })).count, 1n);
});
