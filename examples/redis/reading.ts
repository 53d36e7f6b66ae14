/** Reads of single keys, leases and records. */

import { asBuffer, beyond, from } from "./bounds.ts";
import {
  type BatchPlace,
  type Head,
  leaseNowMs,
  type LeaseRow,
  type Loaded,
  type LoadQuery,
  type Outcome,
  outcomeOf,
} from "./kit.ts";
import type { Reply } from "./link.ts";
import { bytesOf, bytesOrNull, listOf, numberOf } from "./replies.ts";
import { encodeInt64, kvOf } from "./rows.ts";
import { inSteps, read, type Store } from "./store.ts";

interface Bounds {
  readonly timeoutMs: number;
  readonly leaseGapMs: number;
}

export async function readHead(store: Store, timeoutMs: number): Promise<Head> {
  return (await read(store, "head", { values: [], timeoutMs })).head;
}

/** Leases and records come with the first step; keys with large values may need more. */
export function load(store: Store, query: LoadQuery, bounds: Bounds): Promise<Loaded> {
  const { revision } = query;
  return inSteps(store, { revision, timeoutMs: bounds.timeoutMs }, async (steps) => {
    const kvs: (Uint8Array | null)[] = [];
    let others: Pick<Loaded, "leases" | "records"> | null = null;
    // Each step answers a key at least.
    while (others === null || kvs.length < query.keys.length) {
      const isFirst = others === null;
      const leases: readonly bigint[] = isFirst ? query.leases : [];
      const records: readonly string[] = isFirst ? query.records : [];
      const keys = query.keys.slice(kvs.length);
      const { rest } = await steps.next("load", [
        String(keys.length),
        String(leases.length),
        String(records.length),
        ...keys.map(asBuffer),
        ...leases.map(encodeInt64),
        ...records,
      ]);
      const [rows, clock, foundLeases, foundRecords] = rest;
      kvs.push(...listOf(rows).map(kvOrNull));
      others ??= {
        leases: leasesFrom(leases, { clock, found: listOf(foundLeases), ...bounds }),
        records: listOf(foundRecords).map(copyOrNull),
      };
    }
    return { head: steps.head(), kvs, ...others };
  });
}

/** In the order of the question. */
function leasesFrom(
  ids: readonly bigint[],
  { clock, found, leaseGapMs }: {
    readonly clock: Reply | undefined;
    readonly found: readonly Reply[];
    readonly leaseGapMs: number;
  },
): (LeaseRow | null)[] {
  const nowMs = clockMs(clock, leaseGapMs);
  return ids.map((id, at) => {
    const ttl = found[2 * at] ?? null;
    if (ttl === null) return null;
    return { id, ttl: numberOf(ttl), remainingMs: numberOf(found[2 * at + 1]) - nowMs };
  });
}

/** What the lease clock shows: Redis's clock, less the gaps in which nobody appended. */
function clockMs(clock: Reply | undefined, leaseGapMs: number): number {
  const [now, appended, pause] = listOf(clock).map(numberOf);
  return leaseNowMs(
    { nowMs: now ?? 0, appendedAtMs: appended ?? 0, pauseMs: pause ?? 0 },
    leaseGapMs,
  );
}

export async function listLeases(
  store: Store,
  { limit, timeoutMs, leaseGapMs }: Bounds & { readonly limit: number },
): Promise<{ head: Head; leases: LeaseRow[] }> {
  const count = String(Math.min(limit, Number.MAX_SAFE_INTEGER));
  const { head, rest } = await read(store, "leases", { values: [count], timeoutMs });
  const [clock, found] = rest;
  const nowMs = clockMs(clock, leaseGapMs);
  const fields = listOf(found);
  const leases: LeaseRow[] = [];
  for (let at = 0; at < fields.length; at += 3) {
    const [id, ttl, expiresAtMs] = fields.slice(at, at + 3);
    leases.push({
      id: bytesOf(id).readBigInt64BE(),
      ttl: numberOf(ttl),
      remainingMs: numberOf(expiresAtMs) - nowMs,
    });
  }
  return { head, leases };
}

export async function listRecords(
  store: Store,
  { prefix, timeoutMs }: { readonly prefix: string; readonly timeoutMs: number },
): Promise<{ head: Head; records: [string, Uint8Array][] }> {
  // No name has a byte 0xff, for names are UTF-8.
  const end = beyond(new TextEncoder().encode(prefix), Uint8Array.of(0xff));
  const { head, rest } = await read(store, "records", { values: [`[${prefix}`, end], timeoutMs });
  const fields = listOf(rest[0]);
  const records: [string, Uint8Array][] = [];
  for (let at = 0; at < fields.length; at += 2) {
    records.push([bytesOf(fields[at]).toString(), Uint8Array.from(bytesOf(fields[at + 1]))]);
  }
  return { head, records };
}

/** The keys first, in one step; then their rows as of then. */
export function readLeaseKeys(
  store: Store,
  { id, timeoutMs }: { readonly id: bigint; readonly timeoutMs: number },
): Promise<{ head: Head; kvs: Uint8Array[] }> {
  const start = encodeInt64(id);
  return inSteps(store, { revision: 0, timeoutMs }, async (steps) => {
    const end = id === -1n ? "+" : beyond(encodeInt64(id + 1n));
    const { rest } = await steps.next("attached", [from(start), end]);
    const keys = listOf(rest[0]).map((member) => bytesOf(member).subarray(start.length));
    const kvs: Uint8Array[] = [];
    while (kvs.length < keys.length) {
      const wanted = keys.slice(kvs.length, kvs.length + KEYS_PER_STEP);
      const step = await steps.next("load", [String(wanted.length), "0", "0", ...wanted]);
      kvs.push(...listOf(step.rest[0]).map((row) => kvOf(bytesOf(row))));
    }
    return { head: steps.head(), kvs };
  });
}

/** Of those attached to a lease; in each step. */
const KEYS_PER_STEP = 1_000;

export async function readOutcome(
  store: Store,
  asked: BatchPlace,
  timeoutMs: number,
): Promise<Outcome> {
  const { head, slot } = await read(store, "head", { values: [], timeoutMs, asked });
  return outcomeOf({ headIndex: head.index, slot, asked });
}

function kvOrNull(row: Reply): Uint8Array | null {
  return row === null ? null : kvOf(bytesOf(row));
}

function copyOrNull(reply: Reply): Uint8Array | null {
  const found = bytesOrNull(reply);
  return found === null ? null : Uint8Array.from(found);
}
