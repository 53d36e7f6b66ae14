/**
 * Every watcher of the server. The hub is told of each commit, in order and before its writers are answered, and gives
 * its events to the watchers that are synced; the others catch up first (`catch_up.ts`). It never waits for a client.
 */
import type { Head, OpenOptions } from "../../backends/contract.ts";
import {
  WATCH_STREAM_BYTES_MAX,
  WATCH_STREAM_BYTES_MIN,
  WATCH_STREAMS_BYTES_MAX,
} from "../limits.ts";
import type { Store } from "../mvcc/store.ts";
import type { Commit, Restart } from "../mvcc/types.ts";
import { CatchUp } from "./catch_up.ts";
import { deliver } from "./delivery.ts";
import { RecentCommits } from "./recent_commits.ts";
import type { Watcher, WatcherStream } from "./watcher.ts";
import { WatcherIndex } from "./watcher_index.ts";

export interface WatchHubOptions {
  readonly store: Pick<Store, "backend" | "head" | "onCommit" | "onRestart">;
  readonly log: OpenOptions["log"];
}

export class WatchHub implements Disposable {
  readonly #recent: RecentCommits;
  readonly #catchUp: CatchUp;
  readonly #synced = new WatcherIndex();
  readonly #behind = new Set<Watcher>();
  #head: Head;
  readonly #streams = new Set<WatcherStream>();
  readonly #log: OpenOptions["log"];
  /** Events sent since the start, each counted once for each watcher; kept by `WatchStream`. For metrics. */
  eventsSent = 0;

  constructor({ store, log }: WatchHubOptions) {
    this.#head = store.head;
    this.#log = log;
    this.#recent = new RecentCommits(store.head.revision);
    this.#catchUp = new CatchUp({
      backend: store.backend,
      recent: this.#recent,
      head: () => this.#head,
      synced: (watcher) => this.#join(watcher),
      overtaken: (watcher, compactRevision) => this.#overtaken(watcher, compactRevision),
      onDefect: (error) => this.#onDefect(error),
      log,
    });
    store.onCommit((commit) => this.#onCommit(commit));
    store.onRestart((restart) => this.#onRestart(restart));
  }

  #onDefect(error: unknown): void {
    this.#log("error", "defect: events could not be delivered", { error });
  }

  /** The revision up to which the synced watchers have been given everything. */
  get revision(): number {
    return this.#head.revision;
  }

  /** For metrics, as are the next two. */
  get watchers(): number {
    return this.#synced.size + this.#behind.size;
  }

  /** Watchers that have not been given everything yet. */
  get slowWatchers(): number {
    return this.#behind.size;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Revisions that slow watchers have not been given yet: of all of them together, and of the slowest. For metrics. */
  backlog(): { readonly sum: number; readonly max: number } {
    let sum = 0;
    let max = 0;
    for (const { next } of this.#behind) {
      const missing = Math.max(0, this.#head.revision - next + 1);
      sum += missing;
      max = Math.max(max, missing);
    }
    return { sum, max };
  }

  /** Bytes that may wait for the client of one stream. */
  get streamBytesMax(): number {
    return streamShare(this.#streams.size);
  }

  /** Takes a new stream, before its watchers. */
  open(stream: WatcherStream): void {
    this.#streams.add(stream);
  }

  /** Lets a stream go that has no watchers left. */
  close(stream: WatcherStream): void {
    this.#streams.delete(stream);
  }

  /** Takes a new watcher. */
  add(watcher: Watcher): void {
    const { startRevision } = watcher.options;
    if (startRevision === 0 || startRevision > this.#head.revision) {
      watcher.next = Math.max(startRevision, this.#head.revision + 1);
      this.#join(watcher);
    } else if (startRevision < this.#head.compactRevision) {
      this.#overtaken(watcher, this.#head.compactRevision);
    } else {
      this.#behind.add(watcher);
      this.#catchUp.add(watcher);
    }
  }

  remove(watcher: Watcher): void {
    if (watcher.state === "synced") this.#synced.delete(watcher);
    this.#leaveBehind(watcher);
    watcher.state = "ended";
  }

  /** Goes on with a watcher that its stream had parked. */
  resume(watcher: Watcher): void {
    if (watcher.state === "behind") this.#catchUp.add(watcher);
  }

  /** Whether the watcher has been given everything, and its start lies behind it. */
  isCurrent(watcher: Watcher): boolean {
    return watcher.state === "synced" && watcher.options.startRevision <= this.#head.revision;
  }

  [Symbol.dispose](): void {
    this.#catchUp[Symbol.dispose]();
  }

  #onCommit(commit: Commit): void {
    const before = this.#head;
    this.#head = commit.head;
    try {
      this.#distribute(commit, before);
    } catch (error) {
      this.#onDefect(error);
      // Nobody knows who has been given what, so all clients must ask again; and what is remembered may have a hole.
      this.#recent.restart(commit.head.revision);
      for (const stream of [...this.#streams]) stream.fail();
    }
  }

  /**
   * Events may be missing from here on. Where a compaction took them, who still needs them is told; where the history is
   * another one, so is everyone who was given any of the old one: they must read anew, or they would mix the two.
   */
  #onRestart({ before, head, isOther }: Restart): void {
    this.#head = head;
    this.#recent.restart(head.revision);
    const newest = Math.max(before.revision, head.revision);
    for (const watcher of [...this.#synced, ...this.#behind]) {
      if (watcher.state === "synced") this.#synced.delete(watcher);
      if (watcher.next > newest + 1) this.#join(watcher);
      else if (isOther) this.#overtaken(watcher, newest + 1);
      else this.#fallBehind(watcher, before);
    }
  }

  #fallBehind(watcher: Watcher, before: Head): void {
    if (watcher.state === "synced") watcher.next = Math.max(watcher.next, before.revision + 1);
    watcher.state = "behind";
    if (watcher.next < this.#head.compactRevision) {
      this.#overtaken(watcher, this.#head.compactRevision);
      return;
    }
    this.#behind.add(watcher);
    this.#catchUp.add(watcher);
  }

  #distribute({ head, rows }: Commit, before: Head): void {
    this.#recent.push(rows);
    // Revisions may be skipped, and then nothing here says that they hold nothing.
    if ((rows.at(-1)?.revision ?? before.revision) < head.revision) {
      this.#recent.restart(head.revision);
    }
    // What these events replace was there when they were written, whatever has been compacted since.
    const deliveries = this.#synced.distribute(rows, -1);
    const onDefect = (error: unknown) => this.#onDefect(error);
    for (const watcher of deliver(deliveries, { revision: head.revision, onDefect })) {
      if (watcher.state === "ended") continue;
      this.#synced.delete(watcher);
      watcher.state = "behind";
      watcher.next = Math.max(watcher.next, before.revision + 1);
      this.#behind.add(watcher);
      watcher.stream.park(watcher);
    }
    if (head.compactRevision > before.compactRevision) this.#dropOvertaken();
  }

  #dropOvertaken(): void {
    const { compactRevision } = this.#head;
    for (const watcher of this.#behind) {
      if (watcher.next < compactRevision) this.#overtaken(watcher, compactRevision);
    }
  }

  #join(watcher: Watcher): void {
    this.#leaveBehind(watcher);
    watcher.state = "synced";
    this.#synced.add(watcher);
  }

  #overtaken(watcher: Watcher, compactRevision: number): void {
    this.#leaveBehind(watcher);
    watcher.state = "overtaken";
    watcher.stream.overtaken(watcher, compactRevision);
  }

  #leaveBehind(watcher: Watcher): void {
    this.#behind.delete(watcher);
    this.#catchUp.delete(watcher);
  }
}

/** What each of so many streams may have waiting. */
export function streamShare(streams: number): number {
  const share = WATCH_STREAMS_BYTES_MAX / Math.max(streams, 1);
  return Math.min(Math.max(share, WATCH_STREAM_BYTES_MIN), WATCH_STREAM_BYTES_MAX);
}
