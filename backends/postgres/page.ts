/** A page of kvs on its way: rows are copied one behind the other as they come, which makes it packed. */

import { Buffer } from "node:buffer";
import type { PackedKvs } from "../contract.ts";
import { splitFrames, unframe } from "../sql/frame.ts";
import type { RawRow } from "./raw_rows.ts";

/** Of a page that has just begun; what a small one keeps alive. */
const FIRST_BYTES = 8 * 1024;
/** What does not fit is copied: a page of 1 MiB four times, 700 KiB in all. */
const GROWTH = 4;

export interface PageLimits {
  readonly rows: number;
  /** The page is full with the row that reaches them. */
  readonly bytes: number;
}

export class Page {
  /** Framed kvs, of which the last may be cut off behind its meta part if only keys are wanted. */
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #end = 0;
  #lastStart = 0;
  #count = 0;
  /** The kvs by themselves if they are cut: then what is in `#bytes` cannot be told apart. */
  readonly #cut: Uint8Array[] | null;
  readonly #limits: PageLimits;

  constructor(limits: PageLimits, options: { readonly isCut: boolean }) {
    this.#limits = limits;
    this.#cut = options.isCut ? [] : null;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#end;
  }

  get isFull(): boolean {
    return this.#count >= this.#limits.rows || this.#end >= this.#limits.bytes;
  }

  /** Takes the row's next column, which holds a framed kv. */
  add(row: RawRow): void {
    const size = row.size();
    if (this.#end + size > this.#bytes.length) this.#grow(this.#end + size);
    this.#lastStart = this.#end;
    this.#end = row.copyTo(this.#bytes, this.#end);
    this.#count++;
    this.#cut?.push(unframe(this.#view(this.#lastStart, this.#end)));
  }

  #grow(needed: number): void {
    // No more than the page will come to, or nearly.
    const limit = this.#limits.bytes + (needed - this.#end);
    const size = Math.max(needed, Math.min(GROWTH * this.#bytes.length, limit));
    const larger = Buffer.allocUnsafe(size);
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }

  /** Without what a `Buffer` does otherwise: its `slice` copies nothing. */
  #view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, end - start);
  }

  /** The last kv, as a view. */
  get last(): Uint8Array | null {
    if (this.#count === 0) return null;
    return unframe(this.#view(this.#lastStart, this.#end));
  }

  get kvs(): Uint8Array[] {
    return this.#cut ?? splitFrames(this.#view(0, this.#end));
  }

  packed(lastKey: Uint8Array | null): PackedKvs {
    return { bytes: this.#view(0, this.#end), count: this.#count, lastKey };
  }
}
