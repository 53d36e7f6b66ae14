/** The log in order, in whole revisions, each row with what its revision found of the key if that is wanted. */

import type { Head, HistoryPage, HistoryQuery, HistoryRow } from "../contract.ts";
import { frameSize, unframe } from "../sql/frame.ts";
import { hasBatch, slotOf } from "../sql/ring.ts";
import { ChunkSizer, type RowSizes } from "./chunks.ts";
import { boundAbove, idOf, logId } from "./head.ts";
import { fillIn } from "./literals.ts";
import { groupTexts } from "./packets.ts";
import type { ReadSnapshot } from "./ranging.ts";
import type { Row } from "./session.ts";
import { STATEMENTS, SUBS_MAX } from "./statements.ts";

/** Lookups of one statement, and of one query. */
const LOOKUPS = { count: 128, bytes: 1024 * 1024 };

/** A page on its way. */
interface HistoryWork {
  readonly query: HistoryQuery;
  readonly rows: Mutable<HistoryRow>[];
  readonly sizer: ChunkSizer;
  bytes: number;
  /** The last row read. */
  revision: number;
  sub: number;
  /** Where the page ends; once it is full, with the revision that filled it. */
  upTo: number;
  /** How far the first chunk's snapshot reached. */
  reached: number | null;
  head: Head | null;
  hasSince: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The head that a page carries is that of its last statement: by it the engine sees when a compaction has removed, between
 * two of them, what the page should hold.
 */
export async function readHistory(
  read: ReadSnapshot,
  query: HistoryQuery,
  sizes: RowSizes,
): Promise<HistoryPage> {
  const work: HistoryWork = {
    query,
    rows: [],
    sizer: new ChunkSizer(sizes),
    bytes: 0,
    revision: query.after,
    sub: SUBS_MAX - 1,
    upTo: query.upTo,
    reached: null,
    head: null,
    hasSince: true,
  };
  // Ends with the page. A chunk that does not move on, for its first row was left out, is followed by that row alone.
  while (!await readChunk(read, work));
  if (query.withPrev) await addPrevKvs(read, work);
  const { rows, head, hasSince, reached } = work;
  if (head === null || reached === null) throw new Error("a page of no chunk");
  const through = work.upTo < query.upTo ? work.upTo : Math.min(query.upTo, reached);
  return { head, rows, through, hasSince };
}

/** Reads on one snapshot, and takes its head and what it says of `since`. */
async function readMore(
  read: ReadSnapshot,
  work: HistoryWork,
  statements: readonly string[],
): Promise<readonly (readonly Row[])[]> {
  const { since } = work.query;
  const slot = since === null ? [] : [fillIn(STATEMENTS.slot, { slot: slotOf(since.index) })];
  const { head, answers } = await read([...statements, ...slot]);
  work.head = head;
  work.reached ??= head.revision;
  if (since !== null) {
    const row = answers.at(-1)?.[0] as readonly [number, Uint8Array] | undefined;
    const found = row === undefined ? null : { index: row[0], batchId: idOf(row[1]) };
    work.hasSince &&= hasBatch({ headIndex: head.index, slot: found, asked: since });
  }
  return answers;
}

/** Answers whether that was the last chunk. */
async function readChunk(read: ReadSnapshot, work: HistoryWork): Promise<boolean> {
  const { query: { rowsMax, bytesMax }, rows, sizer, revision, sub } = work;
  // A full page wants what is left of its last revision, which may be long.
  const chunk = isFull(work)
    ? sizer.next({ rowsMax: Infinity, bytes: Infinity })
    : sizer.next({ rowsMax: rowsMax + 1 - rows.length, bytes: bytesMax - work.bytes });
  // What was appended after the first chunk is not of this page.
  const upTo = Math.min(work.upTo, work.reached ?? work.upTo);
  const [found = []] = await readMore(read, work, [
    fillIn(STATEMENTS.history, {
      afterId: logId(revision, sub),
      bound: boundAbove(upTo),
      rows: chunk.rows,
      rowBytesMax: chunk.rowBytesMax,
    }),
  ]);
  const before = { rows: rows.length, bytes: work.bytes };
  let isCut = false;
  for (const row of found) {
    const whole = historyRowOf(row);
    if (whole.revision > work.upTo) return true;
    isCut = whole.kv.length === 0;
    if (isCut) break;
    rows.push(whole);
    work.bytes += whole.kv.length;
    work.revision = whole.revision;
    work.sub = whole.sub;
    if (isFull(work)) work.upTo = work.revision;
  }
  sizer.read({ rows: rows.length - before.rows, bytes: work.bytes - before.bytes, isCut });
  return !isCut && found.length < chunk.rows;
}

function isFull({ query: { rowsMax, bytesMax }, rows, bytes }: HistoryWork): boolean {
  return rows.length > 0 && (rows.length >= rowsMax || bytes >= bytesMax);
}

type LogTuple = readonly [
  revision: number,
  sub: number,
  key: Uint8Array,
  /** Empty if it was left out for its size. */
  framed: Uint8Array,
  cut: number,
  live: number,
  /** A string beyond 2^53. */
  lease: number | string,
];

function historyRowOf(row: Row): Mutable<HistoryRow> {
  const [revision, sub, key, framed, cut, live, lease] = row as LogTuple;
  const kv = framed.length === 0 ? framed : unframe(framed);
  return {
    revision,
    sub,
    key,
    kv,
    metaSize: cut - frameSize(kv.length),
    tombstone: live === 0,
    lease: lease === 0 ? 0n : BigInt(lease),
    prevKv: null,
  };
}

/**
 * What the revision of each row found: as a rule the row of the same key before it in the page, else the last one in front
 * of the page's first of that key, which is looked up.
 */
async function addPrevKvs(read: ReadSnapshot, work: HistoryWork): Promise<void> {
  const firsts = new Map<string, { revision: number; at: number }>();
  const newest = new Map<string, HistoryRow>();
  const rest: number[] = [];
  // Rows of one revision find what was there before it, whatever the others did to the key.
  for (let at = 0, from = 0; at < work.rows.length; at++) {
    const row = work.rows[at];
    if (row === undefined) continue;
    if (row.revision !== work.rows[from]?.revision) {
      for (const done of work.rows.slice(from, at)) newest.set(done.key.toHex(), done);
      from = at;
    }
    const key = row.key.toHex();
    const before = newest.get(key);
    if (before !== undefined) {
      row.prevKv = before.tombstone ? null : before.kv;
      continue;
    }
    rest.push(at);
    if (!firsts.has(key)) firsts.set(key, { revision: row.revision, at });
  }
  const lookups = [...firsts.values()].flatMap(({ revision, at }) => {
    const row = work.rows[at];
    const bound = logId(revision, 0);
    return row === undefined ? [] : [fillIn(STATEMENTS.versionBefore, { at, key: row.key, bound })];
  });
  const lists = groupTexts(lookups, LOOKUPS).map((texts) => texts.join(" UNION ALL "));
  if (lists.length === 0) return;
  const answers = await readMore(read, work, lists);
  const found = new Map<number, Uint8Array>();
  for (const [at, framed] of answers.slice(0, lists.length).flat()) {
    if (framed !== null) found.set(at as number, unframe(framed as Uint8Array));
  }
  for (const at of rest) {
    const row = work.rows[at];
    if (row === undefined) continue;
    const first = firsts.get(row.key.toHex());
    row.prevKv = first === undefined ? null : found.get(first.at) ?? null;
  }
}
