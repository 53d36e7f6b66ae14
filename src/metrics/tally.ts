/**
 * A histogram as plain numbers: counting costs some nanoseconds, and only who reads it pays for more. That is why it is
 * none of a library's.
 */

export class Tally {
  /** Upper bounds, ascending; each includes what is equal to it. What lies above the last is counted in the total alone. */
  readonly bounds: readonly number[];
  /** By bound, what lies at or below it and above the one before. */
  readonly #counts: Float64Array;
  #above = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.sum += value;
    const { bounds } = this;
    for (let at = 0; at < bounds.length; at++) {
      if (value > (bounds[at] as number)) continue; // The loop ends before its end.
      (this.#counts[at] as number)++;
      return;
    }
    this.#above++;
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, this.#above);
  }

  /** For each bound, how much lies at or below it. */
  cumulative(): number[] {
    let sum = 0;
    return Array.from(this.#counts, (count) => sum += count);
  }
}

/** `start`, `start × factor`, … */
export function exponentialBounds(
  { start, factor, count }: { start: number; factor: number; count: number },
): readonly number[] {
  return Array.from({ length: count }, (_, at) => Number((start * factor ** at).toPrecision(12)));
}
