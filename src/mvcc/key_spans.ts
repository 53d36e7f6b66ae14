/** A set of keys made of intervals: kept sorted and merged, so that asking costs a binary search. */
import { compareKeys, isEmpty, type KeyRange } from "./key_range.ts";

interface Span {
  start: Uint8Array;
  end: Uint8Array | null;
}

export class KeySpans {
  /** Disjoint, in key order. */
  readonly #spans: Span[] = [];

  add(range: Pick<KeyRange, "start" | "end">): void {
    if (isEmpty(range)) return;
    const from = this.#firstEndingAtOrBehind(range.start);
    let to = from;
    let { start, end } = range;
    for (; to < this.#spans.length; to++) {
      const span = this.#spans[to]!;
      if (end !== null && compareKeys(span.start, end) > 0) break;
      if (compareKeys(span.start, start) < 0) start = span.start;
      if (end !== null && (span.end === null || compareKeys(span.end, end) > 0)) end = span.end;
    }
    this.#spans.splice(from, to - from, { start, end });
  }

  addAll(other: KeySpans): void {
    for (const span of other.#spans) this.add(span);
  }

  has(key: Uint8Array): boolean {
    const at = this.#firstEndingAtOrBehind(key);
    for (let i = at; i < this.#spans.length && i <= at + 1; i++) {
      const { start, end } = this.#spans[i]!;
      if (compareKeys(start, key) <= 0 && (end === null || compareKeys(key, end) < 0)) return true;
    }
    return false;
  }

  /** Index of the first span whose end is not before the key. */
  #firstEndingAtOrBehind(key: Uint8Array): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { end } = this.#spans[middle]!;
      if (end !== null && compareKeys(end, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
