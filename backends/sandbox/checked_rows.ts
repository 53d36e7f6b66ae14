/** The rows of a history, out of their columns. */

import type { HistoryRow } from "../contract.ts";
import { bigId, BrokenPromise, fieldsOf, listIn, packedList } from "./checked_shapes.ts";
import { type PackedRows, unpackRows } from "./codec.ts";
import { isShared } from "./packing.ts";

const WHAT = "the rows that history answered";

export function checkedRows(value: unknown): readonly HistoryRow[] {
  const fields = fieldsOf(value, WHAT);
  const keys = packedList(fields["keys"], { what: `the keys of ${WHAT}` });
  const count = keys.lengths.length;
  const column = (name: string) => numbers(fields[name], count);
  const packed: PackedRows = {
    keys,
    revisions: column("revisions"),
    subs: column("subs"),
    metaSizes: column("metaSizes"),
    tombstones: tombstones(fields["tombstones"], count),
    leases: fields["leases"] === null ? null : leases(fields["leases"], count),
    kvs: packedList(fields["kvs"], { what: `the kvs of ${WHAT}`, length: count }),
    prevKvs: fields["prevKvs"] === null ? null : packedList(fields["prevKvs"], {
      what: `the previous kvs of ${WHAT}`,
      length: count,
      hasGaps: true,
    }),
  };
  const rows = unpackRows(packed);
  for (const { kv, metaSize, tombstone, lease } of rows) {
    if (metaSize > kv.length) throw new BrokenPromise(`${WHAT} have a metaSize beyond their kv`);
    if (tombstone && lease !== 0n) throw new BrokenPromise(`${WHAT} have a tombstone with a lease`);
  }
  return rows;
}

function numbers(value: unknown, count: number): Float64Array<ArrayBuffer> {
  const isColumn = value instanceof Float64Array && value.length === count && !isShared(value);
  if (isColumn && value.every((one) => Number.isSafeInteger(one) && one >= 0)) {
    // Its buffer is not shared: just checked.
    return value as Float64Array<ArrayBuffer>;
  }
  throw new BrokenPromise(`${WHAT} have numbers that are none`);
}

function tombstones(value: unknown, count: number): Uint8Array<ArrayBuffer> {
  if (value instanceof Uint8Array && value.length === count && !isShared(value)) {
    return value as Uint8Array<ArrayBuffer>;
  }
  throw new BrokenPromise(`${WHAT} do not say which are tombstones`);
}

function leases(value: unknown, count: number): readonly bigint[] {
  const ids = listIn(value, `the leases of ${WHAT}`).map((id) => bigId(id, "a row's lease"));
  if (ids.length === count) return ids;
  throw new BrokenPromise(`${WHAT} have leases for ${ids.length} of ${count}`);
}
