/**
 * How many rows to read at once, when a page shall have about so many bytes and nobody knows how large its rows are.
 *
 * A chunk has as many rows as fit by the average of what was read before: in this page, or else in the last one that this
 * backend has read. It leaves out rows that are so large that it could come to more than `CHUNK_BYTES_MAX`. Then it ends in
 * front of the first of them, which is read alone.
 *
 * Worked: of 1 MiB and at most 2,000 rows, after pages with rows of 500 bytes, a chunk has 2,001 rows of up to 8,384 bytes.
 * They come to 1 MB, and the page is made. Had the tenth had 900 kB, the chunk would have ended there; the second would
 * have been that row, and the third one more: the average is then 90 kB.
 */

/** Most bytes of a chunk, whatever its rows are: two such answers are in memory for a moment. */
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;
/** More rows hold up the event loop: some 5 ms. */
const CHUNK_ROWS_MAX = 5_000;
/** Before anything was read. */
const FIRST_ROW_BYTES = 512;

export interface Chunk {
  /** At least 1. */
  readonly rows: number;
  /** Larger rows are left out. No limit for a single row: it has to be read some day. */
  readonly rowBytesMax: number;
}

/** What pages leave for the next to guess by. */
export interface RowSizes {
  rowBytes: number;
}

export function createRowSizes(): RowSizes {
  return { rowBytes: FIRST_ROW_BYTES };
}

/** Sizes the chunks of one page. */
export class ChunkSizer {
  readonly #sizes: RowSizes;
  #rows = 0;
  #bytes = 0;
  #isAlone = false;

  constructor(sizes: RowSizes) {
    this.#sizes = sizes;
  }

  /** The next chunk, of `rowsMax` rows at most and about the bytes that are still wanted. */
  next({ rowsMax, bytes }: { readonly rowsMax: number; readonly bytes: number }): Chunk {
    if (this.#isAlone) return { rows: 1, rowBytesMax: Number.MAX_SAFE_INTEGER };
    const rowBytes = this.#rows === 0 ? this.#sizes.rowBytes : this.#bytes / this.#rows;
    const wanted = Math.min(bytes, CHUNK_BYTES_MAX);
    // One more than are wanted tells whether there is more.
    const fitting = Math.ceil(wanted / Math.max(1, rowBytes)) + 1;
    const rows = Math.max(1, Math.min(fitting, rowsMax, CHUNK_ROWS_MAX));
    const share = Math.floor(CHUNK_BYTES_MAX / rows);
    return { rows, rowBytesMax: rows === 1 ? Number.MAX_SAFE_INTEGER : share };
  }

  /** To be told what the chunk came to, and whether it ended in front of a row that was left out. */
  read({ rows, bytes, isCut }: { rows: number; bytes: number; isCut: boolean }): void {
    this.#rows += rows;
    this.#bytes += bytes;
    this.#isAlone = isCut;
    if (this.#rows > 0) this.#sizes.rowBytes = this.#bytes / this.#rows;
  }
}
