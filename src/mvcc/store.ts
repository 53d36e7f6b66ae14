/**
 * The engine's door: one open store with its writer, its reader and what they share. Services, leases and watches work
 * through it; nothing else touches the backend's rows.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Backend, Head } from "../../backends/contract.ts";
import {
  HOT_BYTES_MAX,
  HOT_BYTES_MAX_SHARED,
  LIVE_COUNTS_MAX,
  PAGE_COUNTS_MAX,
} from "../limits.ts";
import { Alarms } from "./alarms.ts";
import { refuseImpossible } from "./head_faults.ts";
import { HotCache } from "./hot_cache.ts";
import { RangeCounts } from "./range_counts.ts";
import { Reader } from "./reader.ts";
import type { Command } from "./read_set.ts";
import type { Commit, Restart } from "./types.ts";
import { Writer, type WriterOptions } from "./writer.ts";

export interface StoreOptions {
  readonly backend: Backend;
  readonly now: WriterOptions["now"];
  readonly log: WriterOptions["log"];
  readonly observe?: WriterOptions["observe"];
}

/** What has been done since the store was opened; for metrics. */
export interface StoreCounts {
  /** Rows of commits, also of other servers'. */
  puts: number;
  deletes: number;
  putBytes: number;
  /** Of requests that this server answered, also within transactions. */
  ranges: number;
  /** Transactions of more than one operation. */
  txns: number;
}

/** Changes nothing; but who is answered it knows that the head was the store's. */
const NOTHING: Command<void> = { bytes: 0, reads() {}, apply() {} };

export class Store implements AsyncDisposable {
  readonly backend: Backend;
  readonly alarms: Alarms = new Alarms();
  readonly reader: Reader;
  readonly counts: StoreCounts = { puts: 0, deletes: 0, putBytes: 0, ranges: 0, txns: 0 };
  readonly #writer: Writer;
  readonly #hot: HotCache;
  readonly #rangeCounts = new RangeCounts({ liveMax: LIVE_COUNTS_MAX, pagesMax: PAGE_COUNTS_MAX });
  readonly #log: StoreOptions["log"];
  readonly #listeners: ((commit: Commit) => void)[] = [];
  readonly #restartListeners: ((restart: Restart) => void)[] = [];
  readonly #closing = new AbortController();
  #following: Promise<void> | undefined;
  #head: Head;

  private constructor({ backend, now, log, observe }: StoreOptions, head: Head) {
    this.backend = backend;
    this.#log = log;
    this.#head = head;
    const { exclusive } = backend.capabilities;
    const hot = new HotCache(exclusive ? HOT_BYTES_MAX : HOT_BYTES_MAX_SHARED);
    this.#hot = hot;
    this.reader = new Reader({ backend, hot, counts: this.#rangeCounts, head: () => this.#head });
    this.#writer = new Writer({
      backend,
      hot,
      head,
      batchId: randomUUID,
      now,
      published: (commit) => this.#publish(commit),
      restarted: (restart) => this.#restart(restart),
      pause: (ms) => pause(ms),
      random: Math.random,
      log,
      observe,
    });
  }

  /** @throws {BackendError} `unusable` if the store is damaged so that it cannot be read */
  static async open(options: StoreOptions): Promise<Store> {
    const { backend } = options;
    const head = await backend.head();
    refuseImpossible(head);
    const store = new Store(options, head);
    // Read behind the head: what another server changes in between is read once more.
    const { records } = await backend.records("");
    const stored = records.map(([name, value]) => ({ name, value }));
    store.#writer.start(stored);
    for (const { name, value } of stored) store.alarms.applyRecord(name, value);
    if (!backend.capabilities.exclusive) store.#following = store.#follow();
    return store;
  }

  /** Publishes what other servers write, soon after they have. */
  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    for await (const _ of this.backend.changes(signal)) this.#writer.follow();
  }

  /** The head of the last commit that watchers have been told of. */
  get head(): Head {
    return this.#head;
  }

  /** Takes note of where a shared store stands: if that is not known here, what was written is read and published. */
  noticeHead({ batchId }: Head): void {
    if (batchId !== this.#writer.head.batchId) this.#writer.follow();
  }

  /** Commands that wait to be on disk. */
  get pending(): number {
    return this.#writer.pending;
  }

  /** Commands that were given up. */
  get failed(): number {
    return this.#writer.failed;
  }

  /** Evaluates a command in its turn; see `Writer.submit`. */
  submit<T>(command: Command<T>): Promise<T> {
    return this.#writer.submit(command);
  }

  /** Resolves once everything is published that was in the store when it was called. */
  catchUp(): Promise<void> {
    return this.submit(NOTHING);
  }

  /** Calls the listener with each commit, in order, before its writers are answered. It must not throw or wait. */
  onCommit(listener: (commit: Commit) => void): void {
    this.#listeners.push(listener);
  }

  /** Calls the listener when the store cannot be followed any more, before anything that comes then. It must not throw. */
  onRestart(listener: (restart: Restart) => void): void {
    this.#restartListeners.push(listener);
  }

  #restart(restart: Restart): void {
    const { head, before, isOther } = restart;
    if (isOther) {
      this.#log("error", "The database has lost commits: its history is another one than before", {
        indexBefore: before.index,
        revisionBefore: before.revision,
        index: head.index,
        revision: head.revision,
      });
    }
    this.#head = head;
    this.#hot.clear();
    this.#rangeCounts.clear();
    for (const listener of this.#restartListeners) this.#tell(() => listener(restart));
  }

  #publish(commit: Commit): void {
    this.#head = commit.head;
    this.#hot.apply(commit.rows);
    this.#rangeCounts.apply(commit.rows);
    this.#count(commit.rows);
    this.alarms.applyCommit(commit);
    for (const listener of this.#listeners) this.#tell(() => listener(commit));
  }

  #count(rows: Commit["rows"]): void {
    const { counts } = this;
    for (const { tombstone, key, kv, metaSize } of rows) {
      if (tombstone) {
        counts.deletes++;
      } else {
        counts.puts++;
        counts.putBytes += key.length + kv.length - metaSize;
      }
    }
  }

  /** The commit is on disk: whoever asked for it and the other listeners must learn of it whatever one of them does. */
  #tell(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#log("error", "defect: a part of the server failed on a commit", { error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#writer[Symbol.asyncDispose](), this.#following]);
  }
}
