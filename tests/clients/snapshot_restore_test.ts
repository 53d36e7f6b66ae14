// Snapshots: etcd's tools take them, and etcd serves the same from them.

import assert from "node:assert/strict";
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmType,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { KeyValue } from "../../gen/mvccpb/kv_pb.ts";
import { addUser, DENIED, enableAuth, FRESH, READ, signIn } from "../services/auth_case.ts";
import { hashAt } from "../services/hash_at.ts";
import { bury, extendHistory, writeHistory } from "../services/hash_history.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import { oracleTools } from "../support/oracle.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { op } from "../support/txn_parts.ts";
import { Etcdctl } from "./etcdctl.ts";
import { type EtcdctlContext, testEtcdctl } from "./etcdctl_target.ts";
import { type RestoredEtcd, SavedSnapshot } from "./restored_etcd.ts";

const EVERYTHING = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };
const COMPACTED = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision has been compacted",
] as const;
const DAY_SECONDS = 86_400;

/** Keys and hash of both are the same, at each of the revisions; 0 is the newest. */
async function assertSameAt(
  { client }: { readonly client: EtcdClient },
  { restored, revisions }: {
    readonly restored: RestoredEtcd;
    readonly revisions: readonly bigint[];
  },
): Promise<void> {
  const { compactRevision } = await hashAt(client);
  for (const revision of revisions) {
    const at = (one: EtcdClient) => one.kv.range({ ...EVERYTHING, revision });
    const [expected, actual] = await Promise.all([at(client), at(restored.client)]);
    assert.equal(actual.count, expected.count);
    assert.deepEqual(plain(actual.kvs), plain(expected.kvs), `at revision ${revision}`);
    // The hash that a compaction made of what it was about to remove lives in memory only.
    if (revision !== compactRevision) {
      assert.deepEqual(await hashAt(restored.client, revision), await hashAt(client, revision));
    }
  }
}

/** Without what protobuf-es adds; large values by their length and sum, or a failure would print them. */
function plain(kvs: readonly KeyValue[]) {
  return kvs.map(({ key, value, createRevision, modRevision, version, lease }) => ({
    key: [...key],
    value: value.length > 100
      ? [value.length, value.reduce((sum, byte) => sum + byte, 0)]
      : [...value],
    fields: [createRevision, modRevision, version, lease],
  }));
}

async function saveAndRestore(
  t: EtcdctlContext,
  cleanup: AsyncDisposableStack,
  flags: readonly string[] = [],
) {
  const snapshot = cleanup.use(await SavedSnapshot.save(t.ctl, flags));
  const restored = cleanup.use(await snapshot.restore());
  return { snapshot, restored };
}

async function leasesOf(client: EtcdClient) {
  const { leases } = await client.lease.leaseLeases({});
  const ids = leases.map(({ ID }) => ID).sort((a, b) => a < b ? -1 : 1);
  return await Promise.all(ids.map(async (ID) => {
    const { grantedTTL, keys } = await client.lease.leaseTimeToLive({ ID, keys: true });
    const inOrder = keys.map((key) => [...key].join()).sort();
    return { ID, grantedTTL, keys: inOrder };
  }));
}

testEtcdctl("snapshot: an empty store can be saved and restored", { fresh: true }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const { snapshot, restored } = await saveAndRestore(t, cleanup);
  const status = await snapshot.status();
  assert.deepEqual([status.revision, status.totalKey, status.version], [0, 0, "3.7.0"]);
  assert.deepEqual(await hashAt(restored.client), await hashAt(t.client));
  assert.equal(revisionOf(await restored.client.kv.put({ key: "a", value: "1" })), 2n);
});

testEtcdctl("snapshot: 10,000 keys with their history are the same in etcd", {
  fresh: true,
}, async (t) => {
  const revisions: bigint[] = [];
  for (let round = 0; round < 3; round++) {
    for (let first = 0; first < 10_000; first += 100) {
      // Every third key stays as it was, every seventh is deleted in the end.
      const numbers = Array.from({ length: 100 }, (_, index) => first + index)
        .filter((number) => round === 0 || (number + round) % 3 !== 0);
      const change = (number: number) =>
        round === 2 && number % 7 === 0
          ? op.deleteRange({ key: `key/${number}` })
          : op.put({ key: `key/${number}`, value: `${round}`.repeat(number % 90) });
      revisions.push(revisionOf(await t.client.kv.txn({ success: numbers.map(change) })));
    }
  }
  await t.client.kv.compact({ revision: revisions.at(150) ?? 0n, physical: true });
  await using cleanup = new AsyncDisposableStack();
  const { snapshot, restored } = await saveAndRestore(t, cleanup);

  const { count } = await t.client.kv.range({ ...EVERYTHING, countOnly: true });
  const status = await snapshot.status();
  assert.deepEqual([status.revision, status.totalKey], [Number(revisions.at(-1)), Number(count)]);
  const { hash, hashRevision, compactRevision } = await hashAt(t.client);
  assert.deepEqual(await snapshot.hash(), {
    hash,
    hashRevision: Number(hashRevision),
    compactRevision: Number(compactRevision),
  });
  const kept = revisions.slice(150);
  const asked = kept.filter((_, index) => index % 30 === 0 || index === kept.length - 1);
  await assertSameAt(t, { restored, revisions: [...asked, 0n] });
  const before = compactRevision - 1n;
  await assertFails(restored.client.kv.range({ ...EVERYTHING, revision: before }), COMPACTED);
  await assertWritable(restored);
});

/** etcd changes the file's pages: splits, merges and frees them. What is then saved, is sound. */
async function assertWritable({ client: { kv }, url }: RestoredEtcd): Promise<void> {
  let revision = 0n;
  for (let first = 0; first < 5_000; first += 100) {
    const puts = Array.from({ length: 100 }, (_, index) => {
      return op.put({ key: `key/${first + index}`, value: "x".repeat(index * 10) });
    });
    revision = revisionOf(await kv.txn({ success: puts }));
  }
  await kv.compact({ revision, physical: true });
  const { count } = await kv.range({ ...EVERYTHING, countOnly: true });
  const { etcdctl } = await oracleTools();
  await using again = await SavedSnapshot.save(new Etcdctl(etcdctl, url));
  const status = await again.status();
  assert.deepEqual([status.revision, status.totalKey], [Number(revision), Number(count)]);
}

testEtcdctl("snapshot: odd keys, transactions, leases and compactions are the same in etcd", {
  fresh: true,
}, async (t) => {
  const head = await writeHistory(t.client);
  await t.client.kv.compact({ revision: head / 2n, physical: true });
  const grave = await bury(t.client);
  await t.client.kv.compact({ revision: grave, physical: true });
  const last = await extendHistory(t.client);
  await using cleanup = new AsyncDisposableStack();
  const { restored } = await saveAndRestore(t, cleanup);
  const revisions = Array.from({ length: Number(last - grave) + 1 }, (_, index) => {
    return grave + BigInt(index);
  });
  await assertSameAt(t, { restored, revisions: [0n, ...revisions] });
  assert.deepEqual(await leasesOf(restored.client), await leasesOf(t.client));

  // Versions go on where they were, and so do revisions.
  const write = async (client: EtcdClient) => {
    const { kvs } = await client.kv.range({ key: "r/txn" });
    const { header, prevKv } = await client.kv.put({ key: "r/txn", value: "2", prevKv: true });
    const after = await client.kv.range({ key: "r/txn" });
    assert.ok(prevKv !== undefined);
    return [plain(kvs), plain([prevKv]), plain(after.kvs), header?.revision];
  };
  assert.deepEqual(await write(restored.client), await write(t.client));
});

testEtcdctl("snapshot: a store compacted at its last delete keeps its revision in etcd", {
  fresh: true,
}, async (t) => {
  const grave = await bury(t.client);
  await t.client.kv.compact({ revision: grave, physical: true });
  await using cleanup = new AsyncDisposableStack();
  const { restored } = await saveAndRestore(t, cleanup);
  await assertSameAt(t, { restored, revisions: [0n, grave] });
  assert.equal(revisionOf(await restored.client.kv.put({ key: "a" })), grave + 1n);
});

testEtcdctl("snapshot: large values and bytes that are no text are the same in etcd", {
  fresh: true,
}, async (t) => {
  const { kv } = t.client;
  const edges = [[0], [0, 0], [0xff], [0xff, 0xff], [0xff, 0], [0x80, 0xfe]];
  for (const edge of edges) {
    const key = new Uint8Array(edge);
    await kv.put({ key, value: key });
  }
  // About the size of a page, and far above.
  for (const size of [3_900, 4_000, 4_050, 4_096, 8_192, 100_000, 1_000_000]) {
    await kv.put({ key: `size/${size}`, value: new Uint8Array(size).fill(size % 251) });
  }
  await kv.put({ key: new Uint8Array(2_500).fill(0xff), value: "a long key" });
  await kv.deleteRange({ key: "size/4096" });
  await using cleanup = new AsyncDisposableStack();
  const { snapshot, restored } = await saveAndRestore(t, cleanup);
  assert.equal((await snapshot.status()).totalKey, edges.length + 7);
  await assertSameAt(t, { restored, revisions: [0n, 5n, 14n] });
});

testEtcdctl("snapshot: many leases are there in etcd, and take their keys along", {
  fresh: true,
}, async (t) => {
  const { client } = t;
  const ids = Array.from(
    { length: 1_000 },
    (_, index) => BigInt(index + 1) * 9_007_199_254_740_993n,
  );
  for (let first = 0; first < ids.length; first += 50) {
    const some = ids.slice(first, first + 50);
    const grants = some.map((ID, index) =>
      client.lease.leaseGrant({ ID, TTL: DAY_SECONDS + index })
    );
    await Promise.all(grants);
    await client.kv.txn({
      success: some.map((lease) => op.put({ key: `lease/${lease}`, value: "1", lease })),
    });
  }
  await client.lease.leaseRevoke({ ID: ids[0] ?? 0n });
  await using cleanup = new AsyncDisposableStack();
  const { restored } = await saveAndRestore(t, cleanup);
  const expected = await leasesOf(client);
  assert.equal(expected.length, 999);
  assert.deepEqual(await leasesOf(restored.client), expected);

  const [, second = 0n] = ids;
  const { TTL } = await restored.client.lease.leaseTimeToLive({ ID: second });
  assert.ok(TTL > DAY_SECONDS - 3_600, `${TTL} s left`);
  await restored.client.lease.leaseRevoke({ ID: second });
  const { count } = await restored.client.kv.range({ ...EVERYTHING, countOnly: true });
  assert.equal(count, 998n);
});

testEtcdctl("snapshot: users and roles are the same in etcd", FRESH, async (t) => {
  await addUser(t.client, { name: "reader", grants: [{ type: READ, key: "a", rangeEnd: "c" }] });
  await t.client.auth.userAdd({ name: "certificate", options: { noPassword: true } });
  await t.client.kv.put({ key: "b", value: "1" });
  const root = await enableAuth(t.client);
  assert.match(await t.ctl.fails(["snapshot", "save", "/dev/null"]), /user name is empty/);
  await using cleanup = new AsyncDisposableStack();
  const { restored } = await saveAndRestore(t, cleanup, ["--user=root:pw"]);

  const rulesOf = async (client: EtcdClient, as: CallExtras) => {
    const { enabled, authRevision } = await client.auth.authStatus({}, as);
    const users = await client.auth.userList({}, as);
    const { roles } = await client.auth.roleList({}, as);
    const rolesOf = await Promise.all(users.users.map(async (name) => {
      return [name, (await client.auth.userGet({ name }, as)).roles];
    }));
    const { perm } = await client.auth.roleGet({ role: "reader" }, as);
    const perms = perm.map(({ permType, key, rangeEnd }) => [permType, [...key], [...rangeEnd]]);
    return { enabled, authRevision, roles, rolesOf, perms };
  };
  const there = await signIn(restored.client, "root", "pw");
  assert.deepEqual(await rulesOf(restored.client, there), await rulesOf(t.client, root));

  const { kv } = restored.client;
  const reader = await signIn(restored.client, "reader", "reader");
  assert.equal((await kv.range({ key: "b" }, reader)).count, 1n);
  await assertFails(kv.range({ key: "d" }, reader), DENIED);
  await assertFails(kv.put({ key: "b" }, reader), DENIED);
});

testEtcdctl("snapshot: alarms are the same in etcd", { fresh: true }, async (t) => {
  const { maintenance } = t.client;
  await maintenance.alarm({ action: AlarmAction.ACTIVATE, alarm: AlarmType.NOSPACE });
  await using cleanup = new AsyncDisposableStack();
  const { restored } = await saveAndRestore(t, cleanup);
  const alarmsOf = async (client: EtcdClient) => {
    const { alarms } = await client.maintenance.alarm({ action: AlarmAction.GET });
    return alarms.map(({ memberID, alarm }) => [memberID, alarm]);
  };
  const alarms = await alarmsOf(t.client);
  assert.equal(alarms.length, 1);
  assert.deepEqual(await alarmsOf(restored.client), alarms);
});
