/** Writing one batch: a single SQL transaction that moves the head from where the batch was computed. */

import assert from "node:assert/strict";
import type { Batch, Head, LogRow } from "../contract.ts";
import type { Database } from "./driver.ts";
import { SUBS_MAX } from "./statements.ts";
import { inWriteTransaction } from "./transaction.ts";

/** Writes the batch, whole or not at all; the caller has checked that it fits the head. Synchronous. */
export function writeBatch(
  database: Database,
  { batch, head, nowMs }: { batch: Batch; head: Head; nowMs: number },
): Head {
  assert.ok(batch.revision >= head.revision, "the revision never goes back");
  assert.ok(batch.compactRevision >= head.compactRevision, "the compact revision never goes back");
  return inWriteTransaction(database, ({ query }) => {
    writeRows(database, { rows: batch.rows, head });
    writeLeases(database, batch, nowMs);
    for (const { name, value } of batch.records) {
      if (value === null) query.deleteRecord.run(name);
      else query.putRecord.run(name, value);
    }
    const index = head.index + 1;
    query.moveHead.run(index, batch.revision, batch.compactRevision, batch.id, nowMs);
    return { index, revision: batch.revision, compactRevision: batch.compactRevision };
  });
}

function writeRows(
  { query }: Database,
  { rows, head }: { rows: readonly LogRow[]; head: Head },
): void {
  if (rows.length === 0) return;
  let tombstones = 0;
  for (const row of rows) {
    assert.ok(row.revision > head.revision && row.sub < SUBS_MAX);
    if (row.tombstone) tombstones++;
    const lease = row.lease === 0n ? 0 : row.lease;
    const live = row.tombstone ? 0 : 1;
    query.insertLog.run(row.revision, row.sub, row.key, live, lease, row.metaSize, row.kv);
  }
  if (tombstones < rows.length) query.makeCurrent.run(head.revision);
  if (tombstones > 0) query.dropDeleted.run(head.revision);
}

function writeLeases({ query }: Database, batch: Batch, nowMs: number): void {
  if (batch.extendLeasesMs !== 0) query.extendLeases.run(Math.round(batch.extendLeasesMs));
  for (const { id, state } of batch.leases) {
    if (state === null) query.deleteLease.run(id);
    else query.putLease.run(id, state.ttl, Math.round(nowMs + state.remainingMs));
  }
}
