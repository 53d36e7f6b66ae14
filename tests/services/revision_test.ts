import assert from "node:assert/strict";
import type { ResponseHeader } from "../../gen/etcdserverpb/header_pb.ts";
import { keysOf, revisionOf } from "../support/readable.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";

serviceTest(
  "Revisions: an empty store is at 1 and the first put makes 2",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    const everything = { key: "\0", rangeEnd: "\0" };
    const empty = await kv.range(everything);
    assert.deepEqual([revisionOf(empty), empty.count, empty.kvs], [1n, 0n, []]);
    assert.equal(revisionOf(await kv.deleteRange(everything)), 1n);
    assert.equal(revisionOf(await kv.txn({})), 1n);
    assert.equal((await kv.range({ ...everything, revision: 1 })).count, 0n);
    assert.equal(revisionOf(await kv.put({ key: "a" })), 2n);
    assert.deepEqual(keysOf(await kv.range(everything)), ["a"]);
  },
);

serviceTest(
  "Revisions: one for each request that changes something, none for others",
  async (t) => {
    const { client: { kv, lease }, key, all } = t;
    const start = revisionOf(await kv.range(all()));
    const { ID } = await lease.leaseGrant({ TTL: 600 });
    const requests = [
      [() => kv.put({ key: key("a") }), 1n],
      [() => kv.range(all()), 0n],
      [() => kv.put({ key: key("a") }), 1n],
      [() => kv.deleteRange({ key: key("x") }), 0n],
      [() => kv.txn({ success: [op.range(all())] }), 0n],
      [() => kv.txn({ success: [op.put({ key: key("b") }), op.put({ key: key("c") })] }), 1n],
      [() => kv.txn({ success: [op.deleteRange(all("x")), op.txn({})] }), 0n],
      [() => kv.deleteRange(all()), 1n],
      [() => kv.put({ key: key("l1"), lease: ID }), 1n],
      [() => kv.put({ key: key("l2"), lease: ID }), 1n],
      [() => lease.leaseRevoke({ ID }), 1n],
      [() => lease.leaseGrant({ TTL: 600, ID }), 0n],
      [() => lease.leaseRevoke({ ID }), 0n],
    ] as const;
    let revision = start;
    for (const [index, [request, step]] of requests.entries()) {
      revision += step;
      assert.equal(revisionOf(await request()), revision, `request ${index}`);
    }
  },
);

serviceTest("Revisions: concurrent puts get one each, without gaps", async (t) => {
  const { client: { kv }, key, all } = t;
  const start = revisionOf(await kv.range(all()));
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => kv.put({ key: key(String(index % 7)) })),
  );
  const revisions = answers.map(revisionOf).sort((a, b) => Number(a - b));
  assert.deepEqual(revisions, Array.from({ length: 200 }, (_, index) => start + BigInt(index + 1)));
  const versions = (await kv.range(all())).kvs.reduce((sum, kv) => sum + kv.version, 0n);
  assert.equal(versions, 200n);
});

serviceTest("Revisions: a read's header is never behind a put that was acknowledged", async (t) => {
  const { client: { kv }, key } = t;
  for (let round = 0; round < 30; round++) {
    const put = revisionOf(await kv.put({ key: key("a"), value: String(round) }));
    const found = await kv.range({ key: key("a") });
    assert.ok(revisionOf(found) >= put);
    assert.equal(found.kvs[0]?.modRevision, put);
  }
});

function idsOf(header: ResponseHeader | undefined) {
  return { cluster: header?.clusterId, member: header?.memberId, term: header?.raftTerm };
}

serviceTest("Headers: cluster, member and term are set and the same in every answer", async (t) => {
  const { client: { kv, lease, maintenance, cluster }, key } = t;
  const ids = idsOf((await kv.put({ key: key("a") })).header);
  for (const id of Object.values(ids)) assert.ok(id !== undefined && id > 0n);
  const { ID } = await lease.leaseGrant({ TTL: 600 });
  const answers = [
    await kv.range({ key: key("a") }),
    await kv.deleteRange({ key: key("a") }),
    await kv.txn({}),
    await lease.leaseRevoke({ ID }),
    await maintenance.status({}),
    await cluster.memberList({}),
  ];
  for (const answer of answers) assert.deepEqual(idsOf(answer.header), ids);
});

serviceTest("Headers: cluster and member outlive a restart, the term does not fall", {
  fresh: true,
  skips: { memory: "the memory backend keeps nothing" },
}, async ({ client: { kv }, endpoint }) => {
  const before = (await kv.put({ key: "a" })).header;
  await endpoint.restart();
  const after = (await kv.range({ key: "a" })).header;
  assert.equal(after?.clusterId, before?.clusterId);
  assert.equal(after?.memberId, before?.memberId);
  assert.equal(after?.revision, before?.revision);
  assert.ok((after?.raftTerm ?? 0n) >= (before?.raftTerm ?? 0n));
});
