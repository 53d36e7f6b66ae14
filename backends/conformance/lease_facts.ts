/** Leases and the keys attached to them. */

import assert from "node:assert/strict";
import type { LeaseChange, LeaseRow } from "../contract.ts";
import { delay } from "./delay.ts";
import {
  append,
  assertSameBytes,
  bytes,
  type Fact,
  LEASE_GAP_MS,
  putRow,
  type Subject,
  tombstoneRow,
} from "./subject.ts";

const LEAST_ID = -(2n ** 63n);
const GREATEST_ID = 2n ** 63n - 1n;
/** etcd's longest TTL. */
const LONGEST_TTL = 9_000_000_000;
/** Of real time; less than the gap that counts. */
const PASSED_MS = 1_200;
/** What a busy machine may need from one call to the next. */
const SLOW_MS = 3_000;

export const leaseFacts: readonly Fact[] = [
  {
    name: "leases() puts those that expire first in front and stops at its limit",
    see: "Backend.leases",
    async check(subject) {
      const remaining = [30_000, 10_000, 20_000, 40_000];
      const leases = remaining.map((ms, at) => grant(BigInt(at + 1), ms / 1_000));
      await append(subject, { leases });
      assert.deepEqual(await ids(subject, 9), [2n, 3n, 1n, 4n], "leases with 10 to 40 s left");
      assert.deepEqual(await ids(subject, 2), [2n, 3n], "the first two of them");
    },
  },
  {
    name: "a lease id may be any 64-bit integer",
    see: "LeaseRow.id, Backend.leaseKeys",
    async check(subject) {
      const all = [LEAST_ID, -1n, 1n, 2n ** 53n + 1n, GREATEST_ID];
      await append(subject, { leases: all.map((id, at) => grant(id, at + 5)) });
      assert.deepEqual(await ids(subject, 9), all);
      const query = { keys: [], leases: all, records: [], revision: 0 };
      const loaded = await subject.backend.load(query);
      assert.deepEqual(loaded.leases.map((lease) => lease?.id), all);
      for (const [at, id] of all.entries()) {
        const row = putRow(bytes(`key ${at}`), { revision: at + 2, lease: id });
        await append(subject, { rows: [row] });
        assertSameBytes((await subject.backend.leaseKeys(id)).kvs, [row.kv]);
      }
    },
  },
  {
    name: "a lease keeps its TTL and may be changed and removed",
    see: "LeaseRow.ttl, LeaseChange.state",
    async check(subject) {
      await append(subject, { leases: [grant(1n, LONGEST_TTL), grant(2n, 5)] });
      assert.equal((await leaseOf(subject, 1n))?.ttl, LONGEST_TTL);
      assert.equal((await leaseOf(subject, 2n))?.ttl, 5);
      await append(subject, { leases: [{ id: 1n, state: null }, grant(2n, 60)] });
      assert.equal(await leaseOf(subject, 1n), null);
      assert.equal((await leaseOf(subject, 2n))?.ttl, 60);
      await append(subject, { leases: [{ id: 77n, state: null }] });
      assert.deepEqual(await ids(subject, 9), [2n]);
    },
  },
  {
    name: "a lease's time runs by the clock, below zero too",
    see: "LeaseRow.remainingMs, OpenOptions.now",
    movesClock: true,
    async check(subject) {
      await append(subject, { leases: [grant(1n, 5)] });
      await assertLeft(subject, 5_000);
      subject.clock.nowMs += 3_000;
      await assertLeft(subject, 2_000);
      await append(subject);
      subject.clock.nowMs += 4_000;
      await assertLeft(subject, -2_000);
      const { leases } = await subject.backend.leases(9);
      assert.deepEqual(leases, [{ id: 1n, ttl: 5, remainingMs: -2_000 }]);
      await subject.reopen();
      await assertLeft(subject, -2_000);
    },
  },
  {
    name: "a lease's time stands still in a gap that is too long, and runs on behind it",
    see: "LeaseChange, OpenOptions.leaseGapMs",
    movesClock: true,
    async check(subject) {
      await append(subject, { leases: [grant(1n, 60), grant(2n, 60)] });
      subject.clock.nowMs += LEASE_GAP_MS;
      await assertLeft(subject, 60_000 - LEASE_GAP_MS);
      subject.clock.nowMs += 50_000;
      await assertLeft(subject, 60_000);
      const { leases } = await subject.backend.leases(9);
      assert.deepEqual(
        leases.map(({ remainingMs }) => remainingMs),
        [60_000, 60_000],
        "ms left in the gap",
      );
      // The batch that ends the gap counts from behind it.
      await append(subject, { leases: [grant(2n, 60), grant(3n, 8)] });
      subject.clock.nowMs += 1_000;
      const remaining = [];
      for (const id of [1n, 2n, 3n]) remaining.push((await leaseOf(subject, id))?.remainingMs);
      assert.deepEqual(remaining, [59_000, 59_000, 7_000], "ms left behind the gap");
      await subject.reopen();
      await assertLeft(subject, 59_000);
    },
  },
  {
    name: "a batch that resumes leases leaves out a short gap too",
    see: "Batch.resumesLeases",
    movesClock: true,
    async check(subject) {
      await append(subject, { leases: [grant(1n, 60)] });
      subject.clock.nowMs += 1_000;
      await append(subject);
      subject.clock.nowMs += 2_000;
      await append(subject, { resumesLeases: true });
      await assertLeft(subject, 59_000);
      // A clock that was set back tells nothing.
      subject.clock.nowMs -= 10_000;
      await append(subject, { resumesLeases: true });
      await assertLeft(subject, 69_000);
    },
  },
  {
    name: "a lease's time runs by whatever clock the store has",
    see: "LeaseRow.remainingMs",
    async check(subject) {
      await append(subject, { leases: [grant(1n, 60), grant(2n, 30)] });
      const before = await remainingOf(subject);
      await delay(subject, PASSED_MS);
      const after = await remainingOf(subject);
      for (const [at, ms] of after.entries()) {
        const passedMs = (before[at] ?? 0) - ms;
        assert.ok(
          passedMs >= 0.9 * PASSED_MS && passedMs < PASSED_MS + SLOW_MS,
          `${PASSED_MS} ms after it was granted, lease ${at + 1} has lost ${
            Math.round(passedMs)
          } ms`,
        );
      }
      assert.ok((before[0] ?? 0) <= 60_000, "no lease has more time than it was granted");
    },
  },
  {
    name: "a lease's time stands still in a gap that is too long, whatever clock the store has",
    see: "LeaseChange, OpenOptions.leaseGapMs",
    async check(subject) {
      await subject.reopen({ leaseGapMs: PASSED_MS / 4 });
      await append(subject, { leases: [grant(1n, 60)] });
      await delay(subject, PASSED_MS);
      const [inGap = 0] = await remainingOf(subject);
      await append(subject);
      const [behindGap = 0] = await remainingOf(subject);
      for (const [ms, when] of [[inGap, "within"], [behindGap, "behind"]] as const) {
        assert.ok(
          ms <= 60_000 && ms >= 60_000 - PASSED_MS / 2,
          `${when} a gap of ${PASSED_MS} ms, longer than leaseGapMs, a lease of 60 s has ${ms} ms left`,
        );
      }
    },
  },
  {
    name: "leaseKeys() gives the live keys attached now, in key order, as they are now",
    see: "Backend.leaseKeys",
    async check(subject) {
      const lease = 9n;
      const b = putRow(bytes("b"), { revision: 2, lease });
      const older = putRow(bytes("a"), { revision: 2, sub: 1, lease });
      const elsewhere = putRow(bytes("c"), { revision: 2, sub: 2, lease: 8n });
      await append(subject, { rows: [b, older, elsewhere] });
      const a = putRow(bytes("a"), { revision: 3, lease });
      await append(subject, { rows: [a] });
      await assertLeaseKeys(subject, lease, [a.kv, b.kv]);
      // Taken over by another lease, attached to none, deleted.
      await append(subject, { rows: [putRow(bytes("a"), { revision: 4, lease: 8n })] });
      await assertLeaseKeys(subject, lease, [b.kv]);
      await append(subject, { rows: [putRow(bytes("c"), { revision: 5 })] });
      await append(subject, { rows: [tombstoneRow(bytes("b"), { revision: 6 })] });
      await assertLeaseKeys(subject, lease, []);
      assert.equal((await subject.backend.leaseKeys(8n)).kvs.length, 1);
      await assertLeaseKeys(subject, 0n, []);
    },
  },
];

/** The times left of leases 1 and 2, by `load` and `leases` alike. */
async function remainingOf(subject: Subject): Promise<number[]> {
  const query = { keys: [], leases: [1n, 2n], records: [], revision: 0 };
  const loaded = (await subject.backend.load(query)).leases.flatMap((lease) => lease ?? []);
  const { leases } = await subject.backend.leases(9);
  for (const { id, remainingMs } of leases) {
    const before = loaded.find((lease) => lease.id === id)?.remainingMs ?? NaN;
    assert.ok(
      before - remainingMs >= 0 && before - remainingMs < SLOW_MS,
      `lease ${id} has ${before} ms left by load(), and then ${remainingMs} ms by leases()`,
    );
  }
  return loaded.map(({ remainingMs }) => remainingMs);
}

function grant(id: bigint, ttl: number): LeaseChange {
  return { id, state: { ttl, remainingMs: ttl * 1_000 } };
}

async function ids({ backend }: Subject, limit: number): Promise<bigint[]> {
  return (await backend.leases(limit)).leases.map(({ id }) => id);
}

async function assertLeft(subject: Subject, expected: number): Promise<void> {
  assert.equal((await leaseOf(subject, 1n))?.remainingMs, expected, "ms left of lease 1");
}

async function leaseOf({ backend }: Subject, id: bigint): Promise<LeaseRow | null> {
  const { leases } = await backend.load({ keys: [], leases: [id], records: [], revision: 0 });
  return leases[0] ?? null;
}

async function assertLeaseKeys(
  { backend }: Subject,
  id: bigint,
  kvs: readonly Uint8Array[],
): Promise<void> {
  assertSameBytes((await backend.leaseKeys(id)).kvs, kvs);
}
