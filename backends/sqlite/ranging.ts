/**
 * Pages of keys, at the newest or at an older revision. Synchronous: a page is one moment. A page is read in chunks,
 * each of about the bytes that are still wanted, so that one long row after many short ones cannot fill the memory.
 */

import type { RangeQuery } from "../contract.ts";
import type { Database } from "./driver.ts";

/** Rows that are read without first asking how large they are. */
const UNMEASURED_ROWS_MAX = 8;
/** Most rows of one chunk at the newest. */
const CHUNK_ROWS_MAX = 10_000;
/** Rows of the first chunk at an older revision, of which nothing is known yet. */
const PAST_CHUNK_ROWS = 64;

interface Chunk {
  readonly kvs: readonly Uint8Array[];
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

export interface Page {
  readonly kvs: readonly Uint8Array[];
  readonly more: boolean;
}

/** The query's revision is 0 for the newest. */
export function rangePage(database: Database, query: RangeQuery): Page {
  const read = query.revision === 0 ? readNewest(database, query) : readPast(database, query);
  const kvs: Uint8Array[] = [];
  let bytes = 0;
  let start: Uint8Array | null = query.start;
  while (start !== null) {
    const isFull = kvs.length >= query.limit || bytes >= query.bytesMax;
    const rowsMax = isFull ? 1 : query.limit + 1 - kvs.length;
    const chunk = read({ start, rowsMax, bytes: query.bytesMax - bytes });
    for (const kv of chunk.kvs) {
      if (kvs.length > 0 && (kvs.length >= query.limit || bytes >= query.bytesMax)) {
        return { kvs, more: true };
      }
      kvs.push(kv);
      bytes += kv.length;
    }
    start = chunk.next();
  }
  return { kvs, more: false };
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
    const fitting = Math.floor((bytes - size) / (size / kvs.length + 1));
    rows = Math.max(PAST_CHUNK_ROWS, Math.min(CHUNK_ROWS_MAX, kvs.length === 0 ? rows : fitting));
    const last = found.length < limit ? undefined : found.at(-1);
    return { kvs, next: () => last === undefined ? null : successor(last[0]) };
  };
}

/** The first key behind this one. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
