/** A client for this folder's tests: it notes what it is sent and reads when the test says so. */
import { Buffer } from "node:buffer";
import { parseKv } from "../mvcc/stored_kv.ts";
import type { EventBatch } from "./event_batch.ts";
import type { WatchOutlet } from "./watch_stream.ts";
import type { Watcher, WatcherOptions } from "./watcher.ts";

/** What came, in few words: `created 0 @1`, `0: 2 a=1, 2 b, 3 a=2 @3`, `progress -1 @3`, `overtaken 0 by 5`. */
export class FakeOutlet implements WatchOutlet {
  readonly seen: string[] = [];
  /** Revisions of the events of each watcher. */
  readonly revisions = new Map<bigint, number[]>();
  #isFull = false;
  #drained = Promise.withResolvers<void>();
  #news = Promise.withResolvers<void>();

  get isFull(): boolean {
    return this.#isFull;
  }

  fill(): void {
    this.#isFull = true;
  }

  drain(): void {
    this.#isFull = false;
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
  }

  drained(): Promise<void> {
    return this.#isFull ? this.#drained.promise : Promise.resolve();
  }

  created(watchId: bigint, revision: number): void {
    this.#note(`created ${watchId} @${revision}`);
  }

  events(watcher: Watcher, batch: EventBatch, revision: number): void {
    const revisions = this.revisions.get(watcher.id) ?? [];
    this.revisions.set(watcher.id, revisions);
    const events = batch.events.map(({ row }) => {
      revisions.push(row.revision);
      const { key, value } = parseKv(row.kv);
      const put = `=${Buffer.from(value)}`;
      return `${row.revision} ${Buffer.from(key).toString("latin1")}${row.tombstone ? "" : put}`;
    });
    this.#note(`${watcher.id}: ${events.join(", ")} @${revision}`);
  }

  progress(watchId: bigint, revision: number): void {
    this.#note(`progress ${watchId} @${revision}`);
  }

  overtaken(watchId: bigint, compactRevision: number): void {
    this.#note(`overtaken ${watchId} by ${compactRevision}`);
  }

  #note(news: string): void {
    this.seen.push(news);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Waits until the condition holds; it is looked at after each thing that comes. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#news.promise;
  }
}

/** A watcher of one key, or of the interval if `end` is given. */
export function watching(
  start: string,
  options: Partial<WatcherOptions> = {},
): WatcherOptions {
  return {
    start,
    end: null,
    single: options.end === undefined,
    startRevision: 0,
    noPut: false,
    noDelete: false,
    prevKv: false,
    fragment: false,
    progressNotify: false,
    ...options,
  };
}
