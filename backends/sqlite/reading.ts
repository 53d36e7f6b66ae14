/** Reads at the newest. Each function is synchronous, so it sees one moment; the caller names the head. */

import { BackendError, type Head, type LeaseRow, type LoadQuery } from "../contract.ts";
import type { Database } from "./driver.ts";
import type { LeaseTime } from "../lease_clock.ts";

export interface StoredHead extends LeaseTime {
  readonly head: Head;
  readonly clusterId: bigint;
}

export function readStoredHead({ query }: Database): StoredHead {
  const row = query.readHead.get<
    [number, number, number, number, number, string, number, number]
  >();
  const cluster = query.readClusterId.get<[bigint]>();
  if (row === undefined || cluster === undefined) {
    throw new BackendError("corrupt", "the database has no head");
  }
  const [index, revision, compactRevision, recordsIndex, leasesIndex, batchId, ...times] = row;
  const [appendedAtMs, pauseMs] = times;
  const clusterId = BigInt.asUintN(64, cluster[0]);
  const head = { index, revision, compactRevision, recordsIndex, leasesIndex, batchId };
  return { head, appendedAtMs, pauseMs, clusterId };
}

type KvRow = readonly [kv: Uint8Array];

export function loadKeys(
  { query }: Database,
  { keys, revision }: LoadQuery,
): (Uint8Array | null)[] {
  if (revision === 0) return keys.map((key) => query.getCurrent.get<KvRow>(key)?.[0] ?? null);
  return keys.map((key) => query.getAt.get<[Uint8Array | null]>(key, revision)?.[0] ?? null);
}

export function loadLeases(
  { query }: Database,
  { ids, clockMs }: { ids: readonly bigint[]; clockMs: number },
): (LeaseRow | null)[] {
  return ids.map((id) => {
    const row = query.getLease.get<[ttl: number, expiresAtMs: number]>(id);
    return row === undefined ? null : { id, ttl: row[0], remainingMs: row[1] - clockMs };
  });
}

export function loadRecords({ query }: Database, names: readonly string[]): (Uint8Array | null)[] {
  return names.map((name) => query.getRecord.get<KvRow>(name)?.[0] ?? null);
}

export function listLeases(
  { query }: Database,
  { limit, clockMs }: { limit: number; clockMs: number },
): LeaseRow[] {
  const rows = query.listLeases.all<[id: bigint, ttl: bigint, expiresAtMs: bigint]>(limit);
  return rows.map(([id, ttl, expiresAtMs]) => ({
    id,
    ttl: Number(ttl),
    remainingMs: Number(expiresAtMs) - clockMs,
  }));
}

export function listRecords({ query }: Database, prefix: string): [string, Uint8Array][] {
  const end = Uint8Array.of(...new TextEncoder().encode(prefix), 0xff);
  const rows = query.listRecords.all<[name: Uint8Array, value: Uint8Array]>(prefix, end);
  const decoder = new TextDecoder();
  return rows.map(([name, value]) => [decoder.decode(name), value]);
}
