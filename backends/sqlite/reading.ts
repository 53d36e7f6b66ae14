/** Reads at the newest. Each function is synchronous, so it sees one moment; the caller names the head. */

import type { LeaseRow, LoadQuery } from "../contract.ts";
import type { Database } from "./driver.ts";

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
  { ids, nowMs }: { ids: readonly bigint[]; nowMs: number },
): (LeaseRow | null)[] {
  return ids.map((id) => {
    const row = query.getLease.get<[ttl: number, expiresAtMs: number]>(id);
    return row === undefined ? null : { id, ttl: row[0], remainingMs: row[1] - nowMs };
  });
}

export function loadRecords({ query }: Database, names: readonly string[]): (Uint8Array | null)[] {
  return names.map((name) => query.getRecord.get<KvRow>(name)?.[0] ?? null);
}

export function listLeases(
  { query }: Database,
  { limit, nowMs }: { limit: number; nowMs: number },
): LeaseRow[] {
  const rows = query.listLeases.all<[id: bigint, ttl: bigint, expiresAtMs: bigint]>(limit);
  return rows.map(([id, ttl, expiresAtMs]) => ({
    id,
    ttl: Number(ttl),
    remainingMs: Number(expiresAtMs) - nowMs,
  }));
}

/** The names that begin with the prefix stand together, and the first that does not ends them. */
export function listRecords({ query }: Database, prefix: string): [string, Uint8Array][] {
  const rows = query.listRecords.all<[name: string, value: Uint8Array]>(prefix);
  const end = rows.findIndex(([name]) => !name.startsWith(prefix));
  return end < 0 ? rows : rows.slice(0, end);
}
