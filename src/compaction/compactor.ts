/**
 * Keeps the store from growing without bound: moves the compact revision at intervals, and trims what that made
 * unreachable in small steps, between which writers get their turn.
 */
import type { Store } from "../mvcc/store.ts";
import { compactCommand } from "../mvcc/commands.ts";

export interface CompactorOptions {
  readonly store: Store;
  /** Milliseconds between automatic compactions; 0 for none. */
  readonly intervalMs: number;
  /** Revisions that an automatic compaction leaves. */
  readonly retainMin: number;
  /** Rows looked at in one trimming step. */
  readonly batchSize: number;
  readonly log: (level: "info" | "warn", message: string, fields?: Record<string, unknown>) => void;
}

/** Pause after a failed step. */
const RETRY_MS = 1_000;

export class Compactor implements AsyncDisposable {
  readonly #options: CompactorOptions;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #trimming: Promise<void> | undefined;
  #isStale = false;
  #closed = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
    const { store, intervalMs } = options;
    let compactRevision = -1;
    store.onCommit(({ head }) => {
      if (head.compactRevision === compactRevision) return;
      compactRevision = head.compactRevision;
      this.#trim();
    });
    if (intervalMs > 0) this.#timer = setInterval(() => void this.#compact(), intervalMs);
    // A crash may have left trimming undone.
    if (store.head.compactRevision > 0) this.#trim();
  }

  /** Resolves when everything that the compact revision allows to go is gone. */
  async trimmed(): Promise<void> {
    this.#trim();
    while (this.#trimming !== undefined) await this.#trimming;
  }

  async #compact(): Promise<void> {
    const { store, retainMin, log } = this.#options;
    const revision = store.head.revision - retainMin;
    if (revision <= Math.max(store.head.compactRevision, 0)) return;
    try {
      await store.submit(compactCommand(revision));
      log("info", "compacted", { revision });
    } catch (error) {
      log("warn", "Cannot compact: trying again at the next interval", {
        revision,
        cause: messageOf(error),
      });
    }
  }

  #trim(): void {
    this.#isStale = true;
    this.#trimming ??= this.#run().finally(() => this.#trimming = undefined);
  }

  async #run(): Promise<void> {
    while (this.#isStale && !this.#closed) {
      this.#isStale = false;
      for (let done = false; !done && !this.#closed;) done = await this.#step();
    }
  }

  async #step(): Promise<boolean> {
    const { store, batchSize, log } = this.#options;
    // Writers first: a step waits for the queue to be short, but not for ever.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      const { done } = await store.backend.trim({ rowsMax: batchSize });
      return done;
    } catch (error) {
      log("warn", "Cannot trim what was compacted: trying again", { cause: messageOf(error) });
      await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS));
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#trimming;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
