/** Reads of a memory store; each is pure and sees one moment. */

import type {
  HistoryPage,
  HistoryQuery,
  HistoryRow,
  LeaseRow,
  Loaded,
  LoadQuery,
  LogRow,
  RangePage,
  RangeQuery,
  Size,
} from "../contract.ts";
import { compareKeys, compareNames } from "../keys.ts";
import { leaseNowMs } from "../lease_clock.ts";
import type { MemoryStore, Moment } from "./store.ts";

/** What a row takes up besides its bytes; a rough figure, for `size` only. */
const ROW_OVERHEAD_BYTES = 64;

export function load(store: MemoryStore, query: LoadQuery, { nowMs, leaseGapMs }: Moment): Loaded {
  const clockMs = leaseNowMs({ ...store.leaseTime, nowMs }, leaseGapMs);
  const revision = query.revision === 0 ? Infinity : query.revision;
  return {
    head: store.head,
    kvs: query.keys.map((key) => liveKv(store.versions.at(key, revision))),
    leases: query.leases.map((id) => leaseRow(store, id, clockMs)),
    records: query.records.map((name) => store.records.get(name) ?? null),
  };
}

function liveKv(row: LogRow | undefined): Uint8Array | null {
  return row === undefined || row.tombstone ? null : row.kv;
}

export function rangePage(store: MemoryStore, query: RangeQuery): RangePage {
  const revision = query.revision === 0 ? Infinity : query.revision;
  const kvs: Uint8Array[] = [];
  let bytes = 0;
  for (const row of store.versions.live(query.start, revision)) {
    if (query.end !== null && compareKeys(row.key, query.end) >= 0) break;
    if (kvs.length >= query.limit || (bytes >= query.bytesMax && kvs.length > 0)) {
      return { head: store.head, kvs, packed: null, more: true };
    }
    const kv = query.keysOnly ? row.kv.subarray(0, row.metaSize) : row.kv;
    kvs.push(kv);
    bytes += kv.length;
  }
  return { head: store.head, kvs, packed: null, more: false };
}

export function historyPage(store: MemoryStore, query: HistoryQuery): HistoryPage {
  const rows: HistoryRow[] = [];
  const { since, upTo } = query;
  const hasSince = since === null || store.batchIds[since.index] === since.batchId;
  let bytes = 0;
  let last: number | undefined;
  for (const row of store.log) {
    if (row.revision <= query.after) continue;
    if (row.revision > upTo) break;
    const full = rows.length >= query.rowsMax || bytes >= query.bytesMax;
    if (last !== undefined && row.revision !== last && full) {
      return { head: store.head, rows, through: last, hasSince };
    }
    last = row.revision;
    const prevKv = query.withPrev ? liveKv(store.versions.at(row.key, row.revision - 1)) : null;
    rows.push({ ...row, prevKv });
    bytes += row.kv.length + (prevKv?.length ?? 0);
  }
  return { head: store.head, rows, through: Math.min(upTo, store.head.revision), hasSince };
}

function leaseRow(store: MemoryStore, id: bigint, clockMs: number): LeaseRow | null {
  const lease = store.leases.get(id);
  if (lease === undefined) return null;
  return { id, ttl: lease.ttl, remainingMs: lease.expiresAtMs - clockMs };
}

/** All leases, those that expire first in front. */
export function leaseRows(store: MemoryStore, { nowMs, leaseGapMs }: Moment): LeaseRow[] {
  const clockMs = leaseNowMs({ ...store.leaseTime, nowMs }, leaseGapMs);
  const rows = [...store.leases].map(([id, { ttl, expiresAtMs }]) => ({
    id,
    ttl,
    remainingMs: expiresAtMs - clockMs,
  }));
  return rows.sort((a, b) => a.remainingMs - b.remainingMs);
}

/** By name, ordered as UTF-8 bytes. */
export function recordRows(store: MemoryStore, prefix: string): [string, Uint8Array][] {
  return [...store.records]
    .filter(([name]) => name.startsWith(prefix))
    .sort(([a], [b]) => compareNames(a, b));
}

export function sizeOf(store: MemoryStore): Size {
  let bytes = 0;
  for (const row of store.log) bytes += row.key.length + row.kv.length + ROW_OVERHEAD_BYTES;
  for (const value of store.records.values()) bytes += value.length + ROW_OVERHEAD_BYTES;
  bytes += store.leases.size * ROW_OVERHEAD_BYTES;
  return { total: bytes, inUse: bytes, empty: 0 };
}
