/** Writing one batch: one statement, which moves the head from where the batch was computed or does nothing. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BackendError, type Batch, type LogRow } from "../contract.ts";
import { frameSize, writeFramed } from "../sql/frame.ts";
import { slotOf } from "../sql/ring.ts";
import {
  boolArray,
  byteaArray,
  int4Array,
  int8Array,
  writtenByteaArray,
  writtenInt8Array,
} from "./arrays.ts";
import { writeId } from "./log_ids.ts";
import type { Session, Value } from "./session.ts";
import { type StatementName, SUBS_MAX } from "./statements.ts";

export interface AppendContext {
  readonly leaseGapMs: number;
  /** Where others listen, and who tells them. */
  readonly channel: string;
  readonly instance: string;
  /** The member that this server has announced itself as; 0 before. From then on others are told only if there are any. */
  memberId: bigint;
}

/** A batch as it is sent, as often as need be. */
export interface EncodedBatch {
  readonly statement: Extract<StatementName, "append" | "appendRows">;
  readonly values: readonly Value[];
  readonly baseIndex: number;
}

export function encodeBatch(batch: Batch, context: AppendContext): EncodedBatch {
  const { base, head, rows } = batch;
  assert.ok(head.index === base.index + 1, "a batch moves the index by one");
  assert.ok(head.revision >= base.revision, "the revision never goes back");
  assert.ok(head.compactRevision >= base.compactRevision, "nor does the compact revision");
  const values = [
    base.index,
    base.batchId,
    head.index,
    head.revision,
    head.batchId,
    context.leaseGapMs,
    slotOf(head.index),
    ...encodeRows(rows, base.revision),
    context.channel,
    context.instance,
    String(BigInt.asIntN(64, context.memberId)),
  ];
  if (hasOnlyRows(batch)) return { statement: "appendRows", values, baseIndex: base.index };
  values.push(...encodeRest(batch));
  return { statement: "append", values, baseIndex: base.index };
}

function hasOnlyRows({ base, head, leases, records, resumesLeases }: Batch): boolean {
  return leases.length === 0 && records.length === 0 && !resumesLeases &&
    head.compactRevision === base.compactRevision && head.recordsIndex === base.recordsIndex &&
    head.leasesIndex === base.leasesIndex;
}

/** What a batch has beside its rows. */
function encodeRest({ head, leases, records, resumesLeases }: Batch): Value[] {
  const granted = leases.flatMap(({ id, state }) => state === null ? [] : [{ id, ...state }]);
  const put = records.flatMap(({ name, value }) => value === null ? [] : [{ name, value }]);
  const nameOf = ({ name }: { readonly name: string }) => Buffer.from(name);
  return [
    head.compactRevision,
    head.recordsIndex,
    head.leasesIndex,
    resumesLeases,
    int8Array(granted.map(({ id }) => id)),
    int8Array(granted.map(({ ttl }) => BigInt(ttl))),
    int8Array(granted.map(({ remainingMs }) => BigInt(Math.round(remainingMs)))),
    int8Array(leases.flatMap(({ id, state }) => state === null ? [id] : [])),
    byteaArray(put.map(nameOf)),
    byteaArray(put.map(({ value }) => value)),
    byteaArray(records.filter(({ value }) => value === null).map(nameOf)),
  ];
}

/** The rows as columns, and the keys that the batch leaves deleted. */
function encodeRows(rows: readonly LogRow[], baseRevision: number): Value[] {
  const newest = newestOf(rows);
  const frames = rows.map(({ kv }) => frameSize(kv.length));
  for (const { revision, sub } of rows) {
    assert.ok(revision > baseRevision && sub < SUBS_MAX, "rows are new, and fit their revision");
  }
  return [
    writtenInt8Array(rows, (array, at, row) => writeId(array, at, row)),
    byteaArray(rows.map(({ key }) => key)),
    boolArray(rows.map(({ tombstone }) => !tombstone)),
    int8Array(rows.map(({ lease }) => lease)),
    int4Array(rows.map(({ metaSize }, at) => (frames[at] ?? 0) + metaSize)),
    writtenByteaArray(
      rows.map(({ kv }, at) => (frames[at] ?? 0) + kv.length),
      (array, { index, at }) => void writeFramed(array, rows[index]?.kv ?? Buffer.alloc(0), at),
    ),
    boolArray(newest),
    byteaArray(rows.filter(({ tombstone }, at) => tombstone && newest[at]).map(({ key }) => key)),
  ];
}

/** For each row whether it is the last of its key in the batch. */
function newestOf(rows: readonly LogRow[]): boolean[] {
  const newest = new Array<boolean>(rows.length).fill(true);
  const seen = new Set<string>();
  for (let at = rows.length - 1; at >= 0; at--) {
    const key = rows[at]?.key;
    if (key === undefined) continue;
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
    newest[at] = !seen.has(name);
    seen.add(name);
  }
  return newest;
}

/** @throws {BackendError} `conflict` if the store does not stand at the batch's base; else what `pg` throws */
export async function append(session: Session, batch: EncodedBatch): Promise<void> {
  let applied = 0;
  await session.run(batch.statement, batch.values, () => applied++);
  if (applied === 0) {
    const { baseIndex } = batch;
    throw new BackendError("conflict", `the head does not stand at index ${baseIndex} any more`);
  }
  if (session.isInDoubt) {
    throw new BackendError("indeterminate", "the wait for a synchronous replica was given up");
  }
}
