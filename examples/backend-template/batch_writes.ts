/** What one batch writes. Pure: what it replaces is handed in. */

import type { Batch, LogRow } from "@rhino/rhino/contract";
import * as layout from "./layout.ts";

export interface Before {
  /** The newest version of each live key that the batch changes. */
  readonly rowsBefore: readonly (LogRow | null)[];
  /** What stands of each lease that the batch changes. */
  readonly leasesBefore: readonly (string | null)[];
  /** The lease clock, with this append. */
  readonly clockMs: number;
}

/** Key → value, `null` to delete. */
export type Writes = Map<string, string | null>;

export function batchWrites(batch: Batch, before: Before): Writes {
  const writes: Writes = new Map();
  writeRows(writes, batch, before);
  writeLeases(writes, batch, before);
  for (const { name, value } of batch.records) {
    writes.set(layout.recordKey(name), value?.toBase64() ?? null);
  }
  const { index, batchId } = batch.head;
  writes.set(layout.slotKey(index), layout.encodeJson({ index, batchId }));
  return writes;
}

function writeRows(writes: Writes, { rows }: Batch, { rowsBefore }: Before): void {
  // What the last row of each key leaves comes after what was there: it may be the same place.
  for (const row of rowsBefore) {
    if (row === null) continue;
    writes.set(layout.currentKey(row.key), null);
    if (row.lease !== 0n) writes.set(layout.leasedKey(row.lease, layout.textOf(row.key)), null);
  }
  const last = new Map<string, LogRow>();
  for (const row of rows) {
    writes.set(layout.logKey(row), row.key.toBase64());
    writes.set(layout.versionKey(row), layout.encodeRow(row));
    last.set(layout.textOf(row.key), row);
  }
  for (const [key, row] of last) {
    if (row.tombstone) continue;
    writes.set(layout.currentKey(row.key), layout.encodeRow(row));
    if (row.lease !== 0n) writes.set(layout.leasedKey(row.lease, key), "");
  }
}

function writeLeases(writes: Writes, { leases }: Batch, { leasesBefore, clockMs }: Before): void {
  for (const [at, { id, state }] of leases.entries()) {
    const before = leasesBefore[at] ?? null;
    if (before !== null) {
      writes.set(layout.expiryKey(layout.decodeJson(before).expiresAtMs, id), null);
      writes.set(layout.leaseKey(id), null);
    }
    if (state === null) continue;
    const lease = { ttl: state.ttl, expiresAtMs: clockMs + state.remainingMs };
    writes.set(layout.expiryKey(lease.expiresAtMs, id), layout.encodeJson({ ttl: lease.ttl }));
    writes.set(layout.leaseKey(id), layout.encodeJson(lease));
  }
}
