/**
 * Counting keys, in slices between which others have their turn. Each slice is exact at the same revision, whatever was
 * written meanwhile, so the sum is what one moment held.
 */

import { Buffer } from "node:buffer";
import type { KeySpan } from "../contract.ts";
import type { Database } from "./driver.ts";
import { successor } from "../keys.ts";
import { keyAt } from "./keys.ts";

/** Keys at the newest in one slice; some 5 ms of the event loop. */
const SLICE_KEYS = 20_000;
/** Keys, and besides tombstones, in one slice at an older revision: each may have to be looked up in the log. */
const PAST_SLICE_ROWS = 4_000;

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
  const next = revision === 0
    ? keyAt(database, { start, end, offset: SLICE_KEYS })
    : pastSliceEnd(database, { start, end });
  const count = countKeys(database, { start, end: next ?? end, revision });
  return { count, next };
}

/** Where a slice at an older revision ends. However often one key was deleted, it is counted in one slice. */
function pastSliceEnd(database: Database, { start, end }: KeySpan): Uint8Array | null {
  const key = keyAt(database, { start, end, offset: PAST_SLICE_ROWS });
  const deleted = tombstoneAt(database, { start, end: key ?? end, offset: PAST_SLICE_ROWS });
  if (deleted === null) return key;
  return Buffer.compare(deleted, start) > 0 ? deleted : successor(start);
}

/** The key of the tombstone that follows `offset` others in the interval; `null` if it holds no more than those. */
function tombstoneAt(
  { query }: Database,
  { start, end, offset }: KeySpan & { readonly offset: number },
): Uint8Array | null {
  const row = end === null
    ? query.tombstoneAfter.get<[Uint8Array]>(start, offset)
    : query.tombstoneAfterBefore.get<[Uint8Array]>(start, offset, end);
  return row?.[0] ?? null;
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
