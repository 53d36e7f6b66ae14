/**
 * Pages of keys, at the newest or at an older revision.
 *
 * A page is read in chunks (`ChunkSizer`), as a rule in one. The first chunk of a page at the newest reads what is current
 * and tells the head; whatever else the page needs is read at that head's revision, so the page is what one moment held.
 */

import { Buffer } from "node:buffer";
import type { Head, RangePage, RangeQuery } from "../contract.ts";
import { unframe } from "../sql/frame.ts";
import { successor } from "../keys.ts";
import { keyOfKv } from "../sql/kv_key.ts";
import { type Chunk, ChunkSizer, type RowSizes } from "./chunks.ts";
import { boundAbove } from "./head.ts";
import { fillIn } from "./literals.ts";
import type { Snapshot } from "./reading.ts";
import { STATEMENTS } from "./statements.ts";

/** Rows looked at, without their values, to find out whether one lives behind a full page. */
const PROBE_ROWS = 100;

const NOTHING = new Uint8Array();

/** Runs statements on one snapshot. */
export type ReadSnapshot = (statements: readonly string[]) => Promise<Snapshot>;

/** A framed kv; `null` if the key did not live at the revision; empty if it was left out for its size. */
type Value = Uint8Array | null;

/** A page on its way. */
interface PageWork {
  readonly query: RangeQuery;
  readonly sizer: ChunkSizer;
  /** Framed; with `keysOnly` perhaps cut. */
  readonly kvs: Uint8Array[];
  bytes: number;
  /** Where to go on; `null` when the page is made. */
  start: Uint8Array | null;
  /** The page is full: it is only to be found out whether there is more. */
  isFull: boolean;
  more: boolean;
  /** Of the chunk read last. */
  head: Head | null;
}

/** What a chunk found. */
interface Found {
  readonly values: readonly Value[];
  /** Where to go on behind the first `count` values, at least 1. */
  behind(count: number): Uint8Array;
  /** Whether the chunk reached the interval's end; otherwise where to go on behind all of it. */
  readonly next: Uint8Array | null;
}

export async function readPage(
  read: ReadSnapshot,
  query: RangeQuery,
  sizes: RowSizes,
): Promise<RangePage> {
  for (;;) { // Ends with a page that no compaction has overtaken: each is a matter of milliseconds.
    const { page, revision } = await readAttempt(read, query, sizes);
    if (query.revision !== 0 || page.head.compactRevision <= revision) return page;
  }
}

/** Answers the page and the revision that it is of. */
async function readAttempt(
  read: ReadSnapshot,
  query: RangeQuery,
  sizes: RowSizes,
): Promise<{ page: RangePage; revision: number }> {
  const work: PageWork = {
    query,
    sizer: new ChunkSizer(sizes),
    kvs: [],
    bytes: 0,
    start: query.start,
    isFull: false,
    more: false,
    head: null,
  };
  let { revision } = query;
  let head: Head | null = null;
  // Ends with the page: each chunk moves its start forward, or is followed by a single row that does.
  while (work.start !== null) {
    await readChunk(read, work, { start: work.start, revision });
    if (work.head === null) break;
    head ??= work.head;
    if (revision === 0) revision = head.revision;
    // What is left to read may be trimmed. The engine sees by the head that the revision is compacted.
    if (work.head.compactRevision > revision) head = work.head;
    if (head.compactRevision > revision) break;
  }
  if (head === null) throw new Error("a page of no chunk");
  return { page: pageOf(work, head), revision };
}

function pageOf({ query, kvs, more }: PageWork, head: Head): RangePage {
  if (!query.packed || query.keysOnly || kvs.length === 0) {
    return { head, kvs: kvs.map((kv) => unframe(kv)), packed: null, more };
  }
  const last = kvs.at(-1);
  const lastKey = more && last !== undefined ? keyOfKv(unframe(last)) : null;
  return {
    head,
    kvs: [],
    packed: { bytes: Buffer.concat(kvs), count: kvs.length, lastKey },
    more,
  };
}

async function readChunk(
  read: ReadSnapshot,
  work: PageWork,
  place: { readonly start: Uint8Array; readonly revision: number },
): Promise<void> {
  const { query, sizer, isFull } = work;
  const chunk = isFull ? { rows: PROBE_ROWS, rowBytesMax: Number.MAX_SAFE_INTEGER } : sizer.next({
    rowsMax: query.limit + 1 - work.kvs.length,
    bytes: query.bytesMax - work.bytes,
  });
  const bytesBefore = work.bytes;
  const keysOnly = isFull || query.keysOnly;
  const found = place.revision === 0
    ? await readNewest(read, work, { ...chunk, ...place, keysOnly })
    : await readPast(read, work, { ...chunk, ...place, keysOnly });
  const before = work.kvs.length;
  const taken = take(work, found.values);
  const isCut = taken < found.values.length && !work.more;
  sizer.read({ rows: work.kvs.length - before, bytes: work.bytes - bytesBefore, isCut });
  if (work.more) work.start = null;
  else if (!isCut) work.start = found.next;
  else if (taken > 0) work.start = found.behind(taken);
}

/** Answers how many it dealt with: all in front of the first that was left out, or that is too much for the page. */
function take(work: PageWork, values: readonly Value[]): number {
  const { query, kvs } = work;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? null;
    if (value === null) continue;
    if (work.isFull) {
      work.more = true;
      return at;
    }
    if (value.length === 0) return at;
    kvs.push(value);
    work.bytes += value.length;
    work.isFull = kvs.length >= query.limit || work.bytes >= query.bytesMax;
  }
  return values.length;
}

interface ChunkQuery extends Chunk {
  readonly start: Uint8Array;
  readonly revision: number;
  readonly keysOnly: boolean;
}

async function readNewest(
  read: ReadSnapshot,
  work: PageWork,
  { start, rows, rowBytesMax, keysOnly }: ChunkQuery,
): Promise<Found> {
  const { end } = work.query;
  const values = { start, end, rows, rowBytesMax, keysOnly: keysOnly ? 1 : 0 };
  const { range, rangeOpen } = STATEMENTS;
  const { head, answers } = await read([fillIn(end === null ? rangeOpen : range, values)]);
  work.head = head;
  const found = (answers[0] ?? []).map(([value]) => value as Uint8Array);
  const behind = (count: number) => successor(keyOfKv(unframe(found[count - 1] ?? NOTHING)));
  const last = found.at(-1);
  // A last row that was left out is not gone behind.
  const next = found.length < rows || last === undefined || last.length === 0
    ? null
    : behind(found.length);
  return { values: found, behind, next };
}

async function readPast(
  read: ReadSnapshot,
  work: PageWork,
  { start, rows, rowBytesMax, keysOnly, revision }: ChunkQuery,
): Promise<Found> {
  const { end } = work.query;
  const bound = boundAbove(revision);
  const values = { start, end, rows, rowBytesMax, keysOnly: keysOnly ? 1 : 0, bound };
  const { rangeAt, rangeAtOpen, deletedSince, deletedSinceOpen } = STATEMENTS;
  const { head, answers: [current = [], deleted = []] } = await read([
    fillIn(end === null ? rangeAtOpen : rangeAt, values),
    fillIn(end === null ? deletedSinceOpen : deletedSince, values),
  ]);
  work.head = head;
  const { found, isAll } = merge(
    current as readonly PastRow[],
    deleted as readonly PastRow[],
    rows,
  );
  const behind = (count: number) => successor(found[count - 1]?.[0] ?? start);
  return {
    values: found.map(([, value]) => value),
    behind,
    next: isAll ? null : behind(found.length),
  };
}

type PastRow = readonly [key: Uint8Array, value: Value];

/**
 * Both in key order. Of two lists of which one may have ended early, only what comes before that end is known.
 *
 * Worked: with at most three rows, current keys a, c, e and deleted keys b, d: what follows e is not known, so the chunk is
 * a, b, c, d, e. Had the deleted ones been b, f, g, it would be a, b, c, e.
 */
function merge(
  current: readonly PastRow[],
  deleted: readonly PastRow[],
  rowsMax: number,
): { found: readonly PastRow[]; isAll: boolean } {
  const ends = [current, deleted].flatMap((list) => list.length < rowsMax ? [] : [list.at(-1)]);
  const isAll = ends.length === 0;
  if (deleted.length === 0) return { found: current, isAll };
  const found: PastRow[] = [];
  let from = 0;
  for (const row of deleted) {
    // Ends at the first that comes behind.
    while (from < current.length && Buffer.compare(current[from]?.[0] ?? row[0], row[0]) < 0) {
      found.push(...current.slice(from, ++from));
    }
    found.push(row);
  }
  found.push(...current.slice(from));
  const known = found.filter((row) =>
    ends.every((end) => end === undefined || Buffer.compare(row[0], end[0]) <= 0)
  );
  return { found: known, isAll };
}
