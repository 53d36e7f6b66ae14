/**
 * Keeps the store from growing without bound: moves the compact revision at intervals, or on etcd's schedule, and trims
 * what that made unreachable in small steps, between which writers get their turn.
 */
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import type { Store } from "../mvcc/store.ts";
import { longWork } from "../long_work.ts";
import { compactCommand } from "../mvcc/commands.ts";
import { type HashResult, hashScope } from "../mvcc/hash.ts";
import { HashStorage } from "../mvcc/hash_storage.ts";
import { AutoCompactor } from "./auto_compactor.ts";
import { type Automatic, scheduleOf } from "./schedule.ts";
import { SharedHashes } from "./shared_hashes.ts";

export interface CompactorOptions {
  readonly store: Store;
  /** etcd's way to compact automatically; `null` for the two below. */
  readonly automatic?: Automatic | null;
  /** Milliseconds between automatic compactions; 0 for none. */
  readonly intervalMs: number;
  /** Revisions that such a compaction leaves. */
  readonly retainMin: number;
  /** Rows looked at in one trimming step. */
  readonly batchSize: number;
  /** Pause between two steps. Default 0: others get their turn all the same. */
  readonly sleepMs?: number;
  /** Milliseconds, for waiting only. */
  readonly now: () => number;
  readonly log: (level: "info" | "warn", message: string, fields?: Record<string, unknown>) => void;
  readonly observe?: CompactionObserver | undefined;
}

/** Is told how trimming goes; for metrics. */
export interface CompactionObserver {
  /** One step is done, in which writers had to wait. */
  stepped(facts: { readonly ms: number; readonly removed: number }): void;
  stepFailed(): void;
  /** All that a compact revision lets go is gone. */
  finished(ms: number): void;
}

/** Keeps what a later compaction than this one made unreachable. */
export interface TrimHold extends Disposable {
  /** Exactly what this one lets go is gone. */
  readonly compactRevision: number;
}

/**
 * Keys and new revisions up to which a compaction makes a checksum before it trims: it has to read them all, and few ask
 * for it. Above, HashKV at exactly that revision covers what the compaction left.
 */
const HASHED_ROWS_MAX = 100_000;
/** Pause after a failed step, and while another server trims. */
const RETRY_MS = 1_000;
/** How long a server leaves what another one has compacted to it. */
const TRIM_FOR_OTHERS_MS = 30_000;

export class Compactor implements AsyncDisposable {
  /** Checksums made before trimming, for HashKV. */
  readonly hashes: HashStorage = new HashStorage();
  readonly #options: CompactorOptions;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  readonly #auto: AutoCompactor | undefined;
  readonly #sharedHashes: SharedHashes;
  #trimming: Promise<void> | undefined;
  #isStale = false;
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #holds = new Set<
    { readonly compactRevision: number; readonly released: Promise<void> }
  >();
  /** Whether this server compacted last: no other can have trimmed yet when it makes its checksum. */
  #compactedLast = true;
  #later: ReturnType<typeof setTimeout> | undefined;
  /** When the last compaction was seen, whoever made it. */
  #compactedMs = -Infinity;
  /** Exactly what this compact revision lets go is gone. */
  #trimmedRevision: number;
  /** Rows that the trimming under way has deleted. */
  #removed = 0;

  constructor(options: CompactorOptions) {
    this.#options = options;
    const { store, intervalMs, now } = options;
    this.#sharedHashes = new SharedHashes({ store, hashes: this.hashes, now });
    let { compactRevision } = store.head;
    this.#trimmedRevision = compactRevision;
    store.onCommit(({ head, isOwn }) => {
      if (head.compactRevision === compactRevision) return;
      compactRevision = head.compactRevision;
      this.#compactedMs = options.now();
      this.#compactedLast = isOwn;
      if (isOwn) this.#trim();
      else this.#trimLater();
    });
    const { automatic = null } = options;
    if (automatic !== null) this.#auto = this.#startAuto(automatic);
    else if (intervalMs > 0) this.#timer = setInterval(() => void this.#compact(), intervalMs);
    // A crash may have left trimming undone.
    if (store.head.compactRevision > 0) this.#trimLater();
  }

  #startAuto(automatic: Automatic): AutoCompactor | undefined {
    const { store, now, log } = this.#options;
    const revision = () => store.head.revision;
    const schedule = scheduleOf(automatic, { revision, nowMs: now() });
    if (schedule === undefined) return undefined;
    const compact = (revision: number) => store.submit(compactCommand(revision, store.alarms));
    return new AutoCompactor({ schedule, compact, now, log });
  }

  /** Who compacts trims too; the others look after it, in case it has gone. */
  #trimLater(): void {
    if (this.#options.store.backend.capabilities.exclusive) return this.#trim();
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#trim(), TRIM_FOR_OTHERS_MS);
  }

  /** Revisions between what is compacted and what is trimmed; for metrics. */
  get lag(): number {
    return Math.max(0, this.#options.store.head.compactRevision - this.#trimmedRevision);
  }

  /** Resolves when everything that the compact revision allows to go is gone. */
  async trimmed(): Promise<void> {
    this.#trim();
    while (this.#trimming !== undefined) await this.#trimming;
  }

  /**
   * Resolves as `trimmed` does, and from then on nothing goes that a later compaction made unreachable, until the hold is
   * disposed of: for whoever has to read the whole history of one moment. Other servers of the store go on trimming.
   */
  async hold(): Promise<TrimHold> {
    this.#trim();
    while (this.#trimming !== undefined) await this.#trimming;
    const released = Promise.withResolvers<void>();
    const hold = { compactRevision: this.#trimmedRevision, released: released.promise };
    this.#holds.add(hold);
    return {
      compactRevision: hold.compactRevision,
      [Symbol.dispose]: () => {
        this.#holds.delete(hold);
        released.resolve();
      },
    };
  }

  /** Waits until no hold forbids to trim up to this revision. */
  async #released(upTo: number): Promise<void> {
    for (const hold of this.#holds) {
      if (hold.compactRevision < upTo) await Promise.race([hold.released, this.#closed.promise]);
    }
  }

  async #compact(): Promise<void> {
    const { store, intervalMs, retainMin, now, log } = this.#options;
    // Another server of the store, or a client, has done it for this interval.
    if (now() - this.#compactedMs < intervalMs / 2) return;
    const revision = store.head.revision - retainMin;
    if (revision <= Math.max(store.head.compactRevision, 0)) return;
    try {
      await store.submit(compactCommand(revision, store.alarms));
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
    while (this.#isStale && !this.#closing.signal.aborted) {
      this.#isStale = false;
      const { store, now, log, observe } = this.#options;
      const { compactRevision } = store.head;
      const startMs = now();
      if (this.#compactedLast) await this.#hash(compactRevision);
      else await this.#sharedHashes.wait(compactRevision, this.#compactedMs);
      this.#removed = 0;
      const progress = () => ({ revision: compactRevision, removed: this.#removed });
      await longWork({ log, now, what: "trimming", progress }, async () => {
        for (let done = false; !done && !this.#closing.signal.aborted;) {
          done = await this.#step(compactRevision);
        }
      });
      const isNew = compactRevision > this.#trimmedRevision;
      this.#trimmedRevision = compactRevision;
      if (isNew && !this.#closing.signal.aborted) observe?.finished(now() - startMs);
    }
  }

  /** Makes the checksum at the compact revision, which later reads could not make any more. */
  async #hash(compactRevision: number): Promise<void> {
    const { log } = this.#options;
    const before = this.#trimmedRevision;
    if (compactRevision <= before) return;
    try {
      const hash = await this.#hashBetween(before, compactRevision);
      if (hash !== null) this.hashes.store(hash);
      await this.#sharedHashes.tell({ compactRevision, hash });
    } catch (error) {
      log("warn", "Cannot make the checksum of a compaction: going on without it", {
        revision: compactRevision,
        cause: messageOf(error),
      });
    }
  }

  async #hashBetween(before: number, compactRevision: number): Promise<HashResult | null> {
    const { backend, head: { revision } } = this.#options.store;
    const all = { start: new Uint8Array(0), end: null, revision: compactRevision };
    const { count } = await backend.count(all);
    if (count + compactRevision - before > HASHED_ROWS_MAX) return null;
    const scope = { compactRevision: before, revision: compactRevision };
    const hash = await hashScope(backend, scope);
    return { hash, revision, hashRevision: compactRevision, compactRevision: before };
  }

  async #step(upTo: number): Promise<boolean> {
    const { store, batchSize, sleepMs = 0, log, now, observe } = this.#options;
    await this.#released(upTo);
    if (this.#closing.signal.aborted) return false;
    // Whoever waits gets a turn between two steps.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      const startMs = now();
      const { done, isBusy, removed } = await store.backend.trim({ rowsMax: batchSize, upTo });
      this.#removed += removed;
      observe?.stepped({ ms: now() - startMs, removed });
      if (isBusy) await this.#pause(RETRY_MS);
      else if (!done && sleepMs > 0) await this.#pause(sleepMs);
      return done;
    } catch (error) {
      observe?.stepFailed();
      log("warn", "Cannot trim what was compacted: trying again", { cause: messageOf(error) });
      await this.#pause(RETRY_MS);
      return false;
    }
  }

  /** Ends early when the compactor is closed. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await pause(ms, undefined, { signal }).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#closed.resolve();
    this.#sharedHashes[Symbol.dispose]();
    clearInterval(this.#timer);
    clearTimeout(this.#later);
    await this.#auto?.[Symbol.asyncDispose]();
    await this.#trimming;
  }
}
