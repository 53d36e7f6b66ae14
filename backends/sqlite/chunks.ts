/**
 * How many rows to read at once, when a page shall have about so many bytes and nobody knows how large its rows are.
 *
 * The first chunk has a few rows; each later one as many as fit by the average of the one before, and at most four times
 * as many. A chunk leaves out rows that are so much larger than expected that it could hold more than four times the
 * bytes wanted: it ends in front of the first of them, which then is read with few others or alone.
 *
 * Worked: of 1 MiB, a first chunk has 8 rows of up to 512 KiB. They come to 80 kB, so 97 more would fill the page; the
 * second has 32 of up to 115 KiB each, and the third the rest. Had the first row had 900 kB, the first chunk would have
 * been empty, and the second that row alone.
 */

const FIRST_ROWS = 8;
const GROWTH = 4;
/** Most bytes of a chunk of several rows, as a multiple of the bytes wanted. */
const OVERSHOOT = 4;
/** More would hold up the event loop, however small they are. */
const ROWS_MAX = 4_096;

export interface Chunk {
  /** At least 1. */
  readonly rows: number;
  /** Larger rows are left out. No limit for a single row: it has to be read some day. */
  readonly rowBytesMax: number;
}

/** Sizes the chunks of one page. */
export class ChunkSizer {
  /** What the chunk before allows for the next. */
  #rowsMax: number;
  /** Average of the chunk before. */
  #rowBytes = 0;

  constructor(firstRows = FIRST_ROWS) {
    this.#rowsMax = firstRows;
  }

  /** A sizer that knows how large the first rows are on the average. */
  static forRowsOf(rowBytes: number): ChunkSizer {
    const sizer = new ChunkSizer();
    sizer.#rowBytes = rowBytes;
    return sizer;
  }

  /** The next chunk, of `rowsMax` rows at most and about the bytes that are still wanted. */
  next({ rowsMax, bytes }: { readonly rowsMax: number; readonly bytes: number }): Chunk {
    const fitting = this.#rowBytes === 0 ? Infinity : Math.ceil(bytes / this.#rowBytes);
    const rows = Math.max(1, Math.min(fitting, this.#rowsMax, rowsMax, ROWS_MAX));
    const share = Math.floor(OVERSHOOT * bytes / rows);
    return { rows, rowBytesMax: rows === 1 ? Number.MAX_SAFE_INTEGER : share };
  }

  /** To be told what the chunk came to, and whether it ended in front of a row that was left out. */
  read({ rows, bytes, isCut }: { rows: number; bytes: number; isCut: boolean }): void {
    this.#rowBytes = rows === 0 ? 0 : bytes / rows;
    if (isCut) this.#rowsMax = rows === 0 ? 1 : FIRST_ROWS;
    else this.#rowsMax = Math.max(1, rows) * GROWTH;
  }
}
