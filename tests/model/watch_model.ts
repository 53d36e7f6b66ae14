/** Watch: how a watch begins, and the events it is owed. */

import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import {
  type WatchCreateRequest,
  WatchCreateRequest_FilterType as Filter,
} from "../../gen/etcdserverpb/watch_pb.ts";
import { bytesOf, byteString } from "./byte_string.ts";
import { inRange, type KeyRange } from "./key_range_model.ts";
import { eventMessage } from "./messages.ts";
import type { KeyEvent, KeyVersion, StoreModel } from "./store_model.ts";

/** How a create request ends. */
export type WatchStart =
  /** One reply, created and canceled at once, with the reason and the watch id -1. */
  | { readonly outcome: "refused"; readonly cancelReason: string }
  /** Created; then canceled, without a reason, by a reply that names the compact revision. */
  | { readonly outcome: "compacted"; readonly compactRevision: number }
  | { readonly outcome: "watching"; readonly watcher: WatcherModel };

export function startWatch(
  store: StoreModel,
  request: WatchCreateRequest,
  { idTaken }: { readonly idTaken: boolean },
): WatchStart {
  // No key means the smallest one there is.
  const key = request.key.length > 0 ? request.key : bytesOf("\0");
  const range = { key, rangeEnd: request.rangeEnd };
  const startRevision = Number(request.startRevision);
  if (startRevision < 0) {
    const cancelReason = "etcdserver: mvcc: required revision has been compacted";
    return { outcome: "refused", cancelReason };
  }
  if (isEmpty(range)) {
    return { outcome: "refused", cancelReason: "mvcc: watcher range is empty" };
  }
  if (idTaken) {
    return {
      outcome: "refused",
      cancelReason: "mvcc: duplicate watch ID provided on the WatchStream",
    };
  }
  if (startRevision > 0 && startRevision < store.compactRevision) {
    return { outcome: "compacted", compactRevision: store.compactRevision };
  }
  return { outcome: "watching", watcher: new WatcherModel(store, { ...request, ...range }) };
}

function isEmpty({ key, rangeEnd }: KeyRange): boolean {
  const end = byteString(rangeEnd);
  return end !== "" && end !== "\0" && byteString(key) >= end;
}

type WatcherOptions = Pick<
  WatchCreateRequest,
  "key" | "rangeEnd" | "startRevision" | "filters" | "prevKv"
>;

/** A watch that goes on: the events it is owed, each once and in order. */
export class WatcherModel {
  readonly #store: StoreModel;
  readonly #options: WatcherOptions;
  /** No event of a revision before this one is owed any more. */
  #nextRevision: number;

  constructor(store: StoreModel, options: WatcherOptions) {
    this.#store = store;
    this.#options = options;
    const startRevision = Number(options.startRevision);
    this.#nextRevision = startRevision === 0 ? store.revision + 1 : startRevision;
  }

  get nextRevision(): number {
    return this.#nextRevision;
  }

  /**
   * The events since the last call. They have to be taken before a compaction: what a delayed
   * watch still finds after one depends on the time.
   */
  takeEvents(): Event[] {
    const events: Event[] = [];
    for (; this.#nextRevision <= this.#store.revision; this.#nextRevision++) {
      for (const event of this.#store.eventsAt(this.#nextRevision)) {
        if (this.#wants(event)) events.push(eventMessage(event, this.#previous(event)));
      }
    }
    return events;
  }

  #wants({ type, kv }: KeyEvent): boolean {
    const filter = type === "put" ? Filter.NOPUT : Filter.NODELETE;
    return inRange(kv.key, this.#options) && !this.#options.filters.includes(filter);
  }

  /** The key as the revision before left it; none for a new key, none when compacted. */
  #previous({ type, kv }: KeyEvent): KeyVersion | undefined {
    const isNew = type === "put" && kv.createRevision === kv.modRevision;
    const revision = kv.modRevision - 1;
    if (!this.#options.prevKv || isNew || revision < this.#store.compactRevision) return undefined;
    return this.#store.keysAt(revision).get(kv.key);
  }
}
