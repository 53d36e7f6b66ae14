/** One watcher: what it wants, how far it has come, and whom its events go to. */
import type { EventBatch } from "./event_batch.ts";

/** What a client asked for. The keys are `keyName`s. */
export interface WatcherOptions {
  readonly start: string;
  /** Exclusive; `null` for no upper bound. Not looked at for a single key. */
  readonly end: string | null;
  /** Whether exactly the key `start` is meant. */
  readonly single: boolean;
  /** First revision wanted; 0 for whatever comes next. */
  readonly startRevision: number;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** Whether a large response may be sent in pieces. */
  readonly fragment: boolean;
  readonly progressNotify: boolean;
}

/**
 * - `synced`: has been given all up to the hub's revision; it is in the hub's index.
 * - `behind`: its next event is in the past; it waits for a page of history, or for its client to read.
 * - `overtaken`: compaction took what it needed; the client has been told, and its id is taken until it says that it knows.
 * - `ended`: gone.
 */
export type WatcherState = "synced" | "behind" | "overtaken" | "ended";

export class Watcher {
  readonly id: bigint;
  readonly stream: WatcherStream;
  readonly options: WatcherOptions;
  /** Events below this revision are not for it, or have been given to it. While synced it need not be kept up to date. */
  next: number;
  state: WatcherState = "behind";
  /** Whether it is to be told of progress at the next occasion. */
  isProgressDue = true;

  constructor(id: bigint, stream: WatcherStream, options: WatcherOptions) {
    this.id = id;
    this.stream = stream;
    this.options = options;
    this.next = options.startRevision;
  }
}

/** A watcher's stream, as the hub sees it. */
export interface WatcherStream {
  /** Whether so much waits for the client that nothing should be added. */
  readonly isFull: boolean;
  /**
   * Sends the watcher what it has not had of the batch. `revision` is up to where the watcher then has everything. Returns
   * false if the stream is full before that; then `next` is behind what was sent.
   */
  offer(watcher: Watcher, batch: EventBatch, revision: number): boolean;
  /** Keeps a watcher that is behind until the client has read some of what waits for it. */
  park(watcher: Watcher): void;
  /** Tells that compaction took what the watcher needs. */
  overtaken(watcher: Watcher, compactRevision: number): void;
  /** Ends the stream and all its watchers because of a defect; its client can resume on another one. */
  fail(): void;
}
