/** A client for this folder's tests: it notes what it is sent and reads when the test says so. */
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import { WatchResponseSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import { Event_EventType as EventType } from "../../gen/mvccpb/kv_pb.ts";
import type { EventBlock } from "./event_batch.ts";
import type { WatchOutlet } from "./watch_stream.ts";
import type { Watcher, WatcherOptions } from "./watcher.ts";

const NOTHING = new Uint8Array();

/** What came, in few words: `created 0 @1`, `0: 2 a=1, 2 b, 3 a=2 @3`, `progress -1 @3`, `overtaken 0 by 5`. */
export class FakeOutlet implements WatchOutlet {
  readonly seen: string[] = [];
  /** Revisions of the events of each watcher. */
  readonly revisions = new Map<bigint, number[]>();
  #isFull = false;
  #drained = Promise.withResolvers<void>();
  #news = Promise.withResolvers<void>();

  /** Whether the client reads no more once it is sent events. */
  fillsAtEvents = false;

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

  /** A block that may be sent again although the client does not read. */
  held: EventBlock | undefined;
  /** Thrown at the next events. */
  defect: Error | undefined;

  holds(block: EventBlock): boolean {
    return block === this.held;
  }

  fail(): void {
    this.#note("failed");
  }

  events(watcher: Watcher, block: EventBlock, revision: number): void {
    if (this.defect !== undefined) throw this.defect;
    if (this.fillsAtEvents) {
      this.#isFull = true;
      this.held = block;
    }
    const revisions = this.revisions.get(watcher.id) ?? [];
    this.revisions.set(watcher.id, revisions);
    const events = fromBinary(WatchResponseSchema, block.bytes).events.map(({ type, kv }) => {
      const { key = NOTHING, value = NOTHING, modRevision } = kv ?? {};
      revisions.push(Number(modRevision));
      const put = type === EventType.PUT ? `=${Buffer.from(value)}` : "";
      return `${modRevision} ${Buffer.from(key).toString("latin1")}${put}`;
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
