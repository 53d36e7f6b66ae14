/**
 * Group commit: collect → load → evaluate → append → publish → answer.
 *
 * The only caller of the backend's `append`. While one batch is on its way to the disk the next collects, so the number
 * of requests that share an fsync grows with the load by itself. A command that fails, fails alone, before anything is
 * written; when the append fails, every command of the batch gets the same error.
 */
import type { Backend, Batch, Head } from "../../backends/contract.ts";
import { BackendError } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import {
  COMMIT_BYTES_MAX,
  COMMIT_REQUESTS_MAX,
  REQUEST_TIMEOUT_MS,
  WRITER_QUEUE_BYTES_MAX,
  WRITER_QUEUE_MAX,
} from "../limits.ts";
import { loadBase } from "./base_loader.ts";
import type { HotCache } from "./hot_cache.ts";
import { KvArena } from "./kv_arena.ts";
import { type Command, ReadSet } from "./read_set.ts";
import type { Commit } from "./types.ts";
import { BatchView } from "./view.ts";

interface Waiting {
  readonly sinceMs: number;
  readonly command: Command<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A command's result, held back until its batch is on disk. */
type Answer = { readonly waiting: Waiting } & ({ result: unknown } | { error: unknown });

/** The batch would have more rows than the backend takes. */
class BatchFull extends Error {}

export interface WriterOptions {
  readonly backend: Backend;
  readonly hot: HotCache;
  readonly head: Head;
  /** Unique over all servers and restarts. */
  readonly batchId: () => string;
  /** Told of each batch after it is on disk, before anyone is answered. Must not throw. */
  readonly published: (commit: Commit) => void;
  /** Milliseconds, for waiting only. */
  readonly now: () => number;
  readonly log: (
    level: "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
  ) => void;
}

/** How often is looked for requests that have waited too long. */
const TIMEOUT_CHECK_MS = 500;

export class Writer implements AsyncDisposable {
  readonly #options: WriterOptions;
  readonly #arena = new KvArena();
  #head: Head;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  /** The batch under way. */
  #taken: readonly Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#head = options.head;
  }

  /** The head after the last batch that is on disk. */
  get head(): Head {
    return this.#head;
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
      });
      this.#queueBytes += command.bytes;
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    const timer = setInterval(() => this.#rejectOverdue(), TIMEOUT_CHECK_MS);
    while (this.#queue.length > 0) {
      // Let the sockets be read first: whatever has arrived by now shares the batch.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#taken = this.#take();
      try {
        await this.#commit(this.#taken);
      } catch (error) {
        for (const { reject } of this.#taken) reject(error);
      }
    }
    clearInterval(timer);
    this.#taken = [];
    this.#running = undefined;
  }

  #rejectOverdue(): void {
    const oldestMs = this.#options.now() - REQUEST_TIMEOUT_MS;
    for (const { sinceMs, reject } of this.#taken) {
      if (sinceMs < oldestMs) reject(new EtcdError("timeout"));
    }
    let overdue = 0;
    for (const { sinceMs, reject, command } of this.#queue) {
      if (sinceMs >= oldestMs) break;
      reject(new EtcdError("timeout"));
      this.#queueBytes -= command.bytes;
      overdue++;
    }
    this.#queue.splice(0, overdue);
  }

  #take(): Waiting[] {
    let count = 0;
    let bytes = 0;
    while (
      count < this.#queue.length && count < COMMIT_REQUESTS_MAX && bytes < COMMIT_BYTES_MAX
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

  async #commit(taken: readonly Waiting[]): Promise<void> {
    const need = new ReadSet();
    for (const { command } of taken) command.reads(need);
    const view = new BatchView(await loadBase(this.#options, need, this.#head), this.#arena);
    const answers = this.#evaluate(taken, view);
    if (view.isChanged) {
      const changes = view.changes();
      this.#head = await this.#append({
        id: this.#options.batchId(),
        expectedIndex: this.#head.index,
        ...changes,
      });
      this.#options.published({ head: this.#head, ...changes });
    }
    for (const answer of answers) {
      if ("error" in answer) answer.waiting.reject(answer.error);
      else answer.waiting.resolve(answer.result);
    }
  }

  #evaluate(taken: readonly Waiting[], view: BatchView): Answer[] {
    const rowsMax = this.#options.backend.capabilities.batchRowsMax;
    const answers: Answer[] = [];
    for (const [at, waiting] of taken.entries()) {
      const rowsBefore = view.rowCount;
      try {
        const result = view.run((view) => {
          const result = waiting.command.apply(view);
          if (view.rowCount > rowsMax) throw new BatchFull();
          return result;
        });
        answers.push({ waiting, result });
      } catch (error) {
        if (error instanceof BatchFull && rowsBefore > 0) {
          this.#putBack(taken, at);
          break;
        }
        const reason = error instanceof BatchFull ? new EtcdError("requestTooLarge") : error;
        answers.push({ waiting, error: reason });
      }
    }
    return answers;
  }

  /** What does not fit the batch any more comes first in the next one. */
  #putBack(taken: readonly Waiting[], from: number): void {
    const rest = taken.slice(from);
    this.#taken = taken.slice(0, from);
    this.#queue = [...rest, ...this.#queue];
    for (const { command } of rest) this.#queueBytes += command.bytes;
  }

  /** Appends, and finds out what became of a batch whose answer was lost. */
  async #append(batch: Batch): Promise<Head> {
    const { backend, log } = this.#options;
    try {
      return await backend.append(batch);
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind !== "indeterminate") throw error;
      log("warn", "The answer to a commit was lost: asking what became of it", {
        cause: error.message,
      });
      if (await backend.outcome(batch.id) !== "applied") throw error;
      return await backend.head();
    }
  }

  /** Refuses new commands and waits for those that were taken in. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#running;
  }
}
