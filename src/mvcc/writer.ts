/**
 * Group commit's queue: collects commands while a batch is on its way to the disk, so that the number of requests which
 * share a sync grows with the load by itself. A command that fails, fails alone, before anything is written; when the
 * append fails for good, every command of the batch gets the same error.
 */
import type { Head } from "../../backends/contract.ts";
import { EtcdError, messageOf } from "../errors.ts";
import {
  COMMIT_BYTES_MAX,
  COMMIT_REQUESTS_MAX,
  FOLLOW_RETRY_MS,
  REQUEST_TIMEOUT_MS,
  WRITER_QUEUE_BYTES_MAX,
  WRITER_QUEUE_MAX,
} from "../limits.ts";
import { Committer, type CommitterOptions, type Submitted } from "./committer.ts";
import type { Command } from "./read_set.ts";
import type { Commit } from "./types.ts";

export type WriterOptions = CommitterOptions;

/** How often is looked for requests that have waited too long. */
const TIMEOUT_CHECK_MS = 500;

export class Writer implements AsyncDisposable {
  readonly #options: WriterOptions;
  readonly #committer: Committer;
  #queue: Submitted[] = [];
  #queueBytes = 0;
  /** The batch under way. */
  #taken: readonly Submitted[] = [];
  /** Commands that were given up after they had been taken in; for metrics. */
  failed = 0;
  #running: Promise<void> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** What other servers wrote could not be read the last time. */
  #isLost = false;
  #closed = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#committer = new Committer(options);
  }

  /** Takes in the records of the store as it was opened. */
  start(records: Commit["records"]): void {
    this.#committer.start(records);
  }

  /** The head after the last batch that is on disk. */
  get head(): Head {
    return this.#committer.head;
  }

  /** Commands that wait for their batch, or for it to be on disk. */
  get pending(): number {
    let underWay = 0;
    for (const { isAnswered } of this.#taken) if (!isAnswered) underWay++;
    return this.#queue.length + underWay;
  }

  /**
   * Evaluates the command in its turn and writes what it changes.
   *
   * @throws {EtcdError} what the command throws, `tooManyRequests` if the queue is full, `stopped` after close, `timeout`
   * if the store takes too long: what still waited for its batch is dropped, what was under way may yet be written
   * @throws {BackendError} if the batch could not be written
   */
  submit<T>(command: Command<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new EtcdError("stopped"));
    if (this.#queue.length >= WRITER_QUEUE_MAX || this.#queueBytes >= WRITER_QUEUE_BYTES_MAX) {
      return Promise.reject(new EtcdError("tooManyRequests"));
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        sinceMs: this.#options.now(),
        command,
        resolve: resolve as (result: unknown) => void,
        reject,
        isAnswered: false,
      });
      this.#queueBytes += command.bytes;
      this.#running ??= this.#run();
    });
  }

  /** Reads and publishes soon what other servers may have appended. */
  follow(): void {
    if (this.#closed) return;
    this.#committer.setBehind();
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    clearTimeout(this.#retry);
    const timer = setInterval(() => this.#rejectOverdue(), TIMEOUT_CHECK_MS);
    let canFollow = true;
    while (this.#queue.length > 0 || (this.#committer.isBehind && canFollow && !this.#closed)) {
      // Let the sockets be read first: whatever has arrived by now shares the batch.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#queue.length > 0) await this.#commitNext();
      else canFollow = await this.#follow();
    }
    clearInterval(timer);
    this.#taken = [];
    this.#running = undefined;
    if (canFollow || this.#closed) return;
    this.#retry = setTimeout(() => this.follow(), FOLLOW_RETRY_MS);
  }

  async #commitNext(): Promise<void> {
    this.#taken = [];
    try {
      this.#putBack(await this.#committer.commit(() => this.#collect()));
    } catch (error) {
      for (const waiting of this.#taken) this.#reject(waiting, error);
    }
  }

  /** Answers whether the store could be read. */
  async #follow(): Promise<boolean> {
    try {
      await this.#committer.follow();
      this.#setLost(undefined);
      return true;
    } catch (error) {
      this.#setLost(error);
      return false;
    }
  }

  /** Says so once, and once more when it is over: it is tried several times a second. */
  #setLost(error: unknown): void {
    const isLost = error !== undefined;
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    const { log } = this.#options;
    if (isLost) {
      const cause = messageOf(error);
      log("warn", "Cannot read what other servers wrote: trying again until it works", { cause });
    } else {
      log("info", "Can read again what other servers wrote");
    }
  }

  #rejectOverdue(): void {
    const oldestMs = this.#options.now() - REQUEST_TIMEOUT_MS;
    for (const waiting of this.#taken) {
      if (waiting.sinceMs < oldestMs) this.#reject(waiting, new EtcdError("timeout"));
    }
    let overdue = 0;
    for (const waiting of this.#queue) {
      if (waiting.sinceMs >= oldestMs) break;
      this.#reject(waiting, new EtcdError("timeout"));
      this.#queueBytes -= waiting.command.bytes;
      overdue++;
    }
    this.#queue.splice(0, overdue);
  }

  /** Those of the batch under way who still wait, and what has come since, as far as one commit takes it. */
  #collect(): readonly Submitted[] {
    const kept = this.#taken.filter(({ isAnswered }) => !isAnswered);
    const more = this.#take({
      count: kept.length,
      bytes: kept.reduce((sum, { command }) => sum + command.bytes, 0),
    });
    this.#taken = kept.length === 0 ? more : [...kept, ...more];
    return this.#taken;
  }

  /** Takes from the queue what a commit has room for beside what it holds already. */
  #take(held: { readonly count: number; readonly bytes: number }): Submitted[] {
    let count = 0;
    let bytes = 0;
    while (
      count < this.#queue.length && held.count + count < COMMIT_REQUESTS_MAX &&
      held.bytes + bytes < COMMIT_BYTES_MAX
    ) {
      bytes += this.#queue[count++]!.command.bytes;
    }
    this.#queueBytes -= bytes;
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  /** What did not fit the batch any more comes first in the next one. */
  #putBack(rest: readonly Submitted[]): void {
    if (rest.length === 0) return;
    this.#queue = [...rest, ...this.#queue];
    for (const { command } of rest) this.#queueBytes += command.bytes;
  }

  #reject(waiting: Submitted, error: unknown): void {
    if (!waiting.isAnswered) this.failed++;
    waiting.isAnswered = true;
    waiting.reject(error);
  }

  /** Refuses new commands and waits for those that were taken in. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#running;
  }
}
