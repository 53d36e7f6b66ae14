// Lease: what time does to leases. Time is told by other leases that end, never by a clock.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf, text } from "../support/readable.ts";
import { CODE } from "../support/rpc_error.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { seenEvent, WatchSession } from "./watch_session.ts";

/** The shortest there is. */
const SHORT_SECONDS = 2;

async function grant(client: EtcdClient, ttlSeconds: number): Promise<bigint> {
  return (await client.lease.leaseGrant({ TTL: ttlSeconds })).ID;
}

/** Waits until a lease of so many seconds, granted now, has ended. */
async function waitForExpiry(t: ServiceTestContext, ttlSeconds: number): Promise<void> {
  using session = new WatchSession(t.client);
  const ID = await grant(t.client, ttlSeconds);
  const key = `clock/${ID}`;
  const id = await session.create({ key });
  await t.client.kv.put({ key, lease: ID });
  await session.events(id, 2);
}

/** Sends one keep-alive on a stream of its own. */
async function renew(client: EtcdClient, ID: bigint): Promise<bigint> {
  using stream = client.lease.leaseKeepAlive();
  stream.send({ ID });
  const answer = await stream.next();
  assert.equal(answer.ID, ID);
  return answer.TTL;
}

serviceTest("Lease: expiry deletes all keys in one revision, in key order", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  const ID = await grant(t.client, SHORT_SECONDS);
  for (const name of ["c", "a", "b"]) {
    await t.client.kv.put({ key: t.key(name), value: name, lease: ID });
  }
  await session.events(id, 3);
  const { events } = await session.response(id);
  assert.deepEqual(
    events.map(seenEvent).map(({ type, key }) => [type, key]),
    ["a", "b", "c"].map((name) => ["delete", t.key(name)]),
  );
  assert.equal(new Set(events.map((event) => event.kv?.modRevision)).size, 1);
  assert.equal((await t.client.kv.range({ ...t.all() })).count, 0n);
  assert.equal((await t.client.lease.leaseTimeToLive({ ID })).TTL, -1n);
  const { leases } = await t.client.lease.leaseLeases({});
  assert.equal(leases.some((lease) => lease.ID === ID), false);
});

serviceTest("Lease: the shorter of two ends first, though it was granted later", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  const long = await grant(t.client, 4);
  const short = await grant(t.client, SHORT_SECONDS);
  await t.client.kv.put({ key: t.key("long"), lease: long });
  await t.client.kv.put({ key: t.key("short"), lease: short });
  const seen = (await session.events(id, 4)).map(({ type, key }) => [type, key]);
  assert.deepEqual(seen.slice(2), [["delete", t.key("short")], ["delete", t.key("long")]]);
});

serviceTest("Lease: a renewed lease outlives its time", async (t) => {
  const key = t.key("a");
  const ID = await grant(t.client, 5);
  await t.client.kv.put({ key, value: "1", lease: ID });
  for (let round = 0; round < 3; round++) {
    await waitForExpiry(t, SHORT_SECONDS);
    assert.equal(await renew(t.client, ID), 5n);
  }
  assert.equal((await t.client.kv.range({ key })).count, 1n);
  const { TTL, grantedTTL } = await t.client.lease.leaseTimeToLive({ ID });
  assert.equal(grantedTTL, 5n);
  assert.ok(TTL >= 3n && TTL <= 5n, `${TTL}`);
});

serviceTest("Lease: a key that left its lease outlives it", async (t) => {
  const key = t.key("a");
  const ID = await grant(t.client, SHORT_SECONDS);
  await t.client.kv.put({ key, value: "1", lease: ID });
  await t.client.kv.put({ key, value: "2" });
  await waitForExpiry(t, SHORT_SECONDS + 1);
  const { kvs } = await t.client.kv.range({ key });
  assert.deepEqual(kvs.map((kv) => text(kv.value)), ["2"]);
});

serviceTest("Lease: a stream of keep-alives answers each request in turn", async (t) => {
  const ids = [await grant(t.client, 600), await grant(t.client, 700)];
  using stream = t.client.lease.leaseKeepAlive();
  for (const ID of [...ids, 123_456n, ...ids]) stream.send({ ID });
  const answers = await stream.take(5);
  assert.deepEqual(answers.map(({ ID, TTL }) => [ID, TTL]), [
    [ids[0], 600n],
    [ids[1], 700n],
    [123_456n, 0n],
    [ids[0], 600n],
    [ids[1], 700n],
  ]);
  const now = revisionOf(await t.client.kv.range({ key: t.key("a") }));
  for (const answer of answers) assert.equal(revisionOf(answer), now);
});

serviceTest("Lease: a keep-alive of an ended lease answers TTL 0", async (t) => {
  const revoked = await grant(t.client, 600);
  await t.client.lease.leaseRevoke({ ID: revoked });
  assert.equal(await renew(t.client, revoked), 0n);
  const expired = await grant(t.client, SHORT_SECONDS);
  await waitForExpiry(t, SHORT_SECONDS + 1);
  assert.equal(await renew(t.client, expired), 0n);
});

serviceTest("Lease: a half-close ends the stream of keep-alives", async (t) => {
  const ID = await grant(t.client, 600);
  using stream = t.client.lease.leaseKeepAlive();
  stream.send({ ID });
  await stream.next();
  stream.halfClose();
  assert.equal((await stream.end()).code, CODE.OK);
});

serviceTest("Lease: hundreds expire, each in a revision of its own", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  await Promise.all(Array.from({ length: 300 }, async (_, index) => {
    const ID = await grant(t.client, SHORT_SECONDS);
    await t.client.kv.put({ key: t.key(`${index}`), lease: ID });
  }));
  const deleted = (await session.events(id, 600)).filter(({ type }) => type === "delete");
  assert.equal(new Set(deleted.map(({ key }) => key)).size, 300);
  assert.equal(new Set(deleted.map(({ revision }) => revision)).size, 300);
});

const FORGETS = { memory: "memory forgets at the end of the process" } as const;

serviceTest(
  "Lease: survives a restart, with its keys",
  { fresh: true, skips: FORGETS },
  async (t) => {
    const ID = await grant(t.client, 600);
    await t.client.kv.put({ key: "b", value: "1", lease: ID });
    await t.client.kv.put({ key: "a", value: "1", lease: ID });
    await t.endpoint.restart();
    const answer = await t.client.lease.leaseTimeToLive({ ID, keys: true });
    assert.equal(answer.grantedTTL, 600n);
    assert.ok(answer.TTL > 500n && answer.TTL <= 600n, `${answer.TTL}`);
    assert.deepEqual(answer.keys.map(text).sort(), ["a", "b"]);
    assert.deepEqual((await t.client.lease.leaseLeases({})).leases.map((lease) => lease.ID), [ID]);
    assert.equal(await renew(t.client, ID), 600n);
    await t.client.lease.leaseRevoke({ ID });
    assert.equal((await t.client.kv.range({ key: "a", rangeEnd: "z" })).count, 0n);
  },
);

serviceTest(
  "Lease: ends after a restart as before it",
  { fresh: true, skips: FORGETS },
  async (t) => {
    const ID = await grant(t.client, SHORT_SECONDS);
    const put = await t.client.kv.put({ key: "a", value: "1", lease: ID });
    await t.endpoint.restart();
    using session = new WatchSession(t.client);
    const id = await session.create({ key: "a", startRevision: revisionOf(put) });
    const seen = (await session.events(id, 2)).map(({ type }) => type);
    assert.deepEqual(seen, ["put", "delete"]);
  },
);

serviceTest("Lease: survives a crash", { fresh: true, skips: FORGETS }, async (t) => {
  const ID = await grant(t.client, 600);
  await t.client.kv.put({ key: "a", value: "1", lease: ID });
  await t.endpoint.kill();
  await t.endpoint.restart();
  const answer = await t.client.lease.leaseTimeToLive({ ID, keys: true });
  assert.equal(answer.grantedTTL, 600n);
  assert.deepEqual(answer.keys.map(text), ["a"]);
});

serviceTest(
  "Lease: a thousand leases are kept alive on one stream, answered in order",
  async (t) => {
    const ids = await Promise.all(Array.from({ length: 1_000 }, () => grant(t.client, 600)));
    using stream = t.client.lease.leaseKeepAlive();
    for (const ID of ids) stream.send({ ID });
    const answers = await stream.take(ids.length);
    assert.deepEqual(answers.map(({ ID }) => ID), ids);
    for (const { TTL } of answers) assert.equal(TTL, 600n);
  },
);
