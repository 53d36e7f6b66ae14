/** The log in order, in whole revisions, each row with what its revision found of the key if that is wanted. Synchronous: a page is one moment. */

import type { HistoryQuery, HistoryRow } from "../contract.ts";
import { ChunkSizer } from "./chunks.ts";
import type { Database } from "./driver.ts";
import { SUBS_MAX } from "./statements.ts";

type Row = readonly [
  revision: number,
  sub: number,
  key: Uint8Array,
  /** A number if it was left out for its size; so `prevKv`. */
  kv: Uint8Array | number,
  metaSize: number,
  live: number,
  leaseHigh: number,
  leaseLow: number,
  prevKv: Uint8Array | number | null,
];

export interface HistoryRows {
  readonly rows: readonly HistoryRow[];
  /** The revision with which a limit was reached; `null` if none was before the end. */
  readonly cutAt: number | null;
}

export function readHistory(database: Database, page: HistoryQuery): HistoryRows {
  const work: HistoryWork = {
    rows: [],
    bytes: 0,
    revision: page.after,
    sub: SUBS_MAX - 1,
    upTo: page.upTo,
    sizer: new ChunkSizer(),
  };
  // Ends with the page. A chunk that does not move on, for its first row was left out, is followed by that row alone.
  while (!readChunk(database, page, work));
  return { rows: work.rows, cutAt: work.upTo < page.upTo ? work.upTo : null };
}

/** A page on its way. */
interface HistoryWork {
  readonly rows: HistoryRow[];
  readonly sizer: ChunkSizer;
  bytes: number;
  /** The last row read. */
  revision: number;
  sub: number;
  /** Where the page ends; once it is full, with the revision that filled it. */
  upTo: number;
}

/** Answers whether that was the last chunk. */
function readChunk({ query }: Database, page: HistoryQuery, work: HistoryWork): boolean {
  const { rows, sizer, revision, sub, upTo } = work;
  // A full page wants what is left of its last revision, which may be long.
  const chunk = isFull(page, work)
    ? sizer.next({ rowsMax: Infinity, bytes: page.bytesMax })
    : sizer.next({ rowsMax: page.rowsMax + 1 - rows.length, bytes: page.bytesMax - work.bytes });
  const withPrev = page.withPrev ? 1 : 0;
  const found = query.history.all<Row>(
    revision,
    sub,
    upTo,
    chunk.rows,
    withPrev,
    chunk.rowBytesMax,
  );
  const before = { rows: rows.length, bytes: work.bytes };
  let isCut = false;
  for (const row of found) {
    if (row[0] > work.upTo) return true;
    const whole = toHistoryRow(row);
    isCut = whole === null;
    if (whole === null) break;
    rows.push(whole);
    work.bytes += whole.kv.length + (whole.prevKv?.length ?? 0);
    [work.revision, work.sub] = row;
    if (isFull(page, work)) work.upTo = work.revision;
  }
  sizer.read({ rows: rows.length - before.rows, bytes: work.bytes - before.bytes, isCut });
  return !isCut && found.length < chunk.rows;
}

function isFull({ rowsMax, bytesMax }: HistoryQuery, { rows, bytes }: HistoryWork): boolean {
  return rows.length > 0 && (rows.length >= rowsMax || bytes >= bytesMax);
}

/** `null` if some of it was left out. */
function toHistoryRow(row: Row): HistoryRow | null {
  const [revision, sub, key, kv, metaSize, live, leaseHigh, leaseLow, prevKv] = row;
  if (typeof kv === "number" || typeof prevKv === "number") return null;
  // In two halves, so that the other columns can stay numbers.
  const lease = leaseHigh === 0 && leaseLow === 0
    ? 0n
    : (BigInt(leaseHigh) << 32n) | BigInt(leaseLow);
  return { revision, sub, key, kv, metaSize, tombstone: live === 0, lease, prevKv };
}
