/** One watch stream, and for each of its watches the messages that the model says must come. */

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import {
  type WatchCreateRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "../../gen/etcdserverpb/watch_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import assert from "node:assert/strict";
import type { EtcdModel } from "./etcd_model.ts";
import { readable } from "./readable_message.ts";
import { startWatch, type WatcherModel } from "./watch_model.ts";

/** How long a stream may stay silent before progress is asked for again. */
const PROGRESS_RETRY_MS = 50;
/** Requests for progress before the watches count as stuck: half a minute's worth. */
const PROGRESS_REQUESTS_MAX = 600;

interface Watch {
  readonly watcher: WatcherModel;
  /** Owed by the server and not there yet. */
  readonly owed: Event[];
  eventsSeen: number;
}

export class WatchProbe {
  readonly #stream: ReturnType<EtcdClient["watch"]["watch"]>;
  readonly #model: EtcdModel;
  readonly #where: () => string;
  readonly #watches = new Map<bigint, Watch>();
  /**
   * Ids of watches that a compaction ended. etcd keeps them in use, and then answers no request
   * for progress on the stream; that is not asked of anybody, so histories stay away from both.
   */
  readonly #compactedIds = new Set<bigint>();
  /** Ids are chosen from here upwards, past those in use. */
  #nextId = 0n;

  constructor(client: EtcdClient, { model, where }: { model: EtcdModel; where: () => string }) {
    this.#stream = client.watch.watch();
    this.#model = model;
    this.#where = where;
  }

  get ids(): bigint[] {
    return [...this.#watches.keys()];
  }

  /** Whether a client may choose this id: it is free, or it is known to be taken. */
  mayChoose(id: bigint): boolean {
    return !this.#compactedIds.has(id);
  }

  /** The highest revision that a watch of the stream still waits to begin at. */
  get startsAt(): number {
    return Math.max(0, ...[...this.#watches.values()].map(({ watcher }) => watcher.nextRevision));
  }

  /** Asks for a watch and reads up to the end of its beginning. */
  async create(request: WatchCreateRequest): Promise<void> {
    const idTaken = request.watchId !== 0n && this.#watches.has(request.watchId);
    const start = startWatch(this.#model.store, request, { idTaken });
    this.#send({ case: "createRequest", value: request });
    if (start.outcome === "refused") {
      await this.#expectControl({ watchId: -1n, created: true, canceled: true }, start);
      return;
    }
    const watchId = request.watchId === 0n ? this.#takeId() : request.watchId;
    await this.#expectControl({ watchId, created: true }, {});
    if (start.outcome === "compacted") {
      const compactRevision = BigInt(start.compactRevision);
      // No header revision: that this watch is over says nothing about the store.
      const canceled = { watchId, canceled: true, compactRevision };
      await this.#expectControl(canceled, { revision: 0n });
      this.#compactedIds.add(watchId);
      return;
    }
    this.#watches.set(watchId, { watcher: start.watcher, owed: [], eventsSeen: 0 });
    this.advance();
  }

  /** Ends a watch; all it is owed has to have come before. */
  async cancel(watchId: bigint): Promise<void> {
    await this.settle();
    this.#watches.delete(watchId);
    this.#send({ case: "cancelRequest", value: { watchId } });
    await this.#expectControl({ watchId, canceled: true }, {});
  }

  /** A request to cancel what is not there gets no answer: the next one must belong to the next. */
  cancelUnknown(watchId: bigint): void {
    this.#send({ case: "cancelRequest", value: { watchId } });
  }

  /** Books what the last step owes to each watch. */
  advance(): void {
    for (const { watcher, owed } of this.#watches.values()) owed.push(...watcher.takeEvents());
  }

  /** Reads until every watch has got what it is owed. */
  async settle(): Promise<void> {
    while ([...this.#watches.values()].some(({ owed }) => owed.length > 0)) {
      this.#accept(await this.#next());
    }
  }

  /**
   * Sees that nothing came that is not owed, and ends every watch. None may still wait for its
   * start revision: etcd would then give no progress.
   */
  async finish(): Promise<void> {
    await this.settle();
    if (this.#compactedIds.size === 0 && this.#watches.size > 0) await this.#progress();
    for (const id of this.ids) await this.cancel(id);
  }

  /** Asks until it is answered; whatever a watch was sent and is not owed would come before. */
  async #progress(): Promise<void> {
    for (let request = 0; request < PROGRESS_REQUESTS_MAX; request++) {
      this.#send({ case: "progressRequest", value: {} });
      const response = await this.#stream.next(PROGRESS_RETRY_MS).catch(noMessage);
      if (response === undefined) continue;
      const expected = { watchId: -1n, events: [], revision: BigInt(this.#model.store.revision) };
      const { watchId, events, header } = response;
      const got = { watchId, events, revision: header?.revision };
      assert.deepEqual(readable(got), readable(expected), `${this.#where()}: progress`);
      return;
    }
    assert.fail(`${this.#where()}: a request for progress is never answered`);
  }

  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }

  #takeId(): bigint {
    const inUse = (id: bigint) => this.#watches.has(id) || this.#compactedIds.has(id);
    while (inUse(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  /** Reads on until the reply to a request; events of other watches may come before it. */
  async #expectControl(
    expected: { watchId: bigint; created?: boolean; canceled?: boolean; compactRevision?: bigint },
    { cancelReason = "", revision = BigInt(this.#model.store.revision) }: {
      readonly cancelReason?: string;
      readonly revision?: bigint;
    },
  ): Promise<void> {
    let response = await this.#next();
    while (!response.created && !response.canceled) {
      this.#accept(response);
      response = await this.#next();
    }
    const { created = false, canceled = false, compactRevision = 0n } = expected;
    assert.deepEqual(
      readable({ ...response, header: response.header?.revision }),
      readable({
        watchId: expected.watchId,
        created,
        canceled,
        compactRevision,
        cancelReason,
        fragment: false,
        events: [],
        header: revision,
      }),
      `${this.#where()}: reply to a watch request`,
    );
  }

  /** Takes events off what their watch is owed. */
  #accept(response: WatchResponse): void {
    const where = `${this.#where()}: events for watch ${response.watchId}`;
    const watch = this.#watches.get(response.watchId);
    const { events, created, canceled, compactRevision, fragment, cancelReason } = response;
    assert(
      watch !== undefined,
      `${where}, which is not open: ${JSON.stringify(readable(response))}`,
    );
    assert.deepEqual(
      { created, canceled, compactRevision, fragment, cancelReason },
      { created: false, canceled: false, compactRevision: 0n, fragment: false, cancelReason: "" },
      where,
    );
    assert.notEqual(events.length, 0, `${where}: none, and nobody asked`);
    const owed = watch.owed.splice(0, events.length);
    assert.deepEqual(
      readable(events),
      readable(owed),
      `${where} from event ${watch.eventsSeen} on`,
    );
    watch.eventsSeen += events.length;

    const last = events.at(-1)?.kv?.modRevision ?? 0n;
    assert.notEqual(watch.owed[0]?.kv?.modRevision, last, `${where}: revision ${last} is split`);
    const revision = response.header?.revision ?? 0n;
    const known = BigInt(this.#model.store.revision);
    assert(revision >= last && revision <= known, `${where}: header revision ${revision}`);
  }

  #next(): Promise<WatchResponse> {
    return this.#stream.next();
  }

  #send(requestUnion: NonNullable<MessageInitShape<typeof WatchRequestSchema>["requestUnion"]>) {
    const request = create(WatchRequestSchema, { requestUnion });
    this.#stream.sendBytes(toBinary(WatchRequestSchema, request));
  }
}

function noMessage(error: unknown): undefined {
  if (error instanceof Error && error.message.includes("nothing in")) return undefined;
  throw error;
}
