/**
 * Writing one batch: a single transaction, as a rule in one round trip.
 *
 * Its first statement moves the head, if that stands where the batch was computed, and holds it until the commit, so that
 * batches come one after the other. The second fails if the first did nothing, and with it ends the transaction. MariaDB
 * gets all of it as one statement, a block, which is also what a Galera cluster needs (`Session.isClustered`).
 */

import assert from "node:assert/strict";
import type { Batch, LogRow } from "../contract.ts";
import { frameKv, frameSize } from "../sql/frame.ts";
import { slotOf } from "../sql/ring.ts";
import { HELD_S, IDLE_S } from "./connecting.ts";
import { appendFailure } from "./errors.ts";
import { boundAbove, logId } from "./head.ts";
import { fillIn, writeValue } from "./literals.ts";
import { fitsPacket, groupTexts } from "./packets.ts";
import { fillInList } from "./reading.ts";
import type { Session } from "./session.ts";
import { STATEMENTS, SUBS_MAX } from "./statements.ts";

/** Items of one list, and about their bytes: beyond that a statement gains nothing. */
const LIST = { count: 1_000, bytes: 1024 * 1024 };

export interface AppendOptions {
  readonly leaseGapMs: number;
  /** Whether the session has begun the transaction, and locked the head. */
  readonly hasTurn: boolean;
}

/** @throws {BackendError} as `Backend.append`; then the transaction is rolled back, or its connection is closed */
export async function appendBatch(
  session: Session,
  batch: Batch,
  { leaseGapMs, hasTurn }: AppendOptions,
): Promise<void> {
  const { locksLittle, hasBlocks } = session;
  const { lockLittle, beginWrite, commit, holdLong } = STATEMENTS;
  const begin = locksLittle ? [beginWrite] : [lockLittle, beginWrite];
  const end = hasTurn ? [commit, fillIn(holdLong, { idleS: IDLE_S })] : [commit];
  const statements = [...hasTurn ? [] : begin, ...writeBatch(batch, leaseGapMs), ...end];
  const block = hasBlocks ? writeBlock(statements) : "";
  const isBlock = hasBlocks && fitsPacket(session, [block]);
  try {
    if (isBlock) await session.change(block);
    else await writeInParts(session, statements, hasTurn);
  } catch (error) {
    // A block that failed has rolled itself back.
    if (hasTurn || !isBlock) await undo(session);
    throw appendFailure(error);
  }
}

function writeBlock(statements: readonly string[]): string {
  return STATEMENTS.beginBlock + statements.join(";") + STATEMENTS.endBlock;
}

/** In one query, if the batch fits. */
async function writeInParts(
  session: Session,
  statements: readonly string[],
  hasTurn: boolean,
): Promise<void> {
  if (hasTurn || (!session.isClustered && fitsPacket(session, statements))) {
    await session.write(statements);
    return;
  }
  // The server shall not wait for the rest of a batch for long.
  const hold = fillIn(STATEMENTS.holdBriefly, { heldS: HELD_S });
  await session.write([hold, ...statements, fillIn(STATEMENTS.holdLong, { idleS: IDLE_S })]);
}

/** Lets go of what the transaction holds. */
export async function undo(session: Session): Promise<void> {
  if (!session.isUsable) return session.destroy();
  try {
    const { rollback, holdLong } = STATEMENTS;
    await session.write([rollback, fillIn(holdLong, { idleS: IDLE_S })]);
  } catch {
    // Then it goes with the connection.
    session.destroy();
  }
}

/** Statements from the move of the head to the last before the commit. */
function writeBatch(batch: Batch, leaseGapMs: number): string[] {
  const { base, head, resumesLeases } = batch;
  const { index, batchId } = head;
  assert.ok(index === base.index + 1, "a batch moves the index by one");
  assert.ok(head.revision >= base.revision, "the revision never goes back");
  return [
    fillIn(STATEMENTS.moveHead, {
      gapMs: resumesLeases ? 0 : Math.round(leaseGapMs),
      ...head,
      baseIndex: base.index,
      baseBatchId: base.batchId,
    }),
    fillIn(STATEMENTS.takeSlot, { slot: slotOf(index), index, batchId }),
    ...writeRows(batch),
    ...writeLeases(batch),
    ...writeRecords(batch),
  ];
}

function writeRows(batch: Batch): string[] {
  const { rows } = batch;
  if (rows.length === 0) return [];
  const tombstones = rows.filter((row) => row.tombstone);
  return [
    ...groupTexts(rows.map(writeRow), LIST).map((list) => STATEMENTS.insertLog + list.join()),
    ...groupTexts(tombstones.map(writeTombstone), LIST)
      .map((list) => STATEMENTS.insertTombstones + list.join()),
    ...writeCurrent(batch, tombstones.length),
  ];
}

/** The order of `insertLog`'s columns. */
function writeRow({ revision, sub, key, kv, metaSize, tombstone, lease }: LogRow): string {
  assert.ok(sub < SUBS_MAX);
  const framed = frameKv(kv);
  const cut = frameSize(kv.length) + metaSize;
  return `(${logId(revision, sub)},${writeValue(key)},${
    tombstone ? 0 : 1
  },${lease},${cut},${framed.length},${writeValue(framed)})`;
}

function writeTombstone({ revision, sub, key }: LogRow): string {
  return `(${writeValue(key)},${logId(revision, sub)})`;
}

/** The last row of each key decides what is current. */
function writeCurrent({ base, rows }: Batch, tombstones: number): string[] {
  const lasts = lastOfEachKey(rows);
  if (tombstones === 0 && lasts.length === rows.length) {
    return [fillIn(STATEMENTS.makeAllCurrent, { bound: boundAbove(base.revision) })];
  }
  const live = lasts.filter((row) => !row.tombstone);
  const dead = lasts.filter((row) => row.tombstone);
  return [
    ...groupTexts(live.map(({ revision, sub }) => String(logId(revision, sub))), LIST)
      .map((list) => fillInList(STATEMENTS.makeCurrent, "ids", list)),
    ...groupTexts(dead.map(({ key }) => writeValue(key)), LIST)
      .map((list) => fillInList(STATEMENTS.dropCurrent, "keys", list)),
  ];
}

function lastOfEachKey(rows: readonly LogRow[]): readonly LogRow[] {
  if (rows.length === 1) return rows;
  const lasts = new Map<string, LogRow>();
  for (const row of rows) lasts.set(row.key.toHex(), row);
  return [...lasts.values()];
}

function writeLeases({ leases }: Batch): string[] {
  if (leases.length === 0) return [];
  const gone: string[] = [];
  const statements: string[] = [STATEMENTS.readLeaseClock];
  for (const { id, state } of leases) {
    if (state === null) gone.push(writeValue(id));
    else {
      const { ttl, remainingMs } = state;
      const values = { id, ttl, remainingMs: Math.round(remainingMs) };
      statements.push(fillIn(STATEMENTS.putLease, values));
    }
  }
  const deletions = groupTexts(gone, LIST)
    .map((list) => fillInList(STATEMENTS.deleteLeases, "ids", list));
  return [...statements, ...deletions];
}

function writeRecords({ records }: Batch): string[] {
  return records.map(({ name, value }) =>
    value === null
      ? fillIn(STATEMENTS.deleteRecord, { name })
      : fillIn(STATEMENTS.putRecord, { name, value })
  );
}
