/**
 * When a commit is on disk.
 *
 * SQLite itself never syncs the write-ahead log here (`synchronous = NORMAL`); this file does, with one fdatasync after
 * each commit, which is faster than SQLite's own fsync and can happen off the event loop. While the disk is quick the
 * sync is made on the loop, for a trip to another thread would cost more than it; when it is slow it is awaited, and one
 * sync then covers all commits made meanwhile. Which of the two is decided by measuring, all the time.
 *
 * A sync that failed can not be tried again: the kernel may have dropped the pages and report success the next time. So
 * a failure ends the backend, and what is on disk is found out by opening it anew.
 */

import { BackendError, type OpenOptions } from "../contract.ts";

/** `adaptive` for servers, or `never` where the operator says so; the others hold one way, for tests. */
export type SyncMode = "adaptive" | "blocking" | "awaited" | "never";

/** Above it, syncs leave the event loop. */
const SLOW_SYNC_MS = 1.5;
/** Below it, they come back; lower, so that the ways do not alternate. */
const QUICK_SYNC_MS = 0.75;
/** Weight of the newest blocking sync in the moving average. */
const NEWEST_WEIGHT = 0.25;
/** Awaited syncs of which the quickest is compared: their times include waits for a busy loop, so most say nothing. */
const AWAITED_SAMPLES = 32;

/** The part of `Deno.FsFile` that is needed. */
export interface SyncedFile {
  syncData(): Promise<void>;
  syncDataSync(): void;
  close(): void;
}

export interface DurabilityOptions {
  /** The write-ahead log. */
  readonly file: SyncedFile;
  readonly mode: SyncMode;
  /** What a small sync took just now, in this folder. */
  readonly firstSyncMs: number;
  readonly log: OpenOptions["log"];
  /** Told how long each sync took. */
  readonly onSync?: (ms: number) => void;
  /** Told once, when the disk has failed. */
  readonly onFailure: () => void;
}

/** A sync under way, and up to which commit it reaches. */
interface RunningSync {
  readonly done: Promise<void>;
  readonly reaches: number;
}

export class Durability {
  readonly #options: DurabilityOptions;
  /** Commits made, and how many of them are on disk. */
  #committed = 0;
  #durable = 0;
  #running: RunningSync | null = null;
  /** The next sync, for what was committed after the running one began. */
  #queued: Promise<void> | null = null;
  #failure: BackendError | null = null;
  #isAwaited: boolean;
  #averageMs: number;
  #quickestMs = Infinity;
  #samples = 0;

  constructor(options: DurabilityOptions) {
    this.#options = options;
    this.#averageMs = options.firstSyncMs;
    this.#isAwaited = options.mode === "awaited" ||
      (options.mode === "adaptive" && options.firstSyncMs > SLOW_SYNC_MS);
  }

  /** Set once the disk has failed; nothing may be read or written from then on. */
  get failure(): BackendError | null {
    return this.#failure;
  }

  /** Ends the backend for good. */
  fail(reason: string, cause: unknown): BackendError {
    if (this.#failure === null) {
      const message = `${reason}; restart Rhino when the disk is well`;
      this.#failure = new BackendError("unavailable", message, { cause });
      this.#options.log("error", message, { cause: String(cause) });
      this.#options.onFailure();
    }
    return this.#failure;
  }

  /** Takes note of a commit, and syncs it at once while that is quick. */
  committed(): void {
    this.#committed++;
    if (this.#options.mode === "never") this.#durable = this.#committed;
    if (this.#isAwaited || this.#options.mode === "never") return;
    const startMs = performance.now();
    try {
      this.#options.file.syncDataSync();
    } catch (error) {
      throw this.fail("the write-ahead log cannot be synced to disk", error);
    }
    this.#durable = this.#committed;
    const ms = performance.now() - startMs;
    this.#options.onSync?.(ms);
    this.#observeBlocking(ms);
  }

  /** Resolves when every commit made so far is on disk; `null` if that is so already. */
  settled(): Promise<void> | null {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#durable === this.#committed) return null;
    if (this.#running === null) return this.#start().done;
    if (this.#running.reaches === this.#committed) return this.#running.done;
    this.#queued ??= this.#running.done.then(() => this.#startQueued());
    return this.#queued;
  }

  /** Waits for what is under way and closes the file. */
  async close(): Promise<void> {
    await this.settled()?.catch(() => {});
    this.#options.file.close();
  }

  async #startQueued(): Promise<void> {
    this.#queued = null;
    await this.settled();
  }

  #start(): RunningSync {
    const reaches = this.#committed;
    this.#running = { reaches, done: this.#sync(reaches) };
    return this.#running;
  }

  async #sync(reaches: number): Promise<void> {
    const startMs = performance.now();
    try {
      await this.#options.file.syncData();
    } catch (error) {
      throw this.fail("the write-ahead log cannot be synced to disk", error);
    } finally {
      this.#running = null;
    }
    this.#durable = Math.max(this.#durable, reaches);
    const ms = performance.now() - startMs;
    this.#options.onSync?.(ms);
    this.#observeAwaited(ms);
  }

  #observeBlocking(ms: number): void {
    this.#averageMs += (ms - this.#averageMs) * NEWEST_WEIGHT;
    if (this.#options.mode !== "adaptive" || this.#averageMs <= SLOW_SYNC_MS) return;
    this.#isAwaited = true;
    this.#restartSamples();
    const averageMs = Math.round(this.#averageMs * 10) / 10;
    this.#options.log("debug", "the disk is slow: syncs are awaited", { averageMs });
  }

  #observeAwaited(ms: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, ms);
    if (++this.#samples < AWAITED_SAMPLES) return;
    if (this.#options.mode === "adaptive" && this.#quickestMs < QUICK_SYNC_MS) {
      this.#isAwaited = false;
      this.#averageMs = this.#quickestMs;
      this.#options.log("debug", "the disk is quick: syncs are made at once");
    }
    this.#restartSamples();
  }

  #restartSamples(): void {
    this.#samples = 0;
    this.#quickestMs = Infinity;
  }
}

/** What a small sync takes in the file's folder: the middle one of some. */
export function measureSync(file: Deno.FsFile): number {
  const times: number[] = [];
  for (let probe = 0; probe < 3; probe++) {
    file.seekSync(0, Deno.SeekMode.End);
    file.writeSync(Uint8Array.of(0x0a));
    const startMs = performance.now();
    file.syncDataSync();
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b)[1] ?? 0;
}
