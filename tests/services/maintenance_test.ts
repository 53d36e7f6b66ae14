// Maintenance: status, defragmentation, leadership, downgrades.

import assert from "node:assert/strict";
import { DowngradeRequest_DowngradeAction as Action } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { notRhino, serviceTest } from "../support/service_case.ts";
import { WatchSession } from "./watch_session.ts";

const FORGETS = { memory: "memory forgets at the end of the process" } as const;

const NO_QUOTA = "there is no quota unless one is set; databases have limits of their own";

const WRONG_FORMAT = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: wrong downgrade target version format",
] as const;

const INVALID_TARGET = [
  CODE.INVALID_ARGUMENT,
  "etcdserver: invalid downgrade target version",
] as const;

serviceTest(
  "Maintenance: Status says that this is etcd 3.7.1, leading, without errors",
  async (t) => {
    const put = await t.client.kv.put({ key: t.key("a"), value: "1" });
    const status = await t.client.maintenance.status({});
    assert.equal(status.version, "3.7.1");
    assert.equal(status.storageVersion, "3.7.0");
    assert.equal(status.leader, status.header?.memberId);
    assert.equal(status.isLearner, false);
    assert.deepEqual(status.errors, []);
    assert.equal(revisionOf(status), revisionOf(put));
    assert.equal(status.raftTerm, status.header?.raftTerm);
    assert.equal(status.downgradeInfo?.enabled, false);
    assert.equal(status.downgradeInfo?.targetVersion, "");
  },
);

serviceTest("Maintenance: Status gives sizes and positions that are not zero", async (t) => {
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  const status = await t.client.maintenance.status({});
  assert.ok(status.dbSize > 0n);
  assert.ok(status.dbSizeInUse > 0n && status.dbSizeInUse <= status.dbSize);
  assert.ok(status.raftTerm > 0n);
  assert.ok(status.raftAppliedIndex > 0n);
  assert.ok(status.raftIndex >= status.raftAppliedIndex);
});

serviceTest("Maintenance: Status counts every change, leases too", async (t) => {
  const index = async () => (await t.client.maintenance.status({})).raftAppliedIndex;
  let before = await index();
  for (
    const change of [
      () => t.client.kv.put({ key: t.key("a"), value: "1" }),
      () => t.client.kv.deleteRange({ key: t.key("a") }),
      () => t.client.lease.leaseGrant({ TTL: 600 }),
    ]
  ) {
    await change();
    const after = await index();
    assert.ok(after > before);
    before = after;
  }
});

serviceTest(
  "Maintenance: Status tells the quota, 2 GiB unless set",
  { fresh: true, skips: notRhino(NO_QUOTA) },
  async (t) => {
    const status = await t.client.maintenance.status({});
    assert.equal(status.dbSizeQuota, 2_147_483_648n);
  },
);

serviceTest(
  "Maintenance: Status tells the quota that was set",
  { flags: ["--quota-backend-bytes=123456789"] },
  async (t) => {
    const status = await t.client.maintenance.status({});
    assert.equal(status.dbSizeQuota, 123_456_789n);
  },
);

serviceTest(
  "Maintenance: ids stay and the index never goes back over a restart",
  { fresh: true, skips: FORGETS },
  async (t) => {
    for (let round = 0; round < 10; round++) await t.client.kv.put({ key: "a", value: `${round}` });
    const before = await t.client.maintenance.status({});
    await t.endpoint.restart();
    const after = await t.client.maintenance.status({});
    assert.equal(after.header?.clusterId, before.header?.clusterId);
    assert.equal(after.header?.memberId, before.header?.memberId);
    assert.equal(revisionOf(after), revisionOf(before));
    assert.ok(after.raftTerm >= before.raftTerm);
    assert.ok(after.raftAppliedIndex >= before.raftAppliedIndex);
  },
);

serviceTest("Maintenance: Defragment answers nothing, and data and watchers stay", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  const answer = await t.client.maintenance.defragment({});
  assert.equal(answer.header, undefined);
  await t.client.kv.put({ key: t.key("b"), value: "2" });
  assert.deepEqual((await session.events(id, 2)).map(({ value }) => value), ["1", "2"]);
  assert.equal((await t.client.kv.range({ ...t.all() })).count, 2n);
});

serviceTest("Maintenance: writes during Defragment succeed or can be tried again", async (t) => {
  const defragment = t.client.maintenance.defragment({});
  const puts = Array.from(
    { length: 50 },
    (_, index) => t.client.kv.put({ key: t.key(`${index}`), value: "1" }),
  );
  await Promise.all([defragment, ...puts]);
  assert.equal((await t.client.kv.range({ ...t.all(), countOnly: true })).count, 50n);
});

serviceTest("Maintenance: MoveLeader to itself is done, to anyone else refused", async (t) => {
  const { header } = await t.client.maintenance.status({});
  const targetID = header?.memberId ?? 0n;
  assert.equal((await t.client.maintenance.moveLeader({ targetID })).header, undefined);
  for (const unknown of [0n, 4_711n]) {
    await assertFails(t.client.maintenance.moveLeader({ targetID: unknown }), [
      CODE.FAILED_PRECONDITION,
      "etcdserver: bad leader transferee",
    ]);
  }
});

serviceTest("Maintenance: Downgrade takes one minor version down and no other", async (t) => {
  const { maintenance } = t.client;
  for (const version of ["3.6", "3.6.0", "3.6.1"]) {
    const answer = await maintenance.downgrade({ action: Action.VALIDATE, version });
    assert.equal(answer.version, "3.7", version);
  }
  for (const action of [Action.VALIDATE, Action.ENABLE]) {
    for (const version of ["", "x", "3", "v3.6"]) {
      await assertFails(maintenance.downgrade({ action, version }), WRONG_FORMAT);
    }
    for (const version of ["3.7", "3.5", "3.8.0", "4.0"]) {
      await assertFails(maintenance.downgrade({ action, version }), INVALID_TARGET);
    }
  }
});

serviceTest("Maintenance: Downgrade CANCEL without a job is done", async (t) => {
  const answer = await t.client.maintenance.downgrade({ action: Action.CANCEL });
  assert.equal(answer.version, "3.7");
});
