/** Pages in one piece: SQLite joins the rows, so that a list costs one value and not one for each key. */

import type { KeySpan, PackedKvs, RangeQuery } from "../contract.ts";
import type { Database } from "./driver.ts";
import { successor } from "./ranging.ts";

/** With rows above this the page is read row by row, measured first. */
const PACKED_ROW_BYTES_MAX = 4 * 1024;
/** Rows joined at once; some milliseconds of the event loop. */
const PACKED_ROWS_MAX = 5_000;

type Row = readonly [bytes: Uint8Array | null, rows: number, packed: number];

/** The newest page, or `null` if it is empty or holds a row too large to be packed. Synchronous: one moment. */
export function packNewest(
  database: Database,
  { start, end, limit }: RangeQuery,
): { packed: PackedKvs; more: boolean } | null {
  const lastKey = keyAt(database, { start, end, offset: Math.min(limit, PACKED_ROWS_MAX) - 1 });
  const more = lastKey !== null && hasMore(database, { lastKey, end });
  const page = pack(database, { start, end: more ? successor(lastKey) : end });
  return page === null ? null : { packed: { ...page, lastKey: more ? lastKey : null }, more };
}

function keyAt(
  { query }: Database,
  { start, end, offset }: KeySpan & { offset: number },
): Uint8Array | null {
  const row = end === null
    ? query.keyAfter.get<[Uint8Array]>(start, offset)
    : query.keyAfterBefore.get<[Uint8Array]>(start, offset, end);
  return row?.[0] ?? null;
}

function hasMore(
  { query }: Database,
  { lastKey, end }: { lastKey: Uint8Array; end: Uint8Array | null },
): boolean {
  const row = end === null
    ? query.isMoreOpen.get<[number]>(lastKey)
    : query.isMore.get<[number]>(lastKey, end);
  return row?.[0] === 1;
}

function pack({ query }: Database, { start, end }: KeySpan) {
  const row = end === null
    ? query.packOpen.get<Row>(start, PACKED_ROW_BYTES_MAX)
    : query.pack.get<Row>(start, end, PACKED_ROW_BYTES_MAX);
  const [bytes, rows, count] = row ?? [null, 0, 0];
  return bytes === null || count < rows ? null : { bytes, count };
}
