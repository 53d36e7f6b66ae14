/** Writing one batch: a single SQL transaction that moves the head from where the batch was computed. */

import assert from "node:assert/strict";
import type { Batch, Head, LogRow } from "../contract.ts";
import type { Database } from "./driver.ts";
import type { LeaseTime } from "../lease_clock.ts";
import { SUBS_MAX } from "./statements.ts";
import { inWriteTransaction } from "./transaction.ts";

/** Writes the batch, whole or not at all; the caller has checked that it fits the head. Synchronous. */
export function writeBatch(
  database: Database,
  { batch, time }: { batch: Batch; time: LeaseTime },
): void {
  const { base, head } = batch;
  assert.ok(head.index === base.index + 1, "one batch moves the index by one");
  assert.ok(head.revision >= base.revision, "the revision never goes back");
  assert.ok(head.compactRevision >= base.compactRevision, "the compact revision never goes back");
  inWriteTransaction(database, ({ query }) => {
    writeRows(database, { rows: batch.rows, head: base, writtenAtMs: time.appendedAtMs });
    writeLeases(database, batch, time.appendedAtMs - time.pauseMs);
    for (const { name, value } of batch.records) {
      if (value === null) query.deleteRecord.run(name);
      else query.putRecord.run(name, value);
    }
    query.moveHead.run(
      head.index,
      head.revision,
      head.compactRevision,
      head.recordsIndex,
      head.leasesIndex,
      head.batchId,
      time.appendedAtMs,
      time.pauseMs,
    );
  });
}

function writeRows(
  { query }: Database,
  { rows, head, writtenAtMs }: {
    readonly rows: readonly LogRow[];
    readonly head: Head;
    readonly writtenAtMs: number;
  },
): void {
  if (rows.length === 0) return;
  let tombstones = 0;
  for (const row of rows) {
    assert.ok(row.revision > head.revision && row.sub < SUBS_MAX);
    if (row.tombstone) tombstones++;
    const lease = row.lease === 0n ? 0 : row.lease;
    const live = row.tombstone ? 0 : 1;
    const { revision, sub, key, metaSize, kv } = row;
    query.insertLog.run(revision, sub, key, live, lease, metaSize, kv, writtenAtMs);
  }
  if (tombstones < rows.length) query.makeCurrent.run(head.revision);
  if (tombstones > 0) query.dropDeleted.run(head.revision);
}

function writeLeases({ query }: Database, batch: Batch, clockMs: number): void {
  for (const { id, state } of batch.leases) {
    if (state === null) query.deleteLease.run(id);
    else query.putLease.run(id, state.ttl, Math.round(clockMs + state.remainingMs));
  }
}
