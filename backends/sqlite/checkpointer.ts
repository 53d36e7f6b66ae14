/**
 * Keeps the write-ahead log short.
 *
 * A checkpoint runs beside the writer, in a Worker, when the log has grown by some MiB. SQLite starts the log over from
 * its beginning when a write finds all of it carried over; if writers never pause, a checkpoint never finds itself
 * complete, for the log has grown meanwhile. So when one ends with the log past `PAUSE_BYTES`, appends wait during the
 * next, which then has only the little that came meanwhile to carry over, and the write after it starts the log over.
 * The log stays below about twice that size. Only a reader from outside (a backup, say) can hold that up; it is logged.
 */

import { setImmediate } from "node:timers/promises";
import { BackendError, type OpenOptions } from "../contract.ts";
import type { Database } from "./driver.ts";
import { isDiskFailure, toBackendError } from "./errors.ts";

export interface CheckpointRequest {
  readonly task: "passive" | "truncate" | "giveBack";
}

export interface CheckpointAnswer {
  /** SQLite's words, if it failed. */
  readonly error: string | null;
}

/** Where the work is done; a Worker. */
export interface CheckpointerThread {
  /** Whether the thread could not be started or has ended by itself. */
  readonly isDead: boolean;
  run(request: CheckpointRequest): Promise<CheckpointAnswer>;
  close(): Promise<void>;
}

export interface CheckpointLimits {
  /** A checkpoint starts when this much is not carried over. */
  readonly startBytes: number;
  /** Appends wait for a checkpoint when the log is longer. */
  readonly pauseBytes: number;
  /** A longer log is worth a warning. */
  readonly warnBytes: number;
}

const MIB = 1024 * 1024;
export const CHECKPOINT_LIMITS: CheckpointLimits = {
  startBytes: 4 * MIB,
  pauseBytes: 32 * MIB,
  warnBytes: 256 * MIB,
};

export interface CheckpointerOptions {
  readonly path: string;
  readonly database: Database;
  readonly limits: CheckpointLimits;
  readonly log: OpenOptions["log"];
  readonly openThread: (path: string) => CheckpointerThread;
  /** Told of what went wrong beside any call. */
  readonly onError: (error: unknown) => void;
  /** Told that the disk failed, after which the backend is over. */
  readonly onDiskFailure: (message: string) => void;
}

/** Where the log stands, in bytes. */
interface WalState {
  readonly total: number;
  readonly pending: number;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #pageSize: number;
  #thread: CheckpointerThread | null = null;
  /** What the thread is about; `null` when it rests. */
  #running: Promise<void> | null = null;
  /** Shut while nothing may be written; the end of what is running opens it. */
  #gate: PromiseWithResolvers<void> | null = null;
  /** What the last checkpoint had to leave because of a reader from outside; not to be tried again at each commit. */
  #heldUpBytes = 0;
  /** Checkpoints in a row that left the log longer than it should ever be. */
  #longRounds = 0;
  #isClosing = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#pageSize = options.database.query.pageSize.get<[number]>()?.[0] ?? 0;
  }

  /** Whoever changes the database waits for it; `null` most of the time. */
  get pause(): Promise<void> | null {
    return this.#gate?.promise ?? null;
  }

  /** To be called after each commit. */
  afterCommit(): void {
    if (this.#isClosing) return;
    const { startBytes, pauseBytes } = this.#options.limits;
    const { pending } = this.#measure();
    this.#heldUpBytes = Math.min(this.#heldUpBytes, pending);
    const grown = pending - this.#heldUpBytes;
    if (this.#running === null) {
      if (grown >= startBytes) this.#start(() => this.#shorten()).catch(this.#options.onError);
    } else if (grown >= pauseBytes * 2) {
      // The thread cannot keep up.
      this.#gate ??= Promise.withResolvers();
    }
  }

  /** Cuts the unused space off the database file, while nothing is written; reads go on. */
  async defragment(): Promise<void> {
    // Ends when the thread rests at the moment of looking.
    while (this.#running !== null) await this.#running;
    if (this.#isClosing) throw new BackendError("unavailable", "the store is closed");
    await this.#start(async () => {
      this.#gate ??= Promise.withResolvers();
      const error = await this.#run("giveBack") ?? await this.#run("truncate");
      if (error !== null) throw toBackendError(new Error(error));
    });
  }

  /** Nothing more is carried over: what the disk has lost must not be taken for what was written. */
  stop(): void {
    this.#isClosing = true;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#running;
    await this.#thread?.close();
  }

  #start(work: () => Promise<void>): Promise<void> {
    const done = work().finally(() => {
      this.#running = null;
      this.#gate?.resolve();
      this.#gate = null;
    });
    this.#running = done.catch(() => {});
    return done;
  }

  async #shorten(): Promise<void> {
    await this.#run("passive");
    const { pauseBytes, warnBytes } = this.#options.limits;
    if (this.#measure().total >= pauseBytes && !this.#isClosing) {
      this.#gate ??= Promise.withResolvers();
      await this.#run("passive");
    }
    const { total, pending } = this.#measure();
    this.#heldUpBytes = pending;
    this.#longRounds = total > warnBytes ? this.#longRounds + 1 : 0;
    // One round may have met a single huge batch; at the second the log should have been started over.
    if (this.#longRounds !== 2) return;
    const message = "the write-ahead log cannot be started over: something else reads the file";
    this.#options.log("warn", message, { bytes: total });
  }

  #measure(): WalState {
    const row = this.#options.database.query.measureWal.get<[number, number, number]>();
    const [, frames, carried] = row ?? [0, 0, 0];
    // Both are -1 as long as nothing was written.
    const total = Math.max(0, frames) * this.#pageSize;
    return { total, pending: total - Math.max(0, carried) * this.#pageSize };
  }

  /** Answers SQLite's words if the task failed. */
  async #run(task: CheckpointRequest["task"]): Promise<string | null> {
    this.#thread ??= this.#options.openThread(this.#options.path);
    const { error } = await this.#thread.run({ task });
    if (error === null) return null;
    this.#options.log("warn", `SQLite's ${task} task failed`, { error });
    if (error.startsWith("disk I/O error")) this.#options.onDiskFailure(error);
    if (!this.#thread.isDead || this.#isClosing) return error;
    await this.#runHere(task);
    return null;
  }

  /** Without a Worker the event loop has to stand still for each step of it. */
  async #runHere(task: CheckpointRequest["task"]): Promise<void> {
    try {
      if (task === "giveBack") await this.#giveBackHere();
      else this.#options.database.query.checkpointHere.all();
    } catch (error) {
      if (isDiskFailure(error)) this.#options.onDiskFailure(String(error));
      throw error;
    }
  }

  /** Moves pages from the file's end into its gaps, a few at a time, until there are none. */
  async #giveBackHere(): Promise<void> {
    const { query } = this.#options.database;
    const free = () => query.freePages.get<[number]>()?.[0] ?? 0;
    // Ends with the last free page, when nothing can be moved, or with the store.
    for (
      let before = Infinity, left = free();
      left > 0 && left < before && !this.#isClosing;
      before = left, left = free()
    ) {
      query.giveBackPages.all();
      // The log got the pages that were moved.
      if (this.#measure().pending >= this.#options.limits.startBytes) query.checkpointHere.all();
      await setImmediate();
    }
  }
}
