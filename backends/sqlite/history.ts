/** The log in order, in whole revisions, each row with what it replaced if that is wanted. Synchronous: a page is one moment. */

import type { HistoryQuery, HistoryRow } from "../contract.ts";
import type { Database } from "./driver.ts";
import { SUBS_MAX } from "./statements.ts";

/** Rows read before it is known how large they are. */
const FIRST_CHUNK_ROWS = 64;
const CHUNK_ROWS_MAX = 4_096;

type Row = readonly [
  revision: number,
  sub: number,
  key: Uint8Array,
  kv: Uint8Array,
  metaSize: number,
  live: number,
  leaseHigh: number,
  leaseLow: number,
  prevKv: Uint8Array | null,
];

export interface HistoryRows {
  readonly rows: readonly HistoryRow[];
  /** The revision with which a limit was reached; `null` if none was before the end. */
  readonly cutAt: number | null;
}

export function readHistory({ query }: Database, page: HistoryQuery): HistoryRows {
  const rows: HistoryRow[] = [];
  let bytes = 0;
  let revision = page.after;
  let sub = SUBS_MAX - 1;
  let chunkRows = Math.min(FIRST_CHUNK_ROWS, page.rowsMax + 1);
  // Ends at a full page or when a chunk comes back short.
  for (;;) {
    const found = query.history.all<Row>(
      revision,
      sub,
      page.upTo,
      chunkRows,
      page.withPrev ? 1 : 0,
    );
    for (const row of found) {
      const isFull = rows.length >= page.rowsMax || bytes >= page.bytesMax;
      if (isFull && rows.length > 0 && row[0] !== revision) return { rows, cutAt: revision };
      [revision, sub] = row;
      rows.push(toHistoryRow(row));
      bytes += row[3].length + (row[8]?.length ?? 0);
    }
    if (found.length < chunkRows) return { rows, cutAt: null };
    const fitting = Math.ceil(Math.max(0, page.bytesMax - bytes) * rows.length / (bytes + 1));
    chunkRows = Math.max(
      FIRST_CHUNK_ROWS,
      Math.min(fitting, CHUNK_ROWS_MAX, page.rowsMax + 1 - rows.length),
    );
  }
}

function toHistoryRow(row: Row): HistoryRow {
  const [revision, sub, key, kv, metaSize, live, leaseHigh, leaseLow, prevKv] = row;
  // In two halves, so that the other columns can stay numbers.
  const lease = leaseHigh === 0 && leaseLow === 0
    ? 0n
    : (BigInt(leaseHigh) << 32n) | BigInt(leaseLow);
  return { revision, sub, key, kv, metaSize, tombstone: live === 0, lease, prevKv };
}
