/** The log in order, in whole revisions. */

import { Buffer } from "node:buffer";
import {
  BackendError,
  hasBatch,
  type HistoryPage,
  type HistoryQuery,
  type HistoryRow,
  REVISION_MAX,
} from "./kit.ts";
import { bytesOf, bytesOrNull, isOtherHistory, listOf, numberOf } from "./replies.ts";
import type { Reply } from "./link.ts";
import type { Top } from "./replies.ts";
import { behindRevision, decodeRow, kvOf } from "./rows.ts";
import { read, type Store } from "./store.ts";

const RESTARTS_MAX = 5;

/** A page on its way. */
interface Work {
  readonly query: HistoryQuery;
  readonly rows: HistoryRow[];
  bytes: number;
  /** The last id read, or where ids of the first revision begin. */
  last: Buffer;
  /** Where the page ends: once it is full, with the revision that filled it. */
  upTo: number;
  /** The first step's answer, of whose snapshot the page is. */
  first: Top | null;
}

export async function readHistory(
  store: Store,
  query: HistoryQuery,
  timeoutMs: number,
): Promise<HistoryPage> {
  const endMs = performance.now() + timeoutMs;
  for (let attempt = 1; attempt <= RESTARTS_MAX; attempt++) {
    const page = await tryPage(store, query, endMs);
    if (page !== null) return page;
  }
  throw new BackendError("unavailable", "compactions overtook the read again and again");
}

/** Answers null if a compaction came between two of its steps: then rows before it may be those of another snapshot. */
async function tryPage(
  store: Store,
  query: HistoryQuery,
  endMs: number,
): Promise<HistoryPage | null> {
  const work: Work = {
    query,
    rows: [],
    bytes: 0,
    last: behindRevision(query.after),
    upTo: Math.min(query.upTo, REVISION_MAX),
    first: null,
  };
  let isOver = false;
  while (!isOver) {
    const top = await readStep(store, work, Math.max(0, endMs - performance.now()));
    if (top.head.compactRevision !== work.first?.head.compactRevision) return null;
    const [found, isLast] = top.rest;
    isOver = !takeRows(work, listOf(found)) || numberOf(isLast) === 1;
  }
  const { first, rows, upTo } = work;
  if (first === null) throw new BackendError("unavailable", "no history was read");
  const { since } = query;
  return {
    head: first.head,
    rows,
    through: Math.min(upTo, first.head.revision),
    hasSince: since === null ||
      hasBatch({ headIndex: first.head.index, slot: first.slot, asked: since }),
  };
}

async function readStep(store: Store, work: Work, timeoutMs: number): Promise<Top> {
  const { query, rows, bytes, first } = work;
  // A full page wants what is left of its last revision, which may be long.
  const isFull = isPageFull(work);
  const top = await read(store, "history", {
    values: [
      work.last,
      behindRevision(work.upTo),
      String(isFull ? Number.MAX_SAFE_INTEGER : query.rowsMax + 1 - rows.length),
      String(isFull ? Number.MAX_SAFE_INTEGER : query.bytesMax + 1 - bytes),
      query.withPrev ? "1" : "0",
    ],
    timeoutMs,
    asked: first?.head ?? query.since,
  });
  if (first === null) {
    work.first = top;
    work.upTo = Math.min(work.upTo, top.head.revision);
  } else if (isOtherHistory(top, first.head)) {
    throw new BackendError("unavailable", "the store became another one during the call");
  }
  return top;
}

/** Answers false when a row lies behind the end of the page. */
function takeRows(work: Work, fields: readonly Reply[]): boolean {
  for (let at = 0; at < fields.length; at += 3) {
    const [id, row, before] = fields.slice(at, at + 3);
    const found = decodeRow(bytesOf(id), bytesOf(row));
    if (found.revision > work.upTo) return false;
    const prev = bytesOrNull(before);
    const prevKv = prev === null ? null : kvOf(prev);
    work.rows.push({ ...found, prevKv });
    work.bytes += found.kv.length + (prevKv?.length ?? 0);
    work.last = Buffer.from(bytesOf(id));
    if (isPageFull(work)) work.upTo = found.revision;
  }
  return true;
}

function isPageFull({ query, rows, bytes }: Work): boolean {
  return rows.length > 0 && (rows.length >= query.rowsMax || bytes >= query.bytesMax);
}
