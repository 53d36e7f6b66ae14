/** Pure: what a range answers once its live versions are known (filters, order, limit, count, keys only). */
import { Buffer } from "node:buffer";
import type { Head } from "../../backends/contract.ts";
import { parseKv, type Version, withoutValue } from "./stored_kv.ts";
import { type RangeOp, type RangeResult, type Read, SORT_ORDER, SORT_TARGET } from "./types.ts";

/** Whether the answer comes in the order in which keys are read. */
export function isKeyOrder(op: RangeOp): boolean {
  return op.sortOrder === SORT_ORDER.NONE ||
    (op.sortTarget === SORT_TARGET.KEY && op.sortOrder === SORT_ORDER.ASCEND);
}

export function hasRevisionFilters(op: RangeOp): boolean {
  return op.minModRevision !== 0 || op.maxModRevision !== 0 ||
    op.minCreateRevision !== 0 || op.maxCreateRevision !== 0;
}

/**
 * How many versions have to be read for the answer; `Infinity` for all. One more than the limit tells whether there is
 * more. With an order of its own the whole range is read; but with a target and no order etcd reads only this many in key
 * order and sorts these, and so do we.
 */
export function rowsNeeded(op: RangeOp): number {
  if (op.limit <= 0 || !isKeyOrder(op) || hasRevisionFilters(op)) return Infinity;
  return op.limit + 1;
}

/** Whether the answer can be made page by page: many keys, as they are read. */
export function canStream(op: RangeOp): boolean {
  return !op.range.single && !op.countOnly && !isSorted(op) && !hasRevisionFilters(op);
}

/** Whether values can be left out of what is read. */
export function needsNoValues(op: RangeOp): boolean {
  return op.keysOnly && op.sortTarget !== SORT_TARGET.VALUE;
}

/** Where the store stood. */
type ReadHead = Pick<Head, "revision" | "recordsIndex">;

/** Makes the answer out of the versions read: `rowsNeeded` of them, in key order. */
export function assembleRange(
  op: RangeOp,
  read: { kvs: readonly Uint8Array[]; count: number; head: ReadHead },
): Read<RangeResult> {
  const { count, head: { revision, recordsIndex } } = read;
  if (op.countOnly) return { kind: "range", revision, kvs: [], more: false, count, recordsIndex };
  let kvs = read.kvs;
  if (hasRevisionFilters(op) || isSorted(op)) kvs = filterAndSort(op, kvs);
  const more = op.limit > 0 && kvs.length > op.limit;
  if (more) kvs = kvs.slice(0, op.limit);
  return { kind: "range", revision, kvs: shownKvs(op, kvs), more, count, recordsIndex };
}

/** The key-values as the answer shows them: without their values if only keys were asked for. */
export function shownKvs(op: RangeOp, kvs: readonly Uint8Array[]): readonly Uint8Array[] {
  if (!op.keysOnly) return kvs;
  // etcd 3.7 answers keys only from its index, which has no lease, unless values had to be read to sort by them.
  const keepLease = op.sortTarget === SORT_TARGET.VALUE;
  return kvs.map((kv) => withoutValue(kv, { keepLease }));
}

function isSorted(op: RangeOp): boolean {
  return op.sortTarget !== SORT_TARGET.KEY || op.sortOrder === SORT_ORDER.DESCEND;
}

function filterAndSort(op: RangeOp, kvs: readonly Uint8Array[]): readonly Uint8Array[] {
  const versions = kvs.map((kv) => parseKv(kv)).filter((version) => passes(op, version));
  if (isSorted(op)) {
    const sign = op.sortOrder === SORT_ORDER.DESCEND ? -1 : 1;
    versions.sort((a, b) => sign * compareBy(op.sortTarget, a, b));
  }
  return versions.map((version) => version.kv);
}

function passes(op: RangeOp, { modRevision, createRevision }: Version): boolean {
  return !(op.maxModRevision !== 0 && modRevision > op.maxModRevision) &&
    !(op.minModRevision !== 0 && modRevision < op.minModRevision) &&
    !(op.maxCreateRevision !== 0 && createRevision > op.maxCreateRevision) &&
    !(op.minCreateRevision !== 0 && createRevision < op.minCreateRevision);
}

function compareBy(target: number, a: Version, b: Version): number {
  switch (target) {
    case SORT_TARGET.VERSION:
      return a.version - b.version;
    case SORT_TARGET.CREATE:
      return a.createRevision - b.createRevision;
    case SORT_TARGET.MOD:
      return a.modRevision - b.modRevision;
    case SORT_TARGET.VALUE:
      return Buffer.compare(a.value, b.value);
    default:
      return Buffer.compare(a.key, b.key);
  }
}
