/**
 * Pages of keys, at the newest or at an older revision.
 *
 * A page is read in chunks, each of about the bytes that are still wanted, so that one long row after many short ones
 * cannot fill the memory. Some chunks make a slice; between two slices others have their turn. Each slice is exact at
 * the same revision, whatever was written meanwhile, so the page is what one moment held.
 */

import type { RangeQuery } from "../contract.ts";
import type { Database } from "./driver.ts";

/** Rows that are read without first asking how large they are. */
const UNMEASURED_ROWS_MAX = 8;
/** Most rows of one chunk. */
const CHUNK_ROWS_MAX = 5_000;
/** Rows of the first chunk at an older revision, of which nothing is known yet. */
const PAST_CHUNK_ROWS = 64;
/** A slice ends with the chunk in which it has looked at so many rows; some 10 ms of the event loop. */
const SLICE_ROWS = 5_000;
/** A slice ends with the chunk in which it has read so many bytes. */
const SLICE_BYTES = 8 * 1024 * 1024;

interface Chunk {
  readonly kvs: readonly Uint8Array[];
  /** Rows looked at, of which some may not have lived at the revision. */
  readonly rows: number;
  /** Where the next chunk starts; `null` at the interval's end. */
  next(): Uint8Array | null;
}

interface ChunkQuery {
  readonly start: Uint8Array;
  /** At least 1. */
  readonly rowsMax: number;
  /** Bytes still wanted. */
  readonly bytes: number;
}

type ReadChunk = (query: ChunkQuery) => Chunk;

/** A page on its way. */
export interface PageWork {
  readonly query: RangeQuery;
  readonly kvs: Uint8Array[];
  bytes: number;
  /** Where to go on; `null` when the page is made. */
  start: Uint8Array | null;
  more: boolean;
}

export function startPage(query: RangeQuery): PageWork {
  return { query, kvs: [], bytes: 0, start: query.start, more: false };
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
    // A full page only wants to know whether there is more.
    const rowsMax = isFull(work) ? 1 : query.limit + 1 - work.kvs.length;
    const chunk = read({ start: work.start, rowsMax, bytes: query.bytesMax - work.bytes });
    rows += chunk.rows;
    take(work, chunk);
  }
}

function isFull({ query, kvs, bytes }: PageWork): boolean {
  return kvs.length >= query.limit || (kvs.length > 0 && bytes >= query.bytesMax);
}

function take(work: PageWork, chunk: Chunk): void {
  for (const kv of chunk.kvs) {
    if (isFull(work)) {
      work.more = true;
      work.start = null;
      return;
    }
    work.kvs.push(kv);
    work.bytes += kv.length;
  }
  work.start = chunk.next();
}

function readNewest({ query }: Database, { end, keysOnly }: RangeQuery): ReadChunk {
  const cut = keysOnly ? 1 : 0;

  function measure(start: Uint8Array, rows: number): readonly [count: number, bytes: number] {
    const measured = end === null
      ? query.measureRangeOpen.get<[number, number]>(start, cut, rows)
      : query.measureRange.get<[number, number]>(start, end, cut, rows);
    return measured ?? [0, 0];
  }

  /** As many rows as make up about the bytes wanted, at least one. */
  function fittingRows({ start, rowsMax, bytes }: ChunkQuery): number {
    let rows = Math.min(rowsMax, CHUNK_ROWS_MAX);
    while (rows > UNMEASURED_ROWS_MAX) {
      const [count, size] = measure(start, rows);
      if (size <= bytes * 2) break;
      rows = Math.max(1, Math.min(rows - 1, Math.ceil(count * bytes / size)));
    }
    return rows;
  }

  return (chunk) => {
    const { start } = chunk;
    const rows = fittingRows(chunk);
    const found = end === null
      ? query.rangeOpen.all<[Uint8Array]>(start, cut, rows)
      : query.range.all<[Uint8Array]>(start, end, cut, rows);
    return {
      kvs: found.map(([kv]) => kv),
      rows: found.length,
      next() {
        if (found.length < rows) return null;
        const last = query.keyAfter.get<[Uint8Array]>(start, found.length - 1);
        return last === undefined ? null : successor(last[0]);
      },
    };
  };
}

function readPast({ query }: Database, { end, keysOnly, revision }: RangeQuery): ReadChunk {
  const cut = keysOnly ? 1 : 0;
  let rows = PAST_CHUNK_ROWS;

  return ({ start, rowsMax, bytes }) => {
    const limit = Math.min(rowsMax, rows);
    const found = end === null
      ? query.rangeAtOpen.all<[Uint8Array, Uint8Array | null]>(start, revision, cut, limit)
      : query.rangeAt.all<[Uint8Array, Uint8Array | null]>(start, end, revision, cut, limit);
    const kvs: Uint8Array[] = [];
    let size = 0;
    for (const [, kv] of found) {
      if (kv === null) continue;
      kvs.push(kv);
      size += kv.length;
    }
    const fitting = kvs.length === 0 ? rows * 2 : Math.floor((bytes - size) * kvs.length / size);
    rows = Math.max(PAST_CHUNK_ROWS, Math.min(CHUNK_ROWS_MAX, fitting));
    const last = found.length < limit ? undefined : found.at(-1);
    return {
      kvs,
      rows: found.length,
      next: () => last === undefined ? null : successor(last[0]),
    };
  };
}

/** The first key behind this one. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
