// Maintenance: HashKV, which tells whether two servers have the same history, and Hash.

import assert from "node:assert/strict";
import { startEndpoint } from "../support/endpoint.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { type Hash, hashAt } from "./hash_at.ts";
import { writeHistory } from "./hash_history.ts";

serviceTest("HashKV: of an empty store, that was never compacted", { fresh: true }, async (t) => {
  const empty = await hashAt(t.client);
  assert.deepEqual(empty, { ...empty, compactRevision: -1n, hashRevision: 1n, revision: 1n });
  assert.notEqual(empty.hash, 0);
});

serviceTest(
  "HashKV: every write changes it, a read or a grant does not",
  { fresh: true },
  async (t) => {
    const hashes = new Set([(await hashAt(t.client)).hash]);
    const { ID } = await t.client.lease.leaseGrant({ TTL: 600 });
    for (
      const write of [
        () => t.client.kv.put({ key: "a", value: "1" }),
        () => t.client.kv.put({ key: "a", value: "1" }),
        () => t.client.kv.put({ key: "a", value: "1", lease: ID }),
        () => t.client.kv.deleteRange({ key: "a" }),
      ]
    ) {
      const before = await hashAt(t.client);
      await t.client.kv.range({ key: "a" });
      await t.client.lease.leaseGrant({ TTL: 600 });
      assert.deepEqual(await hashAt(t.client), before);
      await write();
      hashes.add((await hashAt(t.client)).hash);
    }
    assert.equal(hashes.size, 5);
  },
);

serviceTest("HashKV: at a revision it stays what it was", { fresh: true }, async (t) => {
  const atTime: Hash[] = [];
  for (let round = 0; round < 10; round++) {
    await t.client.kv.put({ key: `${round % 3}`, value: `${round}` });
    atTime.push(await hashAt(t.client));
  }
  for (const then of atTime) {
    assert.equal((await hashAt(t.client, then.hashRevision)).hash, then.hash);
  }
});

serviceTest("HashKV: is the same before and after compacting there", { fresh: true }, async (t) => {
  for (let round = 0; round < 10; round++) {
    await t.client.kv.put({ key: `${round % 3}`, value: `${round}` });
  }
  const before = await hashAt(t.client, 8n);
  await t.client.kv.compact({ revision: 8n, physical: true });
  assert.equal((await hashAt(t.client, 8n)).hash, before.hash);
  await t.client.maintenance.defragment({});
  assert.equal((await hashAt(t.client, 8n)).hash, before.hash);
  assert.equal((await hashAt(t.client)).compactRevision, 8n);
});

serviceTest(
  "HashKV: a revision that is gone or yet to come is an error",
  { fresh: true },
  async (t) => {
    for (const value of ["1", "2", "3"]) await t.client.kv.put({ key: "a", value });
    await t.client.kv.compact({ revision: 3 });
    await assertFails(hashAt(t.client, 2n), [
      CODE.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision has been compacted",
    ]);
    await assertFails(hashAt(t.client, 5n), [
      CODE.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision is a future revision",
    ]);
  },
);

serviceTest(
  "HashKV: equal histories give equal hashes on any server",
  { fresh: true },
  async (t) => {
    await using other = await startEndpoint(t.target);
    for (const { client } of [t, other]) await writeHistory(client);
    assert.deepEqual(await hashAt(t.client), await hashAt(other.client));
  },
);

serviceTest(
  "Hash: stays while nothing is written, and changes with a put",
  { fresh: true },
  async (t) => {
    await t.client.kv.put({ key: "a", value: "1" });
    const first = await t.client.maintenance.hash({});
    assert.equal(revisionOf(first), 2n);
    assert.notEqual(first.hash, 0);
    assert.equal((await t.client.maintenance.hash({})).hash, first.hash);
    await t.client.kv.put({ key: "a", value: "2" });
    assert.notEqual((await t.client.maintenance.hash({})).hash, first.hash);
  },
);
