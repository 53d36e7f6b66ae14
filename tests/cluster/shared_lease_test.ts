/** A lease belongs to the database: any server grants, renews and revokes it, and one of them lets it expire, once. */

import assert from "node:assert/strict";
import { WatchSession } from "../services/watch_session.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { keysOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { prefixEnd } from "../support/service_case.ts";
import { clusterTest } from "./cluster_case.ts";
import { eventually, pause } from "../support/polling.ts";
import type { Servers } from "./servers.ts";

const LONG_TTL = 600;
/** etcd's shortest. */
const SHORT_TTL = 2;
const KEEP_ALIVE_MS = 500;
/** Twice the interval at which servers look for leases that may have expired. */
const FIRST_LOOK_MS = 1_000;
const EXPIRING_LEASES = 12;
const KEYS_OF_A_LEASE = 3;
/** From a kill to the last expiry: the lease clock may count the pause that a start takes, and all is slow on a busy machine. */
const EXPIRY_TIMEOUT_MS = 20_000;

const NOT_FOUND = [CODE.NOT_FOUND, "etcdserver: requested lease not found"] as const;

async function keepAliveOnce(client: EtcdClient, ID: bigint): Promise<bigint> {
  using stream = client.lease.leaseKeepAlive();
  stream.send({ ID });
  return (await stream.next()).TTL;
}

clusterTest(
  "a lease is granted on one server, kept alive on another, and revoked on a third",
  {},
  async ({ servers, key }) => {
    const [a, b, c] = threeOf(servers);
    const mine = key("k");
    const { ID } = await a.lease.leaseGrant({ TTL: LONG_TTL });
    await b.kv.put({ key: mine, lease: ID });
    for (const client of [a, b, c]) {
      const { TTL, grantedTTL, keys } = await client.lease.leaseTimeToLive({ ID, keys: true });
      assert.equal(grantedTTL, BigInt(LONG_TTL));
      assert.ok(TTL > BigInt(LONG_TTL) - 60n && TTL <= BigInt(LONG_TTL));
      assert.deepEqual(keys.map((bytes) => new TextDecoder().decode(bytes)), [mine]);
      assert.ok((await client.lease.leaseLeases({})).leases.some((lease) => lease.ID === ID));
      assert.equal(await keepAliveOnce(client, ID), BigInt(LONG_TTL));
      await assertFails(client.lease.leaseGrant({ ID, TTL: LONG_TTL }), [
        CODE.FAILED_PRECONDITION,
        "etcdserver: lease already exists",
      ]);
    }
    using session = new WatchSession(b);
    const watchId = await session.create({ key: mine });
    await c.lease.leaseRevoke({ ID });
    // Nobody has to be told first.
    for (const client of [a, b, c]) {
      assert.equal((await client.kv.range({ key: mine })).count, 0n);
      assert.equal((await client.lease.leaseTimeToLive({ ID })).TTL, -1n);
      assert.equal(await keepAliveOnce(client, ID), 0n);
      await assertFails(client.kv.put({ key: mine, lease: ID }), NOT_FOUND);
      await assertFails(client.lease.leaseRevoke({ ID }), NOT_FOUND);
    }
    const [event] = await session.events(watchId, 1);
    assert.deepEqual([event?.type, event?.key], ["delete", mine]);
  },
);

clusterTest(
  "a lease that is kept alive on one server does not expire on the others",
  {},
  async ({ servers, key }) => {
    const [a, b, c] = threeOf(servers);
    const mine = key("k");
    const { ID } = await a.lease.leaseGrant({ TTL: SHORT_TTL });
    await a.kv.put({ key: mine, lease: ID });
    const endMs = performance.now() + 2 * SHORT_TTL * 1_000;
    while (performance.now() < endMs) {
      assert.equal(await keepAliveOnce(b, ID), BigInt(SHORT_TTL));
      await pause(KEEP_ALIVE_MS);
    }
    assert.equal((await c.kv.range({ key: mine })).count, 1n);
    await eventually("the lease expires once nobody renews it", async () => {
      return (await c.kv.range({ key: mine })).count === 0n;
    });
    await eventually("and is gone everywhere", async () => {
      const answers = await Promise.all(
        [a, b, c].map(({ lease }) => lease.leaseTimeToLive({ ID })),
      );
      return answers.every(({ TTL }) => TTL === -1n);
    });
  },
);

/** Grants leases, and puts some keys with each, through the servers by turns. Answers the keys. */
async function putExpiring(
  clients: readonly EtcdClient[],
  key: (name: string) => string,
): Promise<string[]> {
  const at = (index: number) => clients[index % clients.length] ?? assert.fail();
  const keys: string[] = [];
  await Promise.all(
    Array.from({ length: EXPIRING_LEASES }, async (_, index) => {
      const { ID } = await at(index).lease.leaseGrant({ TTL: SHORT_TTL });
      for (let number = 0; number < KEYS_OF_A_LEASE; number++) {
        const name = key(`${index}.${number}`);
        await at(index + number).kv.put({ key: name, lease: ID });
        keys.push(name);
      }
    }),
  );
  return keys.sort();
}

/** One delete event for each key, on each of the servers, and then no more. */
async function assertExpireOnce(
  clients: readonly EtcdClient[],
  { prefix, from, keys }: {
    readonly prefix: string;
    readonly from: bigint;
    readonly keys: readonly string[];
  },
): Promise<void> {
  const range = { key: prefix, rangeEnd: prefixEnd(prefix) };
  for (const { kv, lease } of clients) {
    await eventually("all keys expire", async () => {
      return (await kv.range({ ...range, countOnly: true })).count === 0n;
    }, { timeoutMs: EXPIRY_TIMEOUT_MS });
    // The keys go in the same revisions.
    assert.deepEqual((await lease.leaseLeases({})).leases, []);
  }
  const { header } = await (clients[0] ?? assert.fail()).kv.put({ key: `${prefix}end` });
  for (const client of clients) {
    using session = new WatchSession(client);
    const watchId = await session.create({ ...range, startRevision: from });
    const deleted: string[] = [];
    for (let isEnd = false; !isEnd;) { // Until what was put last, which comes after all deletes.
      const { events } = await session.response(watchId);
      for (const { type, kv } of events) {
        if (type === 1) deleted.push(new TextDecoder().decode(kv?.key));
      }
      isEnd = events.some(({ kv }) => kv?.modRevision === header?.revision);
    }
    assert.deepEqual(deleted.sort(), keys);
  }
}

clusterTest("leases of all servers expire once each", { fresh: true }, async ({ servers, key }) => {
  const keys = await putExpiring(servers.clients, key);
  await assertExpireOnce(servers.clients, { prefix: key(""), from: 1n, keys });
});

clusterTest(
  "leases that a killed server granted expire on the others, once each",
  { fresh: true },
  async ({ servers, key }) => {
    // After its start each server looks for leases by itself; from then on it has to be told.
    await pause(FIRST_LOOK_MS);
    const keys = await putExpiring(servers.clients.slice(0, 1), key);
    await servers.at(0).kill();
    await assertExpireOnce(servers.clients.slice(1), { prefix: key(""), from: 1n, keys });
  },
);

clusterTest(
  "leases live on while no server runs, for as long as they had left",
  { fresh: true },
  async ({ servers, key }) => {
    const [a] = threeOf(servers);
    const mine = key("k");
    const { ID } = await a.lease.leaseGrant({ TTL: 2 * SHORT_TTL });
    await a.kv.put({ key: mine, lease: ID });
    await Promise.all(servers.all.map((server) => server.kill()));
    await pause(3 * SHORT_TTL * 1_000);
    await Promise.all(servers.all.map((server) => server.restart()));
    const { TTL } = await a.lease.leaseTimeToLive({ ID });
    assert.ok(TTL > 0n && TTL <= BigInt(2 * SHORT_TTL), `${TTL} s are left`);
    assert.equal((await a.kv.range({ key: mine })).count, 1n);
    await eventually("it expires now", async () => (await a.kv.range({ key: mine })).count === 0n, {
      timeoutMs: EXPIRY_TIMEOUT_MS,
    });
  },
);

clusterTest(
  "a lease's keys are told by every server, whichever put them",
  {},
  async ({ servers, key }) => {
    const { ID } = await servers.client(0).lease.leaseGrant({ TTL: LONG_TTL });
    const names = servers.clients.map((_, index) => key(`${index}`));
    for (const [index, { kv }] of servers.clients.entries()) {
      await kv.put({ key: names[index] ?? "", lease: ID });
    }
    // Taken away from the lease on another server than it was put on.
    await servers.client(1).kv.put({ key: names[0] ?? "" });
    await servers.client(2).kv.deleteRange({ key: names[1] ?? "" });
    for (const { lease } of servers.clients) {
      const { keys } = await lease.leaseTimeToLive({ ID, keys: true });
      assert.deepEqual(keys.map((bytes) => new TextDecoder().decode(bytes)), [names[2]]);
    }
    await servers.client(0).lease.leaseRevoke({ ID });
    const left = await servers.client(1).kv.range({ key: key(""), rangeEnd: prefixEnd(key("")) });
    assert.deepEqual(keysOf(left), [names[0]]);
  },
);

function threeOf(servers: Servers): readonly [EtcdClient, EtcdClient, EtcdClient] {
  return [servers.client(0), servers.client(1), servers.client(2)];
}
