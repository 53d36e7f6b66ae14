// Election: one leader at a time, what the leader says, and who wants to hear it.

import assert from "node:assert/strict";
import type { LeaderResponse } from "../../gen/v3electionpb/election_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { eventually } from "../support/polling.ts";
import { revisionOf, text as textOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";

const LONG_SECONDS = 3_600;
const NOT_LEADER = [CODE.UNKNOWN, "election: not leader"] as const;
const NO_LEADER = [CODE.UNKNOWN, "election: no leader"] as const;
const LEADER_MISSING = [CODE.UNKNOWN, '"leader" field must be provided'] as const;

async function grant(client: EtcdClient): Promise<bigint> {
  return (await client.lease.leaseGrant({ TTL: LONG_SECONDS })).ID;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && textOf(bytes);
}

/** Resolves when that many stand in line. */
function inLine(client: EtcdClient, name: string, count: number): Promise<void> {
  return eventually(`${count} in line for ${name}`, async () => {
    const line = { key: `${name}/`, rangeEnd: `${name}0`, countOnly: true };
    return (await client.kv.range(line)).count === BigInt(count);
  });
}

async function leaderValue(client: EtcdClient, name: string): Promise<string | undefined> {
  return text((await client.election.leader({ name })).kv?.value);
}

/** What the observer was told: the leader's value, and as of which revision. */
function told({ kv, header }: LeaderResponse) {
  return [text(kv?.value), header?.revision];
}

serviceTest("Election: the first candidate leads, by a key of its lease", async (t) => {
  const name = t.key("a");
  const lease = await grant(t.client);
  const { leader, header } = await t.client.election.campaign({ name, lease, value: "one" });
  assert.ok(leader !== undefined);
  assert.equal(text(leader.name), name);
  assert.equal(text(leader.key), `${name}/${lease.toString(16)}`);
  assert.equal(leader.lease, lease);
  assert.equal(leader.rev, header?.revision);
  const { kvs: [kv] } = await t.client.kv.range({ key: leader.key });
  assert.deepEqual([text(kv?.value), kv?.lease, kv?.createRevision], ["one", lease, leader.rev]);
  const { kv: seen, header: seenHeader } = await t.client.election.leader({ name });
  assert.deepEqual(seen, kv);
  assert.ok((seenHeader?.revision ?? 0n) >= leader.rev);
});

serviceTest("Election: a candidate without a lease gets one of 60 seconds", async (t) => {
  const { leader } = await t.client.election.campaign({ name: t.key("a"), value: "one" });
  const { grantedTTL } = await t.client.lease.leaseTimeToLive({ ID: leader?.lease ?? 0n });
  assert.equal(grantedTTL, 60n);
  await t.client.lease.leaseRevoke({ ID: leader?.lease ?? 0n });
  await assertFails(t.client.election.leader({ name: t.key("a") }), NO_LEADER);
});

serviceTest("Election: the next candidate leads when the leader resigns", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  const first = await election.campaign({ name, lease: await grant(t.client), value: "one" });
  const second = election.campaign({ name, lease: await grant(t.client), value: "two" });
  await inLine(t.client, name, 2);
  assert.equal(await leaderValue(t.client, name), "one");
  const resigned = await election.resign({ leader: first.leader });
  const { leader, header } = await second;
  assert.equal(await leaderValue(t.client, name), "two");
  // The answer is as of the candidate's arrival, not of its turn.
  assert.equal(header?.revision, leader?.rev);
  assert.ok(revisionOf(resigned) > (leader?.rev ?? 0n));
});

serviceTest("Election: a campaign of the same lease goes on, with its new value", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  const lease = await grant(t.client);
  const first = await election.campaign({ name, lease, value: "one" });
  const again = await election.campaign({ name, lease, value: "one" });
  assert.deepEqual(again.leader, first.leader);
  assert.equal(revisionOf(again), revisionOf(first));
  const changed = await election.campaign({ name, lease, value: "two" });
  assert.deepEqual(changed.leader, first.leader);
  assert.equal(revisionOf(changed), revisionOf(first));
  assert.equal(await leaderValue(t.client, name), "two");
});

serviceTest(
  "Election: a proclamation changes what the leader says, as long as it leads",
  async (t) => {
    const { election } = t.client;
    const name = t.key("a");
    const { leader } = await election.campaign({ name, lease: await grant(t.client), value: "1" });
    assert.ok(leader !== undefined);
    const proclaimed = await election.proclaim({ leader, value: "2" });
    const { kv } = await election.leader({ name });
    assert.deepEqual([text(kv?.value), kv?.modRevision, kv?.createRevision], [
      "2",
      revisionOf(proclaimed),
      leader.rev,
    ]);
    await assertFails(
      election.proclaim({ leader: { ...leader, rev: leader.rev - 1n } }),
      NOT_LEADER,
    );
    await assertFails(election.proclaim({ leader: { ...leader, key: t.key("b") } }), NOT_LEADER);
    await election.resign({ leader });
    await assertFails(election.proclaim({ leader, value: "3" }), NOT_LEADER);
    await assertFails(election.leader({ name }), NO_LEADER);
  },
);

serviceTest("Election: resigning from what is over changes nothing", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  const { leader } = await election.campaign({ name, lease: await grant(t.client), value: "1" });
  assert.ok(leader !== undefined);
  const stale = await election.resign({ leader: { ...leader, rev: leader.rev - 1n } });
  assert.equal(revisionOf(stale), revisionOf(await election.leader({ name })));
  const resigned = await election.resign({ leader });
  assert.equal(revisionOf(await election.resign({ leader })), revisionOf(resigned));
});

serviceTest("Election: what is missing fails, without a code of its own", async (t) => {
  const { election } = t.client;
  await assertFails(election.proclaim({ value: "1" }), LEADER_MISSING);
  await assertFails(election.resign({}), LEADER_MISSING);
  const noKey = [CODE.UNKNOWN, "etcdserver: key is not provided"] as const;
  await assertFails(election.proclaim({ leader: {}, value: "1" }), noKey);
  await assertFails(election.resign({ leader: {} }), noKey);
  await assertFails(election.leader({ name: t.key("none") }), NO_LEADER);
  await assertFails(election.campaign({ name: t.key("a"), lease: 99, value: "1" }), [
    CODE.UNKNOWN,
    "etcdserver: requested lease not found",
  ]);
});

serviceTest("Election: an empty name is one too", async (t) => {
  const lease = await grant(t.client);
  const { leader } = await t.client.election.campaign({ lease });
  assert.equal(text(leader?.key), `/${lease.toString(16)}`);
  await t.client.lease.leaseRevoke({ ID: lease });
});

serviceTest("Election: a candidate that leaves while waiting leaves the line", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  const { leader } = await election.campaign({ name, lease: await grant(t.client), value: "1" });
  const lease = await grant(t.client);
  const leaving = election.campaign({ name, lease, value: "2" }, { timeoutMs: 500 });
  await assertFails(leaving, [CODE.DEADLINE_EXCEEDED, /./]);
  await inLine(t.client, name, 1);
  assert.ok((await t.client.lease.leaseTimeToLive({ ID: lease })).TTL > 0n);
  await election.resign({ leader });
  await assertFails(election.leader({ name }), NO_LEADER);
});

serviceTest("Observe: tells the leader at once, and every proclamation", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  const { leader } = await election.campaign({ name, lease: await grant(t.client), value: "1" });
  using observer = election.observe({ name });
  const first = await observer.next();
  assert.equal(text(first.kv?.value), "1");
  assert.deepEqual(first.kv?.key, leader?.key);
  for (const value of ["2", "3", "3"]) {
    const proclaimed = await election.proclaim({ leader, value });
    assert.deepEqual(told(await observer.next()), [value, revisionOf(proclaimed)]);
  }
});

serviceTest("Observe: waits for the first leader, and tells as of its revision", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  using observer = election.observe({ name });
  // Time for it to find nobody.
  for (let calls = 0; calls < 5; calls++) await t.client.kv.range({ key: name });
  const elected = await election.campaign({ name, lease: await grant(t.client), value: "1" });
  assert.deepEqual(told(await observer.next()), ["1", elected.leader?.rev]);
});

serviceTest("Observe: goes on with the next leader, also after a time without one", async (t) => {
  const { election } = t.client;
  const name = t.key("a");
  const one = await election.campaign({ name, lease: await grant(t.client), value: "1" });
  using observer = election.observe({ name });
  assert.equal(text((await observer.next()).kv?.value), "1");
  const second = election.campaign({ name, lease: await grant(t.client), value: "2" });
  await inLine(t.client, name, 2);
  await election.resign({ leader: one.leader });
  assert.equal(text((await observer.next()).kv?.value), "2");
  const two = await second;
  await t.client.lease.leaseRevoke({ ID: two.leader?.lease ?? 0n });
  const three = await election.campaign({ name, lease: await grant(t.client), value: "3" });
  assert.equal(text((await observer.next()).kv?.value), "3");
  await election.proclaim({ leader: three.leader, value: "4" });
  assert.equal(text((await observer.next()).kv?.value), "4");
});
