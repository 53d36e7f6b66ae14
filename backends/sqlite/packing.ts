/** Pages in one piece: SQLite joins the rows, so that a list costs one value and not one for each key. */

import type { PackedKvs, RangeQuery } from "../contract.ts";
import type { Database } from "./driver.ts";

/** With rows above this the page is read row by row, measured first. */
const PACKED_ROW_BYTES_MAX = 4 * 1024;
/** Rows joined at once; some milliseconds of the event loop. */
const PACKED_ROWS_MAX = 5_000;

type Row = readonly [bytes: Uint8Array | null, rows: number, packed: number, lastKey: Uint8Array];

/** The newest page, or `null` if it is empty or holds a row too large to be packed. Synchronous: one moment. */
export function packNewest(
  { query }: Database,
  { start, end, limit }: RangeQuery,
): { packed: PackedKvs; more: boolean } | null {
  const rowsMax = Math.min(limit, PACKED_ROWS_MAX);
  const row = end === null
    ? query.packOpen.get<Row>(start, PACKED_ROW_BYTES_MAX, rowsMax)
    : query.pack.get<Row>(start, end, PACKED_ROW_BYTES_MAX, rowsMax);
  if (row === undefined) return null;
  const [bytes, rows, count, lastKey] = row;
  if (bytes === null || count < rows) return null;
  const packed = { bytes, count, lastKey };
  if (rows < rowsMax) return { packed, more: false };
  const [isMore] =
    (end === null
      ? query.isMoreOpen.get<[number]>(lastKey)
      : query.isMore.get<[number]>(lastKey, end)) ?? [0];
  return { packed, more: isMore === 1 };
}
