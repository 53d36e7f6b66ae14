/** Gives the space that trimming freed back to the file system, a little at a time, when it is much. */

import type { Database } from "./driver.ts";

export interface SpaceLimits {
  /** Less is kept for what is written next. */
  readonly freeBytesMin: number;
  /** Of the whole file. */
  readonly freeShareMin: number;
}

export const SPACE_LIMITS: SpaceLimits = { freeBytesMin: 64 * 1024 * 1024, freeShareMin: 0.25 };

/** Between two steps of 128 pages, which take some 2 ms each, so that they have a tenth of the event loop's time. */
const STEP_PAUSE_MS = 20;

export interface SpaceKeeperOptions {
  readonly database: Database;
  readonly limits: SpaceLimits;
  /** Whether the database must not be changed just now. */
  readonly isPaused: () => boolean;
  /** Told of each step, which writes to the log. */
  readonly onCommit: () => void;
  /** Told of a failure, which only ends this round. */
  readonly onError: (error: unknown) => void;
}

export class SpaceKeeper {
  readonly #options: SpaceKeeperOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SpaceKeeperOptions) {
    this.#options = options;
  }

  /** To be called when a trim is done. */
  afterTrim(): void {
    if (this.#timer === undefined && this.#hasMuchFree()) this.#schedule();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#options.isPaused() || this.#step()) this.#schedule();
    }, STEP_PAUSE_MS);
  }

  /** Answers whether there is more to do. */
  #step(): boolean {
    const { database, onCommit, onError } = this.#options;
    try {
      const before = this.#freePages();
      database.query.giveBackPages.all();
      onCommit();
      return this.#freePages() < before && this.#hasMuchFree();
    } catch (error) {
      onError(error);
      return false;
    }
  }

  #freePages(): number {
    return this.#options.database.query.freePages.get<[number]>()?.[0] ?? 0;
  }

  #hasMuchFree(): boolean {
    const { database, limits } = this.#options;
    const free = this.#freePages();
    const pages = database.query.pageCount.get<[number]>()?.[0] ?? 0;
    const pageSize = database.query.pageSize.get<[number]>()?.[0] ?? 0;
    return free * pageSize > limits.freeBytesMin && free > pages * limits.freeShareMin;
  }
}
