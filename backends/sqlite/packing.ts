/** Pages in one piece: SQLite joins the rows, so that a list costs one value and not one for each key. */

import type { KeySpan, PackedKvs, RangeQuery } from "../contract.ts";
import type { Database } from "./driver.ts";
import { successor } from "../keys.ts";
import { keyAt } from "./keys.ts";

/** Rows by which the size of the others is guessed. */
const SAMPLE_ROWS = 8;
/** When they are larger on the average, joining them gains little. */
const PACKED_ROW_BYTES_MAX = 16 * 1024;
/** Rows joined at once; some milliseconds of the event loop. */
const PACKED_ROWS_MAX = 5_000;
/** Bytes joined at once, however many the caller would take. */
const PACKED_BYTES_MAX = 8 * 1024 * 1024;
/** A page of rows that grow may have so many times the bytes wanted; if it had more, it is not packed. */
const OVERSHOOT = 4;

type Row = readonly [bytes: Uint8Array | null, rows: number, packed: number];

export interface Packing {
  /** `null` if the page is empty or its rows are too large to be packed. */
  readonly page: { readonly packed: PackedKvs; readonly more: boolean } | null;
  /** The average size of the first rows; 0 if there are none. */
  readonly rowBytes: number;
}

/** The newest page, of about the bytes wanted, as guessed by its first rows. Synchronous: one moment. */
export function packNewest(database: Database, query: RangeQuery): Packing {
  const rowBytes = sampleRows(database, query);
  const isPackable = rowBytes > 0 && rowBytes <= PACKED_ROW_BYTES_MAX;
  return { page: isPackable ? packPage(database, query, rowBytes) : null, rowBytes };
}

function packPage(
  database: Database,
  { start, end, limit, bytesMax }: RangeQuery,
  rowBytes: number,
): Packing["page"] {
  const wanted = Math.min(bytesMax, PACKED_BYTES_MAX);
  const rows = Math.min(limit, PACKED_ROWS_MAX, Math.ceil(wanted / rowBytes));
  const lastKey = keyAt(database, { start, end, offset: rows - 1 });
  const more = lastKey !== null &&
    keyAt(database, { start: successor(lastKey), end, offset: 0 }) !== null;
  const page = pack(database, {
    start,
    end: more ? successor(lastKey) : end,
    rowBytesMax: Math.floor(OVERSHOOT * wanted / rows),
  });
  return page === null ? null : { packed: { ...page, lastKey: more ? lastKey : null }, more };
}

function sampleRows({ query }: Database, { start, end }: KeySpan): number {
  const row = end === null
    ? query.measureRangeOpen.get<[number | null]>(start, SAMPLE_ROWS)
    : query.measureRange.get<[number | null]>(start, end, SAMPLE_ROWS);
  return row?.[0] ?? 0;
}

function pack(
  { query }: Database,
  { start, end, rowBytesMax }: KeySpan & { readonly rowBytesMax: number },
) {
  const row = end === null
    ? query.packOpen.get<Row>(start, rowBytesMax)
    : query.pack.get<Row>(start, end, rowBytesMax);
  const [bytes, rows, count] = row ?? [null, 0, 0];
  return bytes === null || count < rows ? null : { bytes, count };
}
