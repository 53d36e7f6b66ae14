/**
 * Counting keys, in slices between which others have their turn. Each slice is exact at the same revision, whatever was
 * written meanwhile, so the sum is what one moment held.
 */

import type { KeySpan } from "../contract.ts";
import type { Database } from "./driver.ts";

/** Keys at the newest in one slice; some 5 ms of the event loop. */
const SLICE_KEYS = 20_000;

export interface SliceQuery extends KeySpan {
  /** 0 for the newest. */
  readonly revision: number;
}

export interface Slice {
  readonly count: number;
  /** Where the next slice starts; `null` at the interval's end. */
  readonly next: Uint8Array | null;
}

/** Counts the first slice of the interval. */
export function countSlice(database: Database, { start, end, revision }: SliceQuery): Slice {
  const bound = database.query.keyAfter.get<[Uint8Array]>(start, SLICE_KEYS)?.[0];
  // Beyond the interval's end the bound is no bound: SQLite compares, for it knows the order of keys best.
  const isWithin = bound !== undefined && (end === null || isBefore(database, bound, end));
  const sliceEnd = isWithin ? bound : end;
  const count = countKeys(database, { start, end: sliceEnd, revision });
  return { count, next: isWithin ? bound : null };
}

function isBefore({ query }: Database, a: Uint8Array, b: Uint8Array): boolean {
  return query.isBefore.get<[number]>(a, b)?.[0] === 1;
}

function countKeys({ query }: Database, { start, end, revision }: SliceQuery): number {
  let row: [number] | undefined;
  if (revision === 0) {
    row = end === null ? query.countOpen.get(start) : query.count.get(start, end);
  } else {
    row = end === null
      ? query.countAtOpen.get(start, revision)
      : query.countAt.get(start, end, revision);
  }
  return row?.[0] ?? 0;
}
