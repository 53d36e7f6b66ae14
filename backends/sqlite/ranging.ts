/**
 * Pages of keys, at the newest or at an older revision.
 *
 * A page is read in chunks, each of about the bytes that are still wanted (`ChunkSizer`), so that one long row after many
 * short ones cannot fill the memory. Some chunks make a slice; between two slices others have their turn. Each slice is
 * exact at the same revision, whatever was written meanwhile, so the page is what one moment held.
 */

import type { RangeQuery } from "../contract.ts";
import { type Chunk, ChunkSizer } from "./chunks.ts";
import type { Database } from "./driver.ts";
import { successor } from "../keys.ts";
import { keyAt } from "./keys.ts";

/** A slice ends with the chunk in which it has looked at so many rows; some 10 ms of the event loop. */
const SLICE_ROWS = 5_000;
/** A slice ends with the chunk in which it has read so many bytes. */
const SLICE_BYTES = 8 * 1024 * 1024;

/** A kv; `null` if the key did not live at the revision; a number if the kv was left out for its size. */
type Value = Uint8Array | null | number;

interface ChunkQuery extends Chunk {
  readonly start: Uint8Array;
  readonly keysOnly: boolean;
}

interface Found {
  readonly values: readonly Value[];
  /** Where to go on behind the first `count` values, at least 1. */
  behind(count: number): Uint8Array | null;
}

type ReadChunk = (query: ChunkQuery) => Found;

/** A page on its way. */
export interface PageWork {
  readonly query: RangeQuery;
  readonly kvs: Uint8Array[];
  sizer: ChunkSizer;
  bytes: number;
  /** Where to go on; `null` when the page is made. */
  start: Uint8Array | null;
  /** The page is full: it is only to be found out whether there is more. */
  isFull: boolean;
  more: boolean;
}

/** `rowBytes`: how large its first rows are on the average; 0 if that is not known. */
export function startPage(query: RangeQuery, rowBytes: number): PageWork {
  return {
    query,
    kvs: [],
    sizer: ChunkSizer.forRowsOf(rowBytes),
    bytes: 0,
    start: query.start,
    isFull: false,
    more: false,
  };
}

/** Reads one slice of the page at the revision, 0 for the newest. Synchronous: a slice is one moment. */
export function readSlice(database: Database, work: PageWork, revision: number): void {
  const { query } = work;
  const read = revision === 0
    ? readNewest(database, query)
    : readPast(database, { ...query, revision });
  const bytesBefore = work.bytes;
  for (let rows = 0; rows < SLICE_ROWS && work.bytes - bytesBefore < SLICE_BYTES;) {
    if (work.start === null) return;
    if (work.isFull && revision === 0) {
      work.more = keyAt(database, { start: work.start, end: query.end, offset: 0 }) !== null;
      work.start = null;
      return;
    }
    rows += readChunk(work, work.start, read);
  }
}

/** Answers how many rows it looked at. */
function readChunk(work: PageWork, start: Uint8Array, read: ReadChunk): number {
  const { query, sizer, isFull } = work;
  const bytes = Math.min(SLICE_BYTES, query.bytesMax - work.bytes);
  const chunk = isFull
    ? sizer.next({ rowsMax: Infinity, bytes: SLICE_BYTES })
    : sizer.next({ rowsMax: query.limit + 1 - work.kvs.length, bytes });
  const bytesBefore = work.bytes;
  const found = read({ ...chunk, start, keysOnly: isFull || query.keysOnly });
  const taken = take(work, found.values);
  const { length } = found.values;
  sizer.read({ rows: taken, bytes: work.bytes - bytesBefore, isCut: taken < length });
  if (work.more) work.start = null;
  else if (taken === length && length < chunk.rows) work.start = null;
  else if (taken > 0) work.start = found.behind(taken);
  if (work.isFull && !isFull) work.sizer = new ChunkSizer(1);
  return length;
}

/** Answers how many it dealt with: all in front of the first that was left out, or that is too much for the page. */
function take(work: PageWork, values: readonly Value[]): number {
  const { query, kvs } = work;
  for (const [at, value] of values.entries()) {
    if (value === null) continue;
    if (work.isFull) {
      work.more = true;
      return at;
    }
    if (typeof value === "number") return at;
    kvs.push(value);
    work.bytes += value.length;
    work.isFull = kvs.length >= query.limit || work.bytes >= query.bytesMax;
  }
  return values.length;
}

type NewestRow = readonly [value: Uint8Array | number];

function readNewest(database: Database, { end }: RangeQuery): ReadChunk {
  const { query } = database;
  return ({ start, rows, rowBytesMax, keysOnly }) => {
    const cut = keysOnly ? 1 : 0;
    const found = end === null
      ? query.rangeOpen.all<NewestRow>(start, cut, rows, rowBytesMax)
      : query.range.all<NewestRow>(start, end, cut, rows, rowBytesMax);
    return {
      values: found.map(([value]) => value),
      behind(count) {
        const last = keyAt(database, { start, end, offset: count - 1 });
        return last === null ? null : successor(last);
      },
    };
  };
}

function readPast({ query }: Database, { end, revision }: RangeQuery): ReadChunk {
  return ({ start, rows, rowBytesMax, keysOnly }) => {
    const cut = keysOnly ? 1 : 0;
    const found = end === null
      ? query.rangeAtOpen.all<[Uint8Array, Value]>(start, revision, cut, rows, rowBytesMax)
      : query.rangeAt.all<[Uint8Array, Value]>(start, end, revision, cut, rows, rowBytesMax);
    return {
      values: found.map(([, value]) => value),
      behind(count) {
        const last = found[count - 1];
        return last === undefined ? null : successor(last[0]);
      },
    };
  };
}
