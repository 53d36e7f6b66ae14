import assert from "node:assert/strict";
import { EtcdError } from "../errors.ts";
import { LEASE_TTL_MAX } from "../limits.ts";
import { ALARM } from "../mvcc/alarms.ts";
import { Engine } from "../mvcc/testing/engine.ts";
import { key } from "../mvcc/testing/ops.ts";
import {
  expireCommand,
  grantCommand,
  leaseTtlMin,
  renewCommand,
  resumeCommand,
  revokeCommand,
} from "./commands.ts";

function hasReason(reason: EtcdError["reason"]) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

/** With lease 1 of five seconds, the longest time that counts for leases without an append. */
async function withLease(): Promise<Engine> {
  const engine = await Engine.open();
  await engine.store.submit(grantCommand({ id: 1n, ttl: 5 }, engine.store.alarms));
  return engine;
}

async function remainingMs(engine: Engine): Promise<number | undefined> {
  const { leases } = await engine.store.backend.leases(1);
  return leases[0]?.remainingMs;
}

Deno.test("grantCommand() grants at least the shortest TTL, and refuses one above the longest", async () => {
  await using engine = await Engine.open();
  const { store } = engine;
  const grant = (id: bigint, ttl: number) => store.submit(grantCommand({ id, ttl }, store.alarms));
  assert.deepEqual(await grant(1n, 0), { id: 1n, ttl: 2, revision: 1 });
  assert.equal((await grant(2n, -5)).ttl, 2);
  assert.equal((await grant(3n, LEASE_TTL_MAX)).ttl, LEASE_TTL_MAX);
  await assert.rejects(grant(4n, LEASE_TTL_MAX + 1), hasReason("leaseTtlTooLarge"));
  await assert.rejects(grant(1n, 5), hasReason("leaseExists"));
});

Deno.test("renewCommand() gives the granted TTL back, and 0 for a lease that is gone or has expired", async () => {
  await using engine = await withLease();
  const renew = (id: bigint) => engine.store.submit(renewCommand(id));
  engine.disk.nowMs += 4_000;
  assert.deepEqual(await renew(1n), { ttl: 5, revision: 1 });
  assert.equal(await remainingMs(engine), 5_000);
  assert.equal((await renew(2n)).ttl, 0);
  engine.disk.nowMs += 5_000;
  assert.equal((await renew(1n)).ttl, 0);
});

Deno.test("revokeCommand() deletes all keys of the lease in one revision, in key order", async () => {
  await using engine = await withLease();
  for (const name of ["b", "a", "c"]) await engine.put(name, "", { lease: 1n });
  await engine.put("c");
  const { store } = engine;
  assert.equal((await store.submit(revokeCommand(1n, store.alarms))).revision, 6);
  const rows = engine.commits.at(-1)?.rows ?? [];
  assert.deepEqual(rows.map((row) => [...row.key]), [[...key("a")], [...key("b")]]);
  assert.ok(rows.every(({ tombstone, revision }) => tombstone && revision === 6));
  await assert.rejects(
    store.submit(revokeCommand(1n, store.alarms)),
    hasReason("leaseNotFound"),
  );
});

Deno.test("expireCommand() leaves a lease alone that was renewed before its turn came", async () => {
  await using engine = await withLease();
  const { store, disk } = engine;
  disk.nowMs += 4_999;
  const [, expired] = await Promise.all([
    store.submit(renewCommand(1n)),
    store.submit(expireCommand(1n, store.alarms)),
  ]);
  assert.equal(expired, false);
  disk.nowMs += 5_000;
  assert.equal(await store.submit(expireCommand(1n, store.alarms)), true);
  assert.equal(await store.submit(expireCommand(1n, store.alarms)), false);
});

Deno.test("expireCommand() revokes nothing while the store is known to be corrupt", async () => {
  await using engine = await withLease();
  const { store, disk } = engine;
  await store.submit(store.alarms.activate({ memberId: 1n, alarm: ALARM.CORRUPT }));
  disk.nowMs += 5_000;
  assert.equal(await store.submit(expireCommand(1n, store.alarms)), false);
});

Deno.test("resumeCommand() gives every lease the time back since the last append", async () => {
  await using engine = await withLease();
  engine.disk.nowMs += 1_000;
  assert.equal(await remainingMs(engine), 4_000);
  await engine.store.submit(resumeCommand());
  assert.equal(await remainingMs(engine), 5_000);
});

Deno.test("leaseTtlMin() is one and a half election timeouts in heartbeats, rounded up", () => {
  const cases: readonly (readonly [election: number, heartbeat: number, ttl: number])[] = [
    [1_000, 100, 2],
    [500, 100, 1],
    [1_400, 100, 3],
    [5_000, 250, 8],
    [50_000, 100, 75],
    [1_000, 200, 2],
    [1_000, 300, 2],
  ];
  for (const [electionTimeoutMs, heartbeatIntervalMs, ttl] of cases) {
    assert.equal(leaseTtlMin({ electionTimeoutMs, heartbeatIntervalMs }), ttl);
  }
});
