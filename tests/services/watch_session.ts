// One watch stream in a test: requests out, responses sorted by watcher, promises checked.

import assert from "node:assert/strict";
import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import type {
  Watch,
  WatchCreateRequestSchema,
  WatchResponse,
} from "../../gen/etcdserverpb/watch_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import type { CallExtras } from "../support/grpc_client.ts";
import type { GrpcStream } from "../support/grpc_stream.ts";
import type { InitOf } from "../support/message_init.ts";

/** The id in responses that are for the stream, or for a watcher that could not be made. */
export const NO_WATCH_ID = -1n;

export type WatchCreate = InitOf<typeof WatchCreateRequestSchema>;

type WatchMethod = typeof Watch.method.watch;

/** An event in few words, to compare whole lists of them. */
export interface SeenEvent {
  readonly type: "put" | "delete";
  readonly key: string;
  readonly value: string;
  readonly revision: number;
}

export class WatchSession implements Disposable {
  readonly stream: GrpcStream<WatchMethod["input"], WatchMethod["output"]>;
  /** Responses that were read while looking for another one. */
  readonly #pending: WatchResponse[] = [];
  /** The newest revision that each watcher was given events of. */
  readonly #delivered = new Map<bigint, bigint>();

  constructor(client: EtcdClient, extras?: CallExtras) {
    this.stream = client.watch.watch(extras);
  }

  /** Asks for a watcher without waiting for the answer. */
  sendCreate(create: WatchCreate): void {
    this.stream.send({ requestUnion: { case: "createRequest", value: create } });
  }

  sendCancel(watchId: bigint): void {
    this.stream.send({ requestUnion: { case: "cancelRequest", value: { watchId } } });
  }

  sendProgress(): void {
    this.stream.send({ requestUnion: { case: "progressRequest", value: {} } });
  }

  /** The answer to the oldest create request that was not answered yet. */
  created(): Promise<WatchResponse> {
    return this.find((response) => response.created);
  }

  /** Makes a watcher and returns its id. */
  async create(create: WatchCreate): Promise<bigint> {
    this.sendCreate(create);
    const response = await this.created();
    assert.equal(response.canceled, false, response.cancelReason);
    assert.equal(response.events.length, 0);
    return response.watchId;
  }

  /** Ends a watcher and returns the server's answer to that. */
  async cancel(watchId: bigint): Promise<WatchResponse> {
    this.sendCancel(watchId);
    return await this.find((response) => response.watchId === watchId && response.canceled);
  }

  /** The next response for one watcher that is no answer to a create request. */
  async response(watchId: bigint): Promise<WatchResponse> {
    const response = await this.find((one) => one.watchId === watchId && !one.created);
    this.#check(response);
    return response;
  }

  /** The next events of one watcher, exactly so many, from as many responses as they came in. */
  async rawEvents(watchId: bigint, count: number): Promise<Event[]> {
    const events: Event[] = [];
    while (events.length < count) {
      const response = await this.response(watchId);
      assert.equal(response.canceled, false, `canceled: ${response.cancelReason}`);
      events.push(...response.events);
    }
    assert.equal(events.length, count, "more events than there are changes");
    return events;
  }

  /** The next events of one watcher in few words. */
  async events(watchId: bigint, count: number): Promise<SeenEvent[]> {
    return (await this.rawEvents(watchId, count)).map(seenEvent);
  }

  /** Asks for progress until the server gives it; it need not while a watcher is behind. */
  async progress(): Promise<bigint> {
    // Each turn is a round trip, as a watcher is made and ended; a server that never answers fails.
    for (let turn = 0; turn < 500; turn++) {
      this.sendProgress();
      const watchId = await this.create({ key: "no one writes this key" });
      await this.cancel(watchId);
      const response = this.take((one) => one.watchId === NO_WATCH_ID);
      if (response !== undefined) return revisionOf(response);
    }
    assert.fail("no answer to progress requests");
  }

  /** The first response, read or still to come, that fits. The others wait for their turn. */
  async find(fits: (response: WatchResponse) => boolean): Promise<WatchResponse> {
    const early = this.take(fits);
    if (early !== undefined) return early;
    // Ends with the response or with the stream's own time limit.
    for (;;) {
      const response = await this.stream.next();
      if (fits(response)) return response;
      this.#pending.push(response);
    }
  }

  /** The first response that has been read already and fits, if there is one. */
  take(fits: (response: WatchResponse) => boolean): WatchResponse | undefined {
    const index = this.#pending.findIndex(fits);
    return index === -1 ? undefined : this.#pending.splice(index, 1)[0];
  }

  /** What was read while looking for something else. */
  get pending(): readonly WatchResponse[] {
    return this.#pending;
  }

  /** Nobody listens any more. */
  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
  }

  /** What holds for every response: nothing twice, nothing out of order, the header ahead. */
  #check(response: WatchResponse): void {
    const [first] = response.events;
    const last = response.events.at(-1);
    if (first === undefined || last === undefined) return;
    const delivered = this.#delivered.get(response.watchId) ?? 0n;
    // Only fragments may split the events of one revision.
    assert.ok(modRevision(first) > delivered, "a revision came twice, late or in two responses");
    for (const [index, event] of response.events.entries()) {
      const before = response.events[index - 1];
      if (before !== undefined) assert.ok(modRevision(before) <= modRevision(event));
    }
    assert.ok(revisionOf(response) >= modRevision(last), "the header is behind the events");
    if (!response.fragment) this.#delivered.set(response.watchId, modRevision(last));
  }
}

export function revisionOf(response: {
  readonly header?: { readonly revision: bigint } | undefined;
}): bigint {
  assert.ok(response.header, "every response has a header");
  return response.header.revision;
}

export function seenEvent(event: Event): SeenEvent {
  assert.ok(event.kv, "every event has a key");
  const decoder = new TextDecoder();
  return {
    type: event.type === 0 ? "put" : "delete",
    key: decoder.decode(event.kv.key),
    value: decoder.decode(event.kv.value),
    revision: Number(event.kv.modRevision),
  };
}

function modRevision(event: Event): bigint {
  assert.ok(event.kv, "every event has a key");
  return event.kv.modRevision;
}
