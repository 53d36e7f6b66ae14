/** One client stream: its watchers by id, what waits until the client reads, and progress. */
import type { EventBatch, EventBlock } from "./event_batch.ts";
import type { WatchHub } from "./hub.ts";
import { Watcher, type WatcherOptions, type WatcherStream } from "./watcher.ts";

/** The id in responses that are for all watchers of a stream, or for one that could not be made. */
export const NO_WATCH_ID = -1n;

/** Where a stream's responses go. Calls are made in the order in which the client shall see them. */
export interface WatchOutlet {
  /** Whether so much waits for the client that nothing should be added. */
  readonly isFull: boolean;
  /** Whether the block waits already, for another watcher: sending it once more takes no memory. */
  holds(block: EventBlock): boolean;
  /** Resolves when the client has read some of what waits, or is gone. */
  drained(): Promise<void>;
  created(watchId: bigint, revision: number): void;
  events(watcher: Watcher, block: EventBlock, revision: number): void;
  progress(watchId: bigint, revision: number): void;
  overtaken(watchId: bigint, compactRevision: number): void;
  /** Ends the stream with an error. */
  fail(): void;
}

export interface WatchStreamOptions {
  readonly hub: WatchHub;
  readonly outlet: WatchOutlet;
  readonly progressIntervalMs: number;
  /** In [0, 1); spreads the progress notifications of streams that began together. */
  readonly random?: () => number;
}

export class WatchStream implements WatcherStream, Disposable {
  readonly #options: WatchStreamOptions;
  readonly #watchers = new Map<bigint, Watcher>();
  /** Watchers that are behind and wait for the client. */
  readonly #parked = new Set<Watcher>();
  #nextId = 0n;
  #isDraining = false;
  #isClosed = false;
  #progressTimer: ReturnType<typeof setInterval> | undefined;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    options.hub.open(this);
  }

  get isFull(): boolean {
    return this.#options.outlet.isFull;
  }

  /** Makes a watcher and says so to the client; returns false if the id is taken. Id 0 asks for a free one. */
  create(wantedId: bigint, options: WatcherOptions): boolean {
    if (wantedId !== 0n && this.#watchers.has(wantedId)) return false;
    const id = wantedId === 0n ? this.#freeId() : wantedId;
    const watcher = new Watcher(id, this, options);
    this.#watchers.set(id, watcher);
    if (options.progressNotify) this.#startProgress();
    const { hub, outlet } = this.#options;
    outlet.created(id, hub.revision);
    hub.add(watcher);
    return true;
  }

  #freeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  /** Ends a watcher; returns false if there is none of this id. */
  cancel(id: bigint): boolean {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return false;
    this.#watchers.delete(id);
    this.#remove(watcher);
    return true;
  }

  /** Tells the client how far all watchers are, if all have been given everything; else nothing, as in etcd. */
  requestProgress(): void {
    const { hub, outlet } = this.#options;
    if (this.#watchers.size === 0) return;
    for (const watcher of this.#watchers.values()) if (!hub.isCurrent(watcher)) return;
    outlet.progress(NO_WATCH_ID, hub.revision);
  }

  offer(watcher: Watcher, batch: EventBatch, revision: number): boolean {
    const { hub, outlet } = this.#options;
    const { blocks } = batch.from(watcher.next);
    for (const block of blocks) {
      if (outlet.isFull && !outlet.holds(block)) return false;
      // A client may go on behind the revision of the last response that it got, so none may be ahead of its events.
      const isLast = block === blocks.at(-1);
      outlet.events(watcher, block, isLast ? revision : block.lastRevision);
      watcher.next = block.lastRevision + 1;
      watcher.isProgressDue = false;
      hub.eventsSent += block.sizes.length;
    }
    return true;
  }

  park(watcher: Watcher): void {
    if (this.#isClosed) return;
    this.#parked.add(watcher);
    if (!this.#isDraining) void this.#resumeWhenDrained();
  }

  async #resumeWhenDrained(): Promise<void> {
    this.#isDraining = true;
    await this.#options.outlet.drained();
    this.#isDraining = false;
    const parked = [...this.#parked];
    this.#parked.clear();
    for (const watcher of parked) this.#options.hub.resume(watcher);
  }

  overtaken(watcher: Watcher, compactRevision: number): void {
    this.#parked.delete(watcher);
    this.#options.outlet.overtaken(watcher.id, compactRevision);
  }

  fail(): void {
    this[Symbol.dispose]();
    this.#options.outlet.fail();
  }

  #remove(watcher: Watcher): void {
    this.#parked.delete(watcher);
    this.#options.hub.remove(watcher);
  }

  #startProgress(): void {
    if (this.#progressTimer !== undefined) return;
    const { progressIntervalMs, random = Math.random } = this.#options;
    const jitterMs = random() * progressIntervalMs / 10;
    this.#progressTimer = setInterval(() => this.#notifyProgress(), progressIntervalMs + jitterMs);
  }

  /** A watcher that was sent an event since the last time is left out once. */
  #notifyProgress(): void {
    const { hub, outlet } = this.#options;
    for (const watcher of this.#watchers.values()) {
      if (!watcher.options.progressNotify) continue;
      if (watcher.isProgressDue && hub.isCurrent(watcher) && !outlet.isFull) {
        outlet.progress(watcher.id, hub.revision);
      }
      watcher.isProgressDue = true;
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#progressTimer);
    for (const watcher of this.#watchers.values()) this.#remove(watcher);
    this.#watchers.clear();
    this.#options.hub.close(this);
  }
}
