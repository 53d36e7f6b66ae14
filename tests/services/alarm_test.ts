// Maintenance: alarms, and what a full or corrupt store refuses.

import assert from "node:assert/strict";
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE, RpcError } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";

const NO_SPACE = [CODE.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"] as const;
const CORRUPT = [CODE.DATA_LOSS, "etcdserver: corrupt cluster"] as const;

const QUOTA_BYTES = 256 * 1024;

/** A server that holds next to nothing. */
const SMALL = { fresh: true, flags: [`--quota-backend-bytes=${QUOTA_BYTES}`] } as const;

type Alarm = readonly [memberID: bigint, alarm: AlarmType];

async function memberIdOf(client: EtcdClient): Promise<bigint> {
  return (await client.maintenance.status({})).header?.memberId ?? 0n;
}

/** Sends an alarm request and returns the alarms in the answer. */
async function alarms(
  client: EtcdClient,
  action: Action,
  { memberID = 0n, alarm = AlarmType.NONE }: {
    readonly memberID?: bigint;
    readonly alarm?: AlarmType;
  } = {},
): Promise<Alarm[]> {
  const answer = await client.maintenance.alarm({ action, memberID, alarm });
  assert.ok(revisionOf(answer) > 0n);
  return answer.alarms.map((one): Alarm => [one.memberID, one.alarm]).sort(byMember);
}

/** Puts until the server has no space left; a quota of this size is full long before the bound. */
async function fill(client: EtcdClient): Promise<void> {
  for (let round = 0; round < 4_000; round++) {
    try {
      await client.kv.put({ key: "filler", value: new Uint8Array(1_024) });
    } catch (error) {
      assert.ok(error instanceof RpcError, `${error}`);
      assert.deepEqual([error.code, error.details], NO_SPACE);
      return;
    }
  }
  assert.fail("4 MB fit into a quota of 256 KiB");
}

serviceTest("Alarm: activate, list, deactivate", { fresh: true }, async (t) => {
  const memberID = await memberIdOf(t.client);
  const noSpace = { memberID, alarm: AlarmType.NOSPACE };
  assert.deepEqual(await alarms(t.client, Action.GET), []);
  assert.deepEqual(await alarms(t.client, Action.DEACTIVATE, noSpace), []);
  const raised = [[memberID, AlarmType.NOSPACE]];
  assert.deepEqual(await alarms(t.client, Action.ACTIVATE, noSpace), raised);
  assert.deepEqual(
    await alarms(t.client, Action.ACTIVATE, noSpace),
    raised,
    "as if for the first time",
  );
  assert.deepEqual(await alarms(t.client, Action.GET), raised);
  assert.deepEqual(await alarms(t.client, Action.GET, { alarm: AlarmType.NOSPACE }), raised);
  assert.deepEqual(await alarms(t.client, Action.GET, { alarm: AlarmType.CORRUPT }), []);
  assert.deepEqual(await alarms(t.client, Action.GET, { memberID: 4_711n }), raised);
  assert.deepEqual(await alarms(t.client, Action.DEACTIVATE, noSpace), raised);
  assert.deepEqual(await alarms(t.client, Action.GET), []);
});

serviceTest("Alarm: NONE can be neither activated nor deactivated", { fresh: true }, async (t) => {
  const memberID = await memberIdOf(t.client);
  const raised = [[memberID, AlarmType.NOSPACE]];
  assert.deepEqual(await alarms(t.client, Action.ACTIVATE, { memberID }), []);
  assert.deepEqual(await alarms(t.client, Action.GET), []);
  await alarms(t.client, Action.ACTIVATE, { memberID, alarm: AlarmType.NOSPACE });
  assert.deepEqual(await alarms(t.client, Action.DEACTIVATE, { memberID }), []);
  assert.deepEqual(await alarms(t.client, Action.GET), raised);
});

serviceTest(
  "Alarm: each kind and member is apart, and Status names them",
  { fresh: true },
  async (t) => {
    const memberID = await memberIdOf(t.client);
    await alarms(t.client, Action.ACTIVATE, { memberID, alarm: AlarmType.NOSPACE });
    await alarms(t.client, Action.ACTIVATE, { memberID: 77n, alarm: AlarmType.NOSPACE });
    const raised: Alarm[] = [[memberID, AlarmType.NOSPACE], [77n, AlarmType.NOSPACE]];
    assert.deepEqual(await alarms(t.client, Action.GET), raised.sort(byMember));
    const { errors } = await t.client.maintenance.status({});
    // etcd prints them with one blank or two, as its build has it.
    assert.deepEqual(
      errors.map((error) => error.replace(/ +/g, " ")).sort(),
      [`memberID:${memberID} alarm:NOSPACE`, "memberID:77 alarm:NOSPACE"].sort(),
    );
    await alarms(t.client, Action.DEACTIVATE, { memberID, alarm: AlarmType.NOSPACE });
    await assertFails(t.client.kv.put({ key: "a" }), NO_SPACE);
    await alarms(t.client, Action.DEACTIVATE, { memberID: 77n, alarm: AlarmType.NOSPACE });
    await t.client.kv.put({ key: "a" });
  },
);

serviceTest(
  "Alarm: outlives the server",
  { fresh: true, skips: { memory: "memory forgets at the end of the process" } },
  async (t) => {
    const memberID = await memberIdOf(t.client);
    await alarms(t.client, Action.ACTIVATE, { memberID, alarm: AlarmType.NOSPACE });
    await t.endpoint.restart();
    assert.deepEqual(await alarms(t.client, Action.GET), [[memberID, AlarmType.NOSPACE]]);
    await assertFails(t.client.kv.put({ key: "a" }), NO_SPACE);
  },
);

serviceTest("Alarm: NOSPACE refuses what grows, and nothing else", { fresh: true }, async (t) => {
  await t.client.kv.put({ key: "a", value: "1" });
  await t.client.kv.put({ key: "b", value: "1" });
  const { ID } = await t.client.lease.leaseGrant({ TTL: 600 });
  const memberID = await memberIdOf(t.client);
  await alarms(t.client, Action.ACTIVATE, { memberID, alarm: AlarmType.NOSPACE });
  await assertFails(t.client.kv.put({ key: "a", value: "2" }), NO_SPACE);
  await assertFails(t.client.kv.txn({ success: [op.put({ key: "a", value: "2" })] }), NO_SPACE);
  // The branch that is not taken counts too.
  await assertFails(t.client.kv.txn({ failure: [op.put({ key: "a", value: "2" })] }), NO_SPACE);
  await assertFails(t.client.lease.leaseGrant({ TTL: 600 }), NO_SPACE);
  assert.equal((await t.client.kv.range({ key: "a" })).count, 1n);
  assert.equal((await t.client.kv.txn({ success: [op.range({ key: "a" })] })).succeeded, true);
  assert.equal((await t.client.kv.deleteRange({ key: "a" })).deleted, 1n);
  await t.client.kv.txn({ success: [op.deleteRange({ key: "b" })] });
  assert.equal((await t.client.kv.range({ key: "a", rangeEnd: "c" })).count, 0n);
  const { header } = await t.client.lease.leaseRevoke({ ID });
  await t.client.kv.compact({ revision: header?.revision ?? 0n });
});

serviceTest("Alarm: CORRUPT refuses every write; reads go on", { fresh: true }, async (t) => {
  await t.client.kv.put({ key: "a", value: "1" });
  const { ID } = await t.client.lease.leaseGrant({ TTL: 600 });
  const memberID = await memberIdOf(t.client);
  const corrupt = { memberID, alarm: AlarmType.CORRUPT };
  await alarms(t.client, Action.ACTIVATE, corrupt);
  await assertFails(t.client.kv.put({ key: "a", value: "2" }), CORRUPT);
  await assertFails(t.client.kv.deleteRange({ key: "a" }), CORRUPT);
  await assertFails(t.client.kv.txn({ success: [op.put({ key: "a", value: "2" })] }), CORRUPT);
  await assertFails(t.client.kv.compact({ revision: 1 }), CORRUPT);
  await assertFails(t.client.lease.leaseGrant({ TTL: 600 }), CORRUPT);
  await assertFails(t.client.lease.leaseRevoke({ ID }), CORRUPT);
  assert.equal((await t.client.kv.range({ key: "a" })).count, 1n);
  assert.equal((await t.client.kv.txn({ success: [op.range({ key: "a" })] })).succeeded, true);
  assert.equal((await t.client.kv.txn({})).succeeded, true);
  // With another transaction inside it counts as a write, whatever that holds.
  await assertFails(t.client.kv.txn({ success: [op.txn({})] }), CORRUPT);
  assert.equal((await t.client.lease.leaseTimeToLive({ ID })).grantedTTL, 600n);
  await alarms(t.client, Action.DEACTIVATE, corrupt);
  await t.client.kv.put({ key: "a", value: "2" });
});

serviceTest("Quota: a full store raises the alarm and refuses puts", SMALL, async (t) => {
  await fill(t.client);
  const memberID = await memberIdOf(t.client);
  assert.deepEqual(await alarms(t.client, Action.GET), [[memberID, AlarmType.NOSPACE]]);
  await assertFails(t.client.kv.put({ key: "a", value: "1" }), NO_SPACE);
  await assertFails(t.client.lease.leaseGrant({ TTL: 600 }), NO_SPACE);
  assert.equal((await t.client.kv.range({ key: "filler" })).count, 1n);
});

serviceTest("Quota: after compact, defragment and disarm puts work again", SMALL, async (t) => {
  await fill(t.client);
  const memberID = await memberIdOf(t.client);
  const { header } = await t.client.kv.range({ key: "filler" });
  await t.client.kv.compact({ revision: header?.revision ?? 0n, physical: true });
  await t.client.maintenance.defragment({});
  await alarms(t.client, Action.DEACTIVATE, { memberID, alarm: AlarmType.NOSPACE });
  await t.client.kv.put({ key: "a", value: "1" });
  assert.deepEqual(await alarms(t.client, Action.GET), []);
  assert.deepEqual((await t.client.maintenance.status({})).errors, []);
});

serviceTest("Quota: one put that is larger than all of it is refused", SMALL, async (t) => {
  await t.client.kv.put({ key: "a", value: "1" });
  const value = new Uint8Array(QUOTA_BYTES);
  await assertFails(t.client.kv.put({ key: "b", value }), NO_SPACE);
  assert.equal((await t.client.kv.range({ key: "b" })).count, 0n);
});

serviceTest(
  "Quota: a negative quota is none",
  { fresh: true, flags: ["--quota-backend-bytes=-1"] },
  async (t) => {
    for (let round = 0; round < 10; round++) {
      await t.client.kv.put({ key: "a", value: new Uint8Array(1_000_000) });
    }
    assert.deepEqual(await alarms(t.client, Action.GET), []);
  },
);

/** etcd lists alarms in no order that can be relied on. */
function byMember(a: Alarm, b: Alarm): number {
  return a[0] < b[0] ? -1 : 1;
}
