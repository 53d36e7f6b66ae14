/** Compacts on etcd's schedule. */

import { setTimeout as pause } from "node:timers/promises";
import { EtcdError, messageOf } from "../errors.ts";
import type { Schedule } from "./schedule.ts";

export interface AutoCompactorOptions {
  readonly schedule: Schedule;
  /** @throws {EtcdError} `compacted` if it was done already */
  readonly compact: (revision: number) => Promise<unknown>;
  /** Milliseconds, for waiting only. */
  readonly now: () => number;
  readonly log: (level: "info" | "warn", message: string, fields?: Record<string, unknown>) => void;
}

export class AutoCompactor implements AsyncDisposable {
  readonly #options: AutoCompactorOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: AutoCompactorOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { schedule, now } = this.#options;
    const { signal } = this.#closing;
    for (;;) { // Ends when it is closed.
      await pause(schedule.intervalMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const revision = schedule.due(now());
      if (revision !== undefined) await this.#compact(revision);
    }
  }

  async #compact(revision: number): Promise<void> {
    const { schedule, compact, now, log } = this.#options;
    try {
      await compact(revision);
    } catch (error) {
      // Another server of the store, or a client.
      const isDone = error instanceof EtcdError && error.reason === "compacted";
      if (!isDone) {
        const cause = messageOf(error);
        log("warn", "Cannot compact: trying again", { revision, cause });
        return;
      }
    }
    log("info", "compacted", { revision });
    schedule.done(revision, now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }
}
