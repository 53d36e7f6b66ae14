/** What a memory backend keeps, and the two operations that change it. */

import assert from "node:assert/strict";
import {
  type Batch,
  FIRST_HEAD,
  type Head,
  type LogRow,
  type Member,
  type TrimQuery,
  type TrimResult,
} from "../contract.ts";
import { type LeaseTime, timeAfterAppend } from "../lease_clock.ts";
import { createVersions, type Versions } from "./versions.ts";

export interface StoredLease {
  readonly ttl: number;
  /** By the lease clock. */
  readonly expiresAtMs: number;
}

/** A member and when it was seen last. */
export interface SeenMember extends Member {
  readonly seenAtMs: number;
}

/** Everything of one store. Outlives the backend that has it open, so that a test can open it again. */
export interface MemoryStore {
  readonly clusterId: bigint;
  readonly versions: Versions;
  readonly leases: Map<bigint, StoredLease>;
  readonly records: Map<string, Uint8Array>;
  /** In order of revision and sub. */
  log: LogRow[];
  head: Head;
  /** The ids of all batches, by index. */
  readonly batchIds: string[];
  leaseTime: LeaseTime;
  readonly members: Map<bigint, SeenMember>;
  /** Told of each append; one for each iteration of `changes`. */
  readonly listeners: Set<() => void>;
  /** The revision that the last trim, done or not, trims to. */
  trimTarget: number;
  trimDone: boolean;
  /** How many rows at the log's beginning that trim has looked at. */
  trimmedRows: number;
}

export function createStore(options: { clusterId: bigint; nowMs: number }): MemoryStore {
  return {
    clusterId: options.clusterId,
    versions: createVersions(),
    leases: new Map(),
    records: new Map(),
    log: [],
    head: FIRST_HEAD,
    batchIds: [FIRST_HEAD.batchId],
    leaseTime: { appendedAtMs: options.nowMs, pauseMs: 0 },
    members: new Map(),
    listeners: new Set(),
    trimTarget: -1,
    trimDone: true,
    trimmedRows: 0,
  };
}

export interface Moment {
  readonly nowMs: number;
  readonly leaseGapMs: number;
}

export function isSameHead(a: Head, b: Head): boolean {
  return a.index === b.index && a.batchId === b.batchId;
}

/** Applies a batch that fits the head. */
export function applyBatch(store: MemoryStore, batch: Batch, moment: Moment): void {
  const { head } = store;
  assert.ok(isSameHead(batch.base, head) && batch.head.index === head.index + 1);
  assert.ok(batch.head.revision >= head.revision);
  assert.ok(batch.head.compactRevision >= head.compactRevision);
  for (const row of batch.rows) {
    assert.ok(row.revision > head.revision && row.revision <= batch.head.revision);
    const kept = { ...row, key: row.key.slice(), kv: row.kv.slice() };
    store.log.push(kept);
    store.versions.add(kept);
  }
  applyLeases(store, batch, moment);
  for (const { name, value } of batch.records) {
    if (value === null) store.records.delete(name);
    else store.records.set(name, value.slice());
  }
  store.head = batch.head;
  store.batchIds.push(batch.head.batchId);
  for (const listener of store.listeners) listener();
}

function applyLeases(store: MemoryStore, batch: Batch, { nowMs, leaseGapMs }: Moment): void {
  const gapMs = batch.resumesLeases ? 0 : leaseGapMs;
  store.leaseTime = timeAfterAppend(store.leaseTime, { nowMs, gapMs });
  const clockMs = nowMs - store.leaseTime.pauseMs;
  for (const { id, state } of batch.leases) {
    if (state === null) store.leases.delete(id);
    else store.leases.set(id, { ttl: state.ttl, expiresAtMs: clockMs + state.remainingMs });
  }
}

/**
 * Walks the log from where the last step ended. Each row at or below the target makes the one before it of the same key
 * superfluous, and a tombstone below it is superfluous itself. A trim that has begun is finished first, even if it may
 * now go further: what "below" means must not change for its last revision. It may end earlier than it was meant to,
 * for it has not come there yet.
 */
export function trimStep(store: MemoryStore, query: TrimQuery): TrimResult {
  const wanted = Math.min(query.upTo, store.head.compactRevision);
  const isWalked = store.trimmedRows >= reachableRows(store, wanted);
  if (store.trimTarget >= wanted && (store.trimDone || isWalked)) {
    return { removed: 0, done: true, isBusy: false };
  }
  const target = store.trimDone ? wanted : Math.min(store.trimTarget, wanted);
  store.trimTarget = target;
  const reachable = reachableRows(store, target);
  const stop = Math.min(reachable, store.trimmedRows + query.rowsMax);
  const gone = superfluous(store, { rows: store.log.slice(store.trimmedRows, stop), target });
  for (const row of gone) store.versions.remove(row);

  const kept = store.log.slice(0, stop).filter((row) => !gone.has(row));
  store.log = kept.concat(store.log.slice(stop));
  store.trimDone = stop === reachable;
  // Tombstones exactly at the compact revision stayed: the next trim has to see them again.
  store.trimmedRows = store.trimDone
    ? kept.filter((row) => row.revision < target).length
    : kept.length;
  return { removed: gone.size, done: store.trimDone && target === wanted, isBusy: false };
}

/** How many rows at the log's beginning stand at or below the revision. */
function reachableRows(store: MemoryStore, revision: number): number {
  const firstAbove = store.log.findIndex((row) => row.revision > revision);
  return firstAbove < 0 ? store.log.length : firstAbove;
}

function superfluous(
  store: MemoryStore,
  { rows, target }: { rows: readonly LogRow[]; target: number },
): Set<LogRow> {
  const gone = new Set<LogRow>();
  for (const row of rows) {
    const older = store.versions.before(row);
    if (older !== undefined) gone.add(older);
    if (row.tombstone && row.revision < target) gone.add(row);
  }
  return gone;
}
