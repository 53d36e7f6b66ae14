/** A number that costs something to get: asked for seldom, remembered, and never waited for long. */

import { atMost } from "../at_most.ts";

export interface ReadingOptions<T> {
  readonly read: () => Promise<T>;
  /** What is younger is answered as it is. */
  readonly maxAgeMs: number;
  /** What takes longer is answered with what was known before. */
  readonly waitMs: number;
  /** Milliseconds, for measuring and waiting only. */
  readonly now: () => number;
}

/** It is not asked for more often than makes a hundredth of the time. */
const COST_FACTOR = 100;

export class Reading<T> {
  readonly #options: ReadingOptions<T>;
  #known: T | undefined;
  #dueMs = -Infinity;
  #running: Promise<void> | undefined;

  constructor(options: ReadingOptions<T>) {
    this.#options = options;
  }

  /** The newest that is known; `undefined` if it never could be had. */
  async get(): Promise<T | undefined> {
    const { now, waitMs } = this.#options;
    if (now() >= this.#dueMs) {
      this.#running ??= this.#read().finally(() => this.#running = undefined);
      await atMost(this.#running, waitMs);
    }
    return this.#known;
  }

  async #read(): Promise<void> {
    const { read, now, maxAgeMs } = this.#options;
    const startMs = now();
    try {
      this.#known = await read();
    } catch {
      // The store is away: what was known of it stands, and that it is away is told elsewhere.
    }
    const endMs = now();
    this.#dueMs = endMs + Math.max(maxAgeMs, (endMs - startMs) * COST_FACTOR);
  }
}
