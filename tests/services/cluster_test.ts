// Cluster: the member list, and what a cluster of one refuses.

import assert from "node:assert/strict";
import { EtcdClient } from "../support/etcd_client.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { notRhino, serviceTest } from "../support/service_case.ts";

const MEMBER_NOT_FOUND = [CODE.NOT_FOUND, "etcdserver: member not found"] as const;

/** etcd changes its members by request; Rhino's come and go as servers start and stop. */
const MEMBERS_COME_BY_STARTING = "members join by starting a server on the same database";

/** Only etcd's members talk to one another. */
const NO_PEERS = "members meet in the database and have no peer URLs";

serviceTest("Cluster: the list has the member that answers", async (t) => {
  for (const linearizable of [false, true]) {
    const answer = await t.client.cluster.memberList({ linearizable });
    const [member] = answer.members;
    assert.equal(answer.members.length, 1);
    assert.ok(member);
    assert.equal(member.ID, answer.header?.memberId);
    assert.notEqual(member.name, "");
    assert.equal(member.isLearner, false);
    assert.ok(member.clientURLs.length > 0);
  }
});

serviceTest("Cluster: clients reach the member at each of its client URLs", async (t) => {
  const key = t.key("a");
  await t.client.kv.put({ key, value: "1" });
  const { members } = await t.client.cluster.memberList({});
  for (const url of members.flatMap((member) => member.clientURLs)) {
    using client = new EtcdClient(new URL(url).host);
    assert.equal((await client.kv.range({ key })).count, 1n, url);
  }
});

serviceTest("Cluster: answers carry a header without a revision", async (t) => {
  const { header } = await t.client.cluster.memberList({});
  const { header: kvHeader } = await t.client.kv.range({ key: t.key("a") });
  assert.equal(header?.clusterId, kvHeader?.clusterId);
  assert.equal(header?.memberId, kvHeader?.memberId);
  assert.equal(header?.raftTerm, kvHeader?.raftTerm);
  assert.equal(header?.revision, 0n);
});

serviceTest(
  "Cluster: ids outlive the server",
  { fresh: true, skips: { memory: "memory forgets at the end of the process" } },
  async (t) => {
    const before = await t.client.cluster.memberList({});
    await t.endpoint.restart();
    const after = await t.client.cluster.memberList({});
    assert.equal(after.header?.clusterId, before.header?.clusterId);
    assert.deepEqual(
      after.members.map(({ ID, name, clientURLs }) => [ID, name, clientURLs]),
      before.members.map(({ ID, name, clientURLs }) => [ID, name, clientURLs]),
    );
  },
);

serviceTest("Cluster: an unknown member cannot be removed, updated or promoted", async (t) => {
  const ID = 4_711n;
  await assertFails(t.client.cluster.memberRemove({ ID }), MEMBER_NOT_FOUND);
  await assertFails(
    t.client.cluster.memberUpdate({ ID, peerURLs: ["http://127.0.0.1:1"] }),
    MEMBER_NOT_FOUND,
  );
  await assertFails(t.client.cluster.memberPromote({ ID }), MEMBER_NOT_FOUND);
});

serviceTest("Cluster: a voter cannot be promoted", async (t) => {
  const { header } = await t.client.cluster.memberList({});
  await assertFails(t.client.cluster.memberPromote({ ID: header?.memberId ?? 0n }), [
    CODE.FAILED_PRECONDITION,
    "etcdserver: can only promote a learner member",
  ]);
});

serviceTest("Cluster: peer URLs that are none cannot be added", async (t) => {
  for (const peerURLs of [[], [""], ["localhost"], ["http://127.0.0.1"], ["ftp://127.0.0.1:1"]]) {
    await assertFails(t.client.cluster.memberAdd({ peerURLs }), [
      CODE.INVALID_ARGUMENT,
      "etcdserver: given member URLs are invalid",
    ]);
  }
});

serviceTest(
  "Cluster: a peer URL that a member has cannot be added again",
  { skips: notRhino(NO_PEERS) },
  async (t) => {
    const { members } = await t.client.cluster.memberList({});
    await assertFails(t.client.cluster.memberAdd({ peerURLs: members[0]?.peerURLs ?? [] }), [
      CODE.FAILED_PRECONDITION,
      "etcdserver: Peer URLs already exists",
    ]);
  },
);

serviceTest(
  "Cluster: no member is added by request, and the answer says how one joins",
  { skips: { etcd: "etcd adds the member and waits for it" } },
  async (t) => {
    const peerURLs = ["http://127.0.0.1:1"];
    const refused = [CODE.FAILED_PRECONDITION, /start/] as const;
    await assertFails(t.client.cluster.memberAdd({ peerURLs }), refused);
    await assertFails(t.client.cluster.memberAdd({ peerURLs, isLearner: true }), refused);
    assert.equal((await t.client.cluster.memberList({})).members.length, 1);
  },
);

serviceTest("Cluster: the only member is not removed", async (t) => {
  const { header } = await t.client.cluster.memberList({});
  const ID = header?.memberId ?? 0n;
  await assertFails(t.client.cluster.memberRemove({ ID }), [
    CODE.UNKNOWN,
    "etcdserver: re-configuration failed due to not enough started members",
  ]);
  assert.equal((await t.client.cluster.memberList({})).members.length, 1);
});

serviceTest(
  "Cluster: a learner is added, listed and removed",
  {
    fresh: true,
    skips: notRhino(MEMBERS_COME_BY_STARTING),
  },
  async (t) => {
    const peerURLs = ["http://127.0.0.1:1"];
    const added = await t.client.cluster.memberAdd({ peerURLs, isLearner: true });
    assert.equal(added.member?.isLearner, true);
    assert.equal(added.members.length, 2);
    const ID = added.member?.ID ?? 0n;
    assert.equal((await t.client.cluster.memberRemove({ ID })).members.length, 1);
  },
);
