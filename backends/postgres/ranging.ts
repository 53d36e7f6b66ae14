/**
 * Pages of keys, at the newest or at an older revision.
 *
 * A page is as a rule one statement. It guesses by the first rows how many make up the bytes that are wanted, so that the
 * database does not read what is thrown away; where the guess was too low, or a row is far larger than the others, the
 * page goes on with another statement, at the revision of the first.
 */

import { Buffer } from "node:buffer";
import {
  BackendError,
  type Head,
  type KeySpan,
  type RangePage,
  type RangeQuery,
} from "../contract.ts";
import { successor } from "../keys.ts";
import { keyOfKv } from "../sql/kv_key.ts";
import { decodeHead, decodeInt } from "./decoding.ts";
import { idBehind } from "./log_ids.ts";
import { Page } from "./page.ts";
import type { RawRow } from "./raw_rows.ts";
import type { Session } from "./session.ts";

/** One more than the bytes of the longest key, all 0xff: above every key. */
export const KEY_SIZE_MAX = 2_600;
const ABOVE_ALL_KEYS = Buffer.alloc(KEY_SIZE_MAX + 1, 0xff);

/** Rows that one statement answers at most; a page of more is made of several. */
const CHUNK_ROWS_MAX = 10_000;
/** Bytes that one statement is asked for. */
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;
/** What one statement can come to when rows are far larger than the first ones; larger ones it leaves out. */
const CHUNK_BYTES_WORST = 32 * 1024 * 1024;
/** Times that a read at the newest begins again because a compaction overtook it. */
const RESTARTS_MAX = 5;

/** The first byte of a framed kv; a head begins with another one. */
const FRAME = 0x12;
/** Bytes of the number of rows in the first row. */
const INT = 8;

export function startOf({ start }: KeySpan): Buffer {
  return Buffer.from(start.buffer, start.byteOffset, start.length);
}

export function endOf({ end }: KeySpan): Buffer {
  return end === null ? ABOVE_ALL_KEYS : Buffer.from(end.buffer, end.byteOffset, end.length);
}

export async function readRange(session: Session, query: RangeQuery): Promise<RangePage> {
  // Ends with a page, at the latest with the last attempt.
  for (let attempt = 1;; attempt++) {
    const page = await readPage(session, query);
    if (page !== null) return page;
    if (attempt === RESTARTS_MAX) {
      throw new BackendError("unavailable", "compactions overtook the read again and again");
    }
  }
}

/** `null` if a compaction overtook a page of the newest: what it has is of a revision that cannot be read any more. */
async function readPage(session: Session, query: RangeQuery): Promise<RangePage | null> {
  const page = new Page({ rows: query.limit, bytes: query.bytesMax }, { isCut: query.keysOnly });
  const isPacked = query.packed && !query.keysOnly;
  let { revision } = query;
  let head: Head | null = null;
  let start: Uint8Array | null = query.start;
  let isOne = false;
  // Ends with the page or the interval: each statement moves the start, or is followed by one for one row, which does.
  while (start !== null) {
    const chunk: Chunk = await readChunk(session, page, { ...query, start, revision, isOne });
    head ??= chunk.head;
    if (revision === 0) revision = chunk.head.revision;
    if (chunk.head.compactRevision > revision) {
      if (query.revision === 0) return null;
      // By the head the engine sees that what is here may not be all.
      return { head: chunk.head, kvs: page.kvs, packed: null, more: false };
    }
    isOne = chunk.leftOut;
    start = chunk.next;
    // Somewhat less than wanted is better than another round trip.
    const isEnough = page.isFull || (isPacked && page.bytes * 2 >= query.bytesMax);
    if (isEnough && chunk.hasMore) break;
  }
  const more = start !== null;
  if (head === null) throw new BackendError("corrupt", "a page without a head");
  const { last } = page;
  if (!isPacked || last === null) return { head, kvs: page.kvs, packed: null, more };
  const lastKey = more ? keyOfKv(last) : null;
  return { head, kvs: [], packed: page.packed(lastKey), more };
}

interface ChunkQuery extends RangeQuery {
  /** The row where the last chunk stopped is read alone, however large it is. */
  readonly isOne: boolean;
}

interface Chunk {
  readonly head: Head;
  /** Where to go on; `null` at the interval's end. */
  readonly next: Uint8Array | null;
  /** A row was left out for its size. */
  readonly leftOut: boolean;
  /** A row was seen behind the last one taken. If not, there may be some all the same. */
  readonly hasMore: boolean;
}

async function readChunk(session: Session, page: Page, query: ChunkQuery): Promise<Chunk> {
  const { isOne } = query;
  const values = [
    startOf(query),
    endOf(query),
    // One more tells whether there is more.
    isOne ? 1 : Math.min(CHUNK_ROWS_MAX, query.limit - page.count + 1),
    Math.max(0, Math.min(CHUNK_BYTES_MAX, query.bytesMax - page.bytes)),
    isOne ? Number.MAX_SAFE_INTEGER : CHUNK_BYTES_WORST,
    query.keysOnly,
  ];
  const reader = new ChunkReader(page);
  const read = (row: RawRow) => reader.read(row);
  if (query.revision === 0) await session.run("range", values, read);
  else await session.run("rangeAt", [...values, idBehind(query.revision)], read);
  return reader.finish(query.start);
}

/** Takes rows into the page until it is full or one was left out. */
class ChunkReader {
  readonly #page: Page;
  #head: Buffer | null = null;
  #place: Buffer | null = null;
  #rows = 0;
  #leftOut = false;
  #isPast = false;

  constructor(page: Page) {
    this.#page = page;
  }

  read(row: RawRow): void {
    const isKv = row.size() === 0 || row.startsWith(FRAME);
    if (!isKv) {
      this.#head = row.bytes();
      this.#place = row.bytes();
      return;
    }
    this.#rows++;
    if (this.#isPast || this.#leftOut) return;
    if (row.size() === 0) this.#leftOut = true;
    else if (this.#page.isFull) this.#isPast = true;
    else this.#page.add(row);
  }

  finish(start: Uint8Array): Chunk {
    const { head } = decodeHead(this.#head);
    const place = this.#place;
    if (place === null) throw new BackendError("corrupt", "a page without its first row");
    const wanted = decodeInt(place);
    const { last } = this.#page;
    const behind = last === null ? start : successor(keyOfKv(last));
    const hasMore = this.#leftOut || this.#isPast;
    if (hasMore || this.#rows >= wanted) {
      return { head, next: behind, leftOut: this.#leftOut, hasMore };
    }
    // At an older revision it may have looked at enough rows and found that they did not live then.
    const next = place.length > INT ? successor(place.subarray(INT)) : null;
    return { head, next, leftOut: false, hasMore: false };
  }
}

export async function countKeys(
  session: Session,
  { revision, ...span }: KeySpan & { readonly revision: number },
): Promise<{ head: Head; count: number }> {
  const values = [startOf(span), endOf(span)];
  const [row] = revision === 0
    ? await session.rows("count", values, 2)
    : await session.rows("countAt", [...values, idBehind(revision)], 2);
  const count = row?.[1];
  return {
    head: decodeHead(row?.[0]).head,
    count: count === null || count === undefined ? 0 : decodeInt(count),
  };
}

export async function readLeaseKeys(
  session: Session,
  id: bigint,
): Promise<{ head: Head; kvs: Uint8Array[] }> {
  const page = new Page({ rows: Infinity, bytes: Infinity }, { isCut: false });
  let head: Buffer | null = null;
  await session.run("leaseKeys", [String(id)], (row) => {
    if (row.startsWith(FRAME)) page.add(row);
    else head = row.bytes();
  });
  return { head: decodeHead(head).head, kvs: page.kvs };
}
