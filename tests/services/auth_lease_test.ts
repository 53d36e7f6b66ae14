// Auth: leases belong to nobody, but the keys that are attached to them do.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";
import { BAD_TOKEN, DENIED, FRESH, READ, READWRITE, USER_EMPTY, userWith } from "./auth_case.ts";

const TTL = 600;
const NOT_FOUND = [CODE.NOT_FOUND, "etcdserver: requested lease not found"] as const;

const GRANTS = [{ type: READWRITE, key: "a", rangeEnd: "b" }, { type: READ, key: "r" }];

async function keepAlive(client: EtcdClient, ID: bigint, as?: CallExtras): Promise<bigint> {
  using stream = client.lease.leaseKeepAlive(as);
  stream.send({ ID });
  return (await stream.next()).TTL;
}

serviceTest("Auth: every call of Lease needs a user", FRESH, async (t) => {
  const { root } = await userWith(t.client, GRANTS);
  const { lease } = t.client;
  const { ID } = await lease.leaseGrant({ TTL }, root);
  for (
    const [extras, failure] of [
      [undefined, USER_EMPTY],
      [{ metadata: { token: "bad" } }, BAD_TOKEN],
    ] as const
  ) {
    await assertFails(lease.leaseGrant({ TTL }, extras), failure);
    await assertFails(lease.leaseRevoke({ ID }, extras), failure);
    await assertFails(lease.leaseRevoke({ ID: 4_711 }, extras), failure);
    await assertFails(lease.leaseTimeToLive({ ID }, extras), failure);
    await assertFails(lease.leaseTimeToLive({ ID, keys: true }, extras), failure);
    await assertFails(lease.leaseLeases({}, extras), failure);
    await assertFails(keepAlive(t.client, ID, extras), failure);
    await assertFails(keepAlive(t.client, 4_711n, extras), failure);
  }
});

serviceTest("Auth: a lease without keys is anybody's", FRESH, async (t) => {
  const { root, a } = await userWith(t.client, GRANTS);
  const { lease } = t.client;
  const { ID } = await lease.leaseGrant({ TTL }, root);
  assert.equal(await keepAlive(t.client, ID, a), BigInt(TTL));
  assert.equal((await lease.leaseTimeToLive({ ID, keys: true }, a)).grantedTTL, BigInt(TTL));
  assert.equal((await lease.leaseLeases({}, a)).leases.length, 1);
  await lease.leaseRevoke({ ID }, a);
  await assertFails(lease.leaseRevoke({ ID }, a), NOT_FOUND);
  assert.equal(await keepAlive(t.client, ID, a), 0n);
  assert.equal((await lease.leaseTimeToLive({ ID, keys: true }, a)).TTL, -1n);
});

serviceTest("Auth: a lease with a key of others is theirs", FRESH, async (t) => {
  const { root, a } = await userWith(t.client, GRANTS);
  const { lease, kv } = t.client;
  const { ID } = await lease.leaseGrant({ TTL }, a);
  await kv.put({ key: "a1", lease: ID }, a);
  await kv.put({ key: "a2", lease: ID }, a);
  assert.equal(await keepAlive(t.client, ID, a), BigInt(TTL));
  await kv.put({ key: "r", lease: ID }, root);
  await assertFails(keepAlive(t.client, ID, a), DENIED);
  await assertFails(lease.leaseRevoke({ ID }, a), DENIED);
  await assertFails(kv.put({ key: "a3", lease: ID }, a), DENIED);
  await assertFails(kv.txn({ success: [op.put({ key: "a3", lease: ID })] }, a), DENIED);
  await assertFails(kv.txn({ failure: [op.put({ key: "a3", lease: ID })] }, a), DENIED);
  // Its keys can all be read.
  assert.equal((await lease.leaseTimeToLive({ ID, keys: true }, a)).keys.length, 3);
  assert.equal((await lease.leaseLeases({}, a)).leases.length, 1);
  await kv.put({ key: "x", lease: ID }, root);
  await assertFails(lease.leaseTimeToLive({ ID, keys: true }, a), DENIED);
  assert.equal((await lease.leaseTimeToLive({ ID }, a)).grantedTTL, BigInt(TTL));
  await assertFails(lease.leaseLeases({}, a), DENIED);
  assert.equal((await lease.leaseLeases({}, root)).leases.length, 1);
  assert.equal((await lease.leaseTimeToLive({ ID, keys: true }, root)).keys.length, 4);
  assert.equal(await keepAlive(t.client, ID, root), BigInt(TTL));
  await kv.put({ key: "a3", lease: ID }, root);
  // Detached, they are no hindrance any more.
  await kv.put({ key: "r" }, root);
  await kv.put({ key: "x" }, root);
  assert.equal(await keepAlive(t.client, ID, a), BigInt(TTL));
  await lease.leaseRevoke({ ID }, a);
  assert.equal((await kv.range({ key: "a", rangeEnd: "b" }, a)).count, 0n);
});

serviceTest(
  "Auth: a lease that is not there is found out after the permission",
  FRESH,
  async (t) => {
    const { a } = await userWith(t.client, GRANTS);
    await assertFails(t.client.kv.put({ key: "x", lease: 4_711 }, a), DENIED);
    await assertFails(t.client.kv.put({ key: "a1", lease: 4_711 }, a), NOT_FOUND);
  },
);
