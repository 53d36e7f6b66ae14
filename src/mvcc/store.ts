/**
 * The engine's door: one open store with its writer, its reader and what they share. Services, leases and watches work
 * through it; nothing else touches the backend's rows.
 */
import { randomUUID } from "node:crypto";
import type { Backend, Head } from "../../backends/contract.ts";
import { HOT_BYTES_MAX, LIVE_COUNTS_MAX, PAGE_COUNTS_MAX } from "../limits.ts";
import { ALARM_RECORD_PREFIX, Alarms } from "./alarms.ts";
import { HotCache } from "./hot_cache.ts";
import { RangeCounts } from "./range_counts.ts";
import { Reader } from "./reader.ts";
import type { Command } from "./read_set.ts";
import type { Commit } from "./types.ts";
import { Writer, type WriterOptions } from "./writer.ts";

export interface StoreOptions {
  readonly backend: Backend;
  readonly now: WriterOptions["now"];
  readonly log: WriterOptions["log"];
}

export class Store implements AsyncDisposable {
  readonly backend: Backend;
  readonly alarms: Alarms = new Alarms();
  readonly reader: Reader;
  readonly #writer: Writer;
  readonly #hot = new HotCache(HOT_BYTES_MAX);
  readonly #counts = new RangeCounts({ liveMax: LIVE_COUNTS_MAX, pagesMax: PAGE_COUNTS_MAX });
  readonly #log: StoreOptions["log"];
  readonly #listeners: ((commit: Commit) => void)[] = [];
  #head: Head;

  private constructor({ backend, now, log }: StoreOptions, head: Head) {
    this.backend = backend;
    this.#log = log;
    this.#head = head;
    const hot = this.#hot;
    this.reader = new Reader({ backend, hot, counts: this.#counts, head: () => this.#head });
    this.#writer = new Writer({
      backend,
      hot,
      head,
      batchId: randomUUID,
      now,
      published: (commit) => this.#publish(commit),
      log,
    });
  }

  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options, await options.backend.head());
    const { records } = await options.backend.records(ALARM_RECORD_PREFIX);
    for (const [name, value] of records) store.alarms.applyRecord(name, value);
    return store;
  }

  /** The head of the last commit that watchers have been told of. */
  get head(): Head {
    return this.#head;
  }

  /** Evaluates a command in its turn; see `Writer.submit`. */
  submit<T>(command: Command<T>): Promise<T> {
    return this.#writer.submit(command);
  }

  /** Calls the listener with each commit, in order, before its writers are answered. It must not throw or wait. */
  onCommit(listener: (commit: Commit) => void): void {
    this.#listeners.push(listener);
  }

  #publish(commit: Commit): void {
    this.#head = commit.head;
    this.#hot.apply(commit.rows);
    this.#counts.apply(commit.rows);
    this.alarms.applyCommit(commit);
    for (const listener of this.#listeners) {
      try {
        listener(commit);
      } catch (error) {
        // The commit is on disk: whoever asked for it and the other listeners must learn of it all the same.
        this.#log("error", "defect: a part of the server failed on a commit", { error });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }
}
