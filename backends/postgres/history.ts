/**
 * The log in order, in whole revisions. A page is as a rule one statement; where its last revision is longer than the
 * page, or a row is far larger than the first ones, another one goes on from the last row.
 */

import type { Buffer } from "node:buffer";
import {
  BackendError,
  type Head,
  type HistoryPage,
  type HistoryQuery,
  type HistoryRow,
} from "../contract.ts";
import { unframe } from "../sql/frame.ts";
import { type BatchPlace, hasBatch, slotOf } from "../sql/ring.ts";
import { decodeHead, decodeInt, decodePlace } from "./decoding.ts";
import { idBehind, idOf, readId } from "./log_ids.ts";
import type { Session } from "./session.ts";
import { SUBS_MAX } from "./statements.ts";

/** As for pages of keys; a row may come with a second kv. */
const CHUNK_ROWS_MAX = 10_000;
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;
const CHUNK_BYTES_WORST = 16 * 1024 * 1024;

/** Places in a row's fixed part: log id, lease, bytes in front of the value, whether it is a version. */
const LEASE_AT = 8;
const CUT_AT = 16;
const LIVE_AT = 20;

/** A page on its way. */
interface HistoryWork {
  readonly query: HistoryQuery;
  readonly rows: HistoryRow[];
  bytes: number;
  /** The last row read. */
  last: { readonly revision: number; readonly sub: number };
  /** Where the page ends: once it is full, with the revision that filled it. */
  upTo: number;
  head: Head | null;
  slot: BatchPlace | null;
}

export async function readHistory(session: Session, query: HistoryQuery): Promise<HistoryPage> {
  const work: HistoryWork = {
    query,
    rows: [],
    bytes: 0,
    last: { revision: query.after, sub: SUBS_MAX - 1 },
    upTo: query.upTo,
    head: null,
    slot: null,
  };
  let chunk: Chunk = { isLast: false, leftOut: false };
  // Ends with the page: each statement moves on, or is followed by one for one row, which does.
  while (!chunk.isLast) chunk = await readChunk(session, work, chunk.leftOut);
  const { head, rows, slot, upTo } = work;
  if (head === null) throw new BackendError("corrupt", "history without a head");
  const { since } = query;
  return {
    head,
    rows,
    through: Math.min(upTo, head.revision),
    hasSince: since === null || hasBatch({ headIndex: head.index, slot, asked: since }),
  };
}

interface Chunk {
  readonly isLast: boolean;
  /** It stopped at a row that is too large to be read beside others. */
  readonly leftOut: boolean;
}

async function readChunk(session: Session, work: HistoryWork, isOne: boolean): Promise<Chunk> {
  const { query } = work;
  // A full page wants what is left of its last revision, which may be long.
  const isFull = isPageFull(work);
  const rowsMax = isFull ? CHUNK_ROWS_MAX : query.rowsMax + 1 - work.rows.length;
  const bytesMax = isFull ? CHUNK_BYTES_MAX : query.bytesMax - work.bytes;
  const values = [
    idOf(work.last),
    idBehind(work.upTo),
    isOne ? 1 : Math.min(CHUNK_ROWS_MAX, rowsMax),
    Math.min(CHUNK_BYTES_MAX, bytesMax),
    isOne ? Number.MAX_SAFE_INTEGER : CHUNK_BYTES_WORST,
    query.withPrev,
    slotOf(query.since?.index ?? 0),
  ];
  const state = { rows: 0, wanted: 0, isPast: false, leftOut: false };
  await session.run("history", values, (row) => {
    const [kv, prev, key, place] = [row.view(), row.view(), row.view(), row.view()];
    if (place === null) throw new BackendError("corrupt", "a row of the log without a place");
    if (key === null) {
      state.wanted = decodeInt(place);
      takeHead(work, kv, prev);
      return;
    }
    state.rows++;
    if (state.isPast || state.leftOut) return;
    state.leftOut = kv === null || kv.length === 0 || prev?.length === 0;
    if (!state.leftOut && kv !== null) state.isPast = !takeRow(work, { kv, prev, key, place });
  });
  return {
    isLast: state.isPast || (!state.leftOut && state.rows < state.wanted),
    leftOut: state.leftOut,
  };
}

/** The page is of the first statement's snapshot, which also bounds the others. */
function takeHead(work: HistoryWork, head: Buffer | null, slot: Buffer | null): void {
  if (work.head !== null) return;
  work.head = decodeHead(head).head;
  work.slot = decodePlace(slot);
  work.upTo = Math.min(work.upTo, work.head.revision);
}

interface Columns {
  readonly kv: Buffer;
  readonly prev: Buffer | null;
  readonly key: Buffer;
  readonly place: Buffer;
}

/** Answers false for a row behind the end of the page. */
function takeRow(work: HistoryWork, { kv, prev, key, place }: Columns): boolean {
  const { revision, sub } = readId(place, 0);
  if (revision > work.upTo) return false;
  const row = toRow({ kv, prev, key, place });
  work.rows.push({ ...row, revision, sub });
  work.bytes += row.kv.length + (row.prevKv?.length ?? 0);
  work.last = { revision, sub };
  if (isPageFull(work)) work.upTo = revision;
  return true;
}

/** In memory of its own: one piece for each row, for rows of the log are kept longer than what they came in. */
function toRow({ kv, prev, key, place }: Columns): Omit<HistoryRow, "revision" | "sub"> {
  const memory = new Uint8Array(key.length + kv.length + (prev?.length ?? 0));
  memory.set(key);
  memory.set(kv, key.length);
  if (prev !== null) memory.set(prev, key.length + kv.length);
  const [keyEnd, kvEnd] = [key.length, key.length + kv.length];
  const message = unframe(memory.subarray(keyEnd, kvEnd));
  const lease = place.readBigInt64BE(LEASE_AT);
  return {
    key: memory.subarray(0, keyEnd),
    kv: message,
    metaSize: place.readInt32BE(CUT_AT) - (kv.length - message.length),
    tombstone: place[LIVE_AT] === 0,
    lease,
    prevKv: prev === null ? null : unframe(memory.subarray(kvEnd)),
  };
}

function isPageFull({ query, rows, bytes }: HistoryWork): boolean {
  return rows.length > 0 && (rows.length >= query.rowsMax || bytes >= query.bytesMax);
}
