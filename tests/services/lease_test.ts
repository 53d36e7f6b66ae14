// Lease: granting, renewing, listing, and the keys that hang on leases.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf, text } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";
import { seenEvent, WatchSession } from "./watch_session.ts";

const NOT_FOUND = [CODE.NOT_FOUND, "etcdserver: requested lease not found"] as const;

/** Long enough that no test sees it end. */
const LONG_SECONDS = 3_600;

async function grant(client: EtcdClient, ttlSeconds: number = LONG_SECONDS): Promise<bigint> {
  return (await client.lease.leaseGrant({ TTL: ttlSeconds })).ID;
}

/** The lease's keys, in no order. */
async function keysOf(client: EtcdClient, ID: bigint): Promise<string[]> {
  const answer = await client.lease.leaseTimeToLive({ ID, keys: true });
  return answer.keys.map(text).sort();
}

serviceTest("Lease: a grant makes no revision, its id is positive", async (t) => {
  const before = revisionOf(await t.client.kv.range({ key: t.key("a") }));
  const granted = await t.client.lease.leaseGrant({ TTL: 60 });
  assert.ok(granted.ID > 0n);
  assert.equal(granted.TTL, 60n);
  assert.equal(granted.error, "");
  assert.equal(revisionOf(granted), before);
  assert.ok((granted.header?.clusterId ?? 0n) > 0n);
  assert.ok((granted.header?.memberId ?? 0n) > 0n);
  assert.ok((granted.header?.raftTerm ?? 0n) > 0n);
});

serviceTest("Lease: ids that the server picks differ", async (t) => {
  const ids = await Promise.all(Array.from({ length: 50 }, () => grant(t.client)));
  assert.equal(new Set(ids).size, 50);
});

serviceTest("Lease: a TTL below the minimum is raised to 2 seconds", async (t) => {
  for (const TTL of [0, -5, 1]) {
    const granted = await t.client.lease.leaseGrant({ TTL });
    assert.equal(granted.TTL, 2n, `${TTL}`);
  }
});

serviceTest("Lease: a TTL of 9,000,000,000 seconds is the largest", async (t) => {
  const granted = await t.client.lease.leaseGrant({ TTL: 9_000_000_000 });
  assert.equal(granted.TTL, 9_000_000_000n);
  const { grantedTTL, TTL } = await t.client.lease.leaseTimeToLive({ ID: granted.ID });
  assert.equal(grantedTTL, 9_000_000_000n);
  assert.ok(TTL > 8_999_999_000n && TTL <= 9_000_000_000n, `${TTL}`);
  await assertFails(t.client.lease.leaseGrant({ TTL: 9_000_000_001 }), [
    CODE.OUT_OF_RANGE,
    "etcdserver: too large lease TTL",
  ]);
});

serviceTest("Lease: a given id is kept, whether small, large or negative", async (t) => {
  for (const ID of [4_711n, -4_711n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.equal((await t.client.lease.leaseGrant({ ID, TTL: LONG_SECONDS })).ID, ID);
    await t.client.kv.put({ key: t.key("a"), value: "1", lease: ID });
    const { kvs } = await t.client.kv.range({ key: t.key("a") });
    assert.equal(kvs[0]?.lease, ID);
    await t.client.lease.leaseRevoke({ ID });
  }
});

serviceTest("Lease: a taken id fails, and is free again after the revoke", async (t) => {
  const ID = await grant(t.client);
  await assertFails(t.client.lease.leaseGrant({ ID, TTL: 60 }), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: lease already exists",
  ]);
  await t.client.lease.leaseRevoke({ ID });
  assert.equal((await t.client.lease.leaseGrant({ ID, TTL: 60 })).ID, ID);
});

serviceTest("Lease: revoke deletes its keys in one revision, in key order", async (t) => {
  const ID = await grant(t.client);
  for (const name of ["c", "a", "b"]) {
    await t.client.kv.put({ key: t.key(name), value: name, lease: ID });
  }
  const other = await t.client.kv.put({ key: t.key("other"), value: "1" });
  const revoked = await t.client.lease.leaseRevoke({ ID });
  assert.equal(revisionOf(revoked), revisionOf(other) + 1n);
  const left = await t.client.kv.range({ ...t.all() });
  assert.deepEqual(left.kvs.map((kv) => text(kv.key)), [t.key("other")]);
  assert.equal(revisionOf(left), revisionOf(revoked));
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all(), startRevision: revisionOf(revoked) });
  const { events } = await session.response(id);
  assert.deepEqual(
    events.map(seenEvent).map(({ type, key }) => [type, key]),
    ["a", "b", "c"].map((name) => ["delete", t.key(name)]),
  );
});

serviceTest("Lease: revoke without keys makes no revision", async (t) => {
  const before = revisionOf(await t.client.kv.range({ key: t.key("a") }));
  const ID = await grant(t.client);
  assert.equal(revisionOf(await t.client.lease.leaseRevoke({ ID })), before);
});

serviceTest("Lease: revoke of an unknown or revoked lease fails", async (t) => {
  await assertFails(t.client.lease.leaseRevoke({ ID: 123_456n }), NOT_FOUND);
  await assertFails(t.client.lease.leaseRevoke({ ID: 0n }), NOT_FOUND);
  const ID = await grant(t.client);
  await t.client.lease.leaseRevoke({ ID });
  await assertFails(t.client.lease.leaseRevoke({ ID }), NOT_FOUND);
});

serviceTest("Lease: a put or transaction with an unknown lease writes nothing", async (t) => {
  const key = t.key("a");
  const before = revisionOf(await t.client.kv.range({ key }));
  await assertFails(t.client.kv.put({ key, value: "1", lease: 123_456n }), NOT_FOUND);
  await assertFails(
    t.client.kv.txn({ success: [op.put({ key: t.key("b") }), op.put({ key, lease: 123_456n })] }),
    NOT_FOUND,
  );
  const after = await t.client.kv.range({ ...t.all() });
  assert.deepEqual(after.kvs, []);
  assert.equal(revisionOf(after), before);
});

serviceTest("Lease: time to live counts down from what was granted", async (t) => {
  const ID = await grant(t.client, 600);
  const answer = await t.client.lease.leaseTimeToLive({ ID });
  assert.equal(answer.ID, ID);
  assert.equal(answer.grantedTTL, 600n);
  assert.ok(answer.TTL > 500n && answer.TTL <= 600n, `${answer.TTL}`);
  assert.deepEqual(answer.keys, []);
  assert.equal(revisionOf(answer), revisionOf(await t.client.kv.range({ key: t.key("a") })));
});

serviceTest("Lease: time to live gives the keys only when asked to", async (t) => {
  const ID = await grant(t.client);
  for (const name of ["b", "a"]) await t.client.kv.put({ key: t.key(name), lease: ID });
  assert.deepEqual((await t.client.lease.leaseTimeToLive({ ID })).keys, []);
  assert.deepEqual(await keysOf(t.client, ID), [t.key("a"), t.key("b")]);
});

serviceTest("Lease: time to live of an unknown lease is -1, without an error", async (t) => {
  const answer = await t.client.lease.leaseTimeToLive({ ID: 123_456n, keys: true });
  assert.equal(answer.ID, 123_456n);
  assert.equal(answer.TTL, -1n);
  assert.equal(answer.grantedTTL, 0n);
  assert.deepEqual(answer.keys, []);
  assert.ok(revisionOf(answer) > 0n);
});

serviceTest("Lease: the list is ordered by expiry", { fresh: true }, async (t) => {
  assert.deepEqual((await t.client.lease.leaseLeases({})).leases, []);
  const ids = new Map<number, bigint>();
  for (const ttl of [500, 100, 900, 300]) ids.set(ttl, await grant(t.client, ttl));
  const answer = await t.client.lease.leaseLeases({});
  assert.deepEqual(
    answer.leases.map(({ ID }) => ID),
    [100, 300, 500, 900].map((ttl) => ids.get(ttl)),
  );
  assert.equal(revisionOf(answer), 1n);
});

serviceTest("Lease: a put moves the key to another lease or to none", async (t) => {
  const [first, second] = [await grant(t.client), await grant(t.client)];
  const key = t.key("a");
  await t.client.kv.put({ key, value: "1", lease: first });
  await t.client.kv.put({ key, value: "2", lease: second });
  assert.deepEqual(await keysOf(t.client, first), []);
  assert.deepEqual(await keysOf(t.client, second), [key]);
  await t.client.lease.leaseRevoke({ ID: first });
  await t.client.kv.put({ key, value: "3" });
  assert.deepEqual(await keysOf(t.client, second), []);
  await t.client.lease.leaseRevoke({ ID: second });
  const { kvs } = await t.client.kv.range({ key });
  assert.deepEqual(kvs.map((kv) => [text(kv.value), kv.lease]), [["3", 0n]]);
});

serviceTest("Lease: ignore_lease keeps the key on its lease", async (t) => {
  const ID = await grant(t.client);
  const key = t.key("a");
  await t.client.kv.put({ key, value: "1", lease: ID });
  await t.client.kv.put({ key, value: "2", ignoreLease: true });
  assert.deepEqual(await keysOf(t.client, ID), [key]);
  await t.client.lease.leaseRevoke({ ID });
  assert.deepEqual((await t.client.kv.range({ key })).kvs, []);
});

serviceTest("Lease: a deleted key is on no lease any more", async (t) => {
  const ID = await grant(t.client);
  const key = t.key("a");
  await t.client.kv.put({ key, value: "1", lease: ID });
  await t.client.kv.deleteRange({ key });
  assert.deepEqual(await keysOf(t.client, ID), []);
  await t.client.kv.put({ key, value: "2" });
  await t.client.lease.leaseRevoke({ ID });
  assert.equal((await t.client.kv.range({ key })).kvs.length, 1);
});

serviceTest("Lease: many keys put by transactions go with one lease", async (t) => {
  const ID = await grant(t.client);
  for (let batch = 0; batch < 5; batch++) {
    await t.client.kv.txn({
      success: Array.from(
        { length: 100 },
        (_, index) => op.put({ key: t.key(`${batch}/${index}`), value: "1", lease: ID }),
      ),
    });
  }
  assert.equal((await keysOf(t.client, ID)).length, 500);
  const before = revisionOf(await t.client.kv.range({ ...t.all(), countOnly: true }));
  assert.equal(revisionOf(await t.client.lease.leaseRevoke({ ID })), before + 1n);
  assert.equal((await t.client.kv.range({ ...t.all(), countOnly: true })).count, 0n);
});

serviceTest("Lease: a key's history keeps the lease of its time", async (t) => {
  const ID = await grant(t.client);
  const key = t.key("a");
  const put = await t.client.kv.put({ key, value: "1", lease: ID });
  await t.client.lease.leaseRevoke({ ID });
  const { kvs } = await t.client.kv.range({ key, revision: revisionOf(put) });
  assert.equal(kvs[0]?.lease, ID);
});
