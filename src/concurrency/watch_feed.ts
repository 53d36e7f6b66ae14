/** A watch that the server makes for itself, through its own Watch method: what a client would get, without a connection. */

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/etcdserverpb/watch_pb.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import type { CallContext, MessageParts, StreamCall, StreamHandler } from "../transport/call.ts";
import { joinParts } from "../transport/framing.ts";

export interface WatchFeedOptions {
  readonly handle: StreamHandler;
  /** Whose watch it is: it ends with this call at the latest. */
  readonly caller: CallContext;
  readonly request: MessageInitShape<typeof WatchCreateRequestSchema>;
}

/** The answers wait here until they are taken; the hub sees how many do and holds back, as for a slow client. */
export class WatchFeed implements StreamCall, AsyncDisposable {
  readonly requests: AsyncIterable<Uint8Array>;
  readonly #caller: CallContext;
  readonly #controller = new AbortController();
  readonly #end: () => void;
  readonly #served: Promise<void>;
  readonly #responses: Uint8Array[] = [];
  #bufferedBytes = 0;
  #isOver = false;
  #failure: unknown;
  #arrival = Promise.withResolvers<void>();
  #room = Promise.withResolvers<void>();

  constructor({ handle, caller, request }: WatchFeedOptions) {
    this.#caller = caller;
    const message = create(WatchRequestSchema, {
      requestUnion: { case: "createRequest", value: request },
    });
    this.requests = once(toBinary(WatchRequestSchema, message));
    this.#end = () => this.#controller.abort(caller.signal.reason);
    if (caller.signal.aborted) this.#end();
    else caller.signal.addEventListener("abort", this.#end, { once: true });
    this.#served = this.#serve(handle);
  }

  async #serve(handle: StreamHandler): Promise<void> {
    try {
      await handle(this);
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#isOver = true;
      this.#arrival.resolve();
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get peer(): string {
    return this.#caller.peer;
  }

  get authority(): string {
    return this.#caller.authority;
  }

  get clientName(): string | undefined {
    return this.#caller.clientName;
  }

  metadata(name: string): string | undefined {
    return this.#caller.metadata(name);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  holds(): boolean {
    return false;
  }

  send(parts: MessageParts): boolean {
    if (this.signal.aborted) return false;
    const bytes = joinParts(parts);
    this.#responses.push(bytes);
    this.#bufferedBytes += bytes.length;
    this.#arrival.resolve();
    return false;
  }

  drained(): Promise<void> {
    return this.#responses.length === 0 || this.signal.aborted
      ? Promise.resolve()
      : this.#room.promise;
  }

  /**
   * Each response with events, in order.
   *
   * @throws {StatusError} when the watch is canceled, or the call ends that it was made for
   */
  async *changes(): AsyncGenerator<WatchResponse> {
    for (;;) { // Ends with the watch.
      const response = await this.#next();
      if (response.canceled) throw canceled(response);
      if (response.events.length > 0) yield response;
    }
  }

  async #next(): Promise<WatchResponse> {
    while (this.#responses.length === 0) {
      this.signal.throwIfAborted();
      if (this.#isOver) {
        throw this.#failure ?? new StatusError(GRPC.UNKNOWN, "the watch has ended");
      }
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers();
    }
    const bytes = this.#responses.shift() ?? new Uint8Array();
    this.#bufferedBytes -= bytes.length;
    if (this.#responses.length === 0) {
      this.#room.resolve();
      this.#room = Promise.withResolvers();
    }
    return fromBinary(WatchResponseSchema, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#caller.signal.removeEventListener("abort", this.#end);
    this.#controller.abort();
    this.#room.resolve();
    await this.#served;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** As etcd's client takes it. */
function canceled({ compactRevision, cancelReason }: WatchResponse): StatusError {
  if (compactRevision !== 0n) return new EtcdError("compacted");
  return new StatusError(GRPC.UNKNOWN, cancelReason);
}
