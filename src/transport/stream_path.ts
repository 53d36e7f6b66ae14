/**
 * Streaming calls, served straight at their HTTP/2 stream. Large parts of messages are held by reference until the client
 * takes them, so that what many calls send at once is there once.
 */

import { Buffer } from "node:buffer";
import type { ServerHttp2Stream } from "node:http2";
import { GRPC, StatusError } from "../errors.ts";
import type { MessageParts, StreamCall, StreamHandler } from "./call.ts";
import {
  DirectCall,
  type DirectCallOptions,
  type DirectRequest,
  respondWithStatus,
  RESPONSE_HEADERS,
  RESPONSE_OPTIONS,
  stopReading,
  stopReadingWhenSent,
} from "./direct_call.ts";
import {
  frameMessage,
  LARGE_PART_BYTES,
  MessageSplitter,
  partsLength,
  RequestReader,
} from "./framing.ts";
import { encodeGrpcMessage } from "./grpc_message.ts";
import { MessageQueue } from "./message_queue.ts";
import { SendQueue } from "./send_queue.ts";
import type { Status } from "./status.ts";

/** What a stream may have queued before `send` returns false, and what it must fall to before `drained` resolves. */
export const STREAM_BUFFER_BYTES_MAX = 256 * 1024;
export const STREAM_BUFFER_BYTES_LOW = 64 * 1024;

const OK: Status = { code: GRPC.OK, message: "" };

interface StreamOptions {
  readonly request: DirectRequest<StreamHandler>;
  readonly shared: DirectCallOptions;
  readonly kind: "server-stream" | "bidi";
}

/** Serves one call. */
export function serveStream(stream: ServerHttp2Stream, options: StreamOptions): void {
  new DirectStreamCall(stream, options).start(options.kind);
}

class DirectStreamCall extends DirectCall<StreamHandler> implements StreamCall {
  readonly requests: MessageQueue;
  readonly #output: SendQueue;
  #drainWaiters: (() => void)[] = [];
  /** What the call ends with, once that is known. */
  #status = OK;
  #peer: string;

  constructor(stream: ServerHttp2Stream, options: StreamOptions) {
    super(stream, options);
    this.requests = new MessageQueue(stream);
    this.#output = new SendQueue(stream);
    // Asked at once: the address is gone with the connection.
    this.#peer = super.peer;
  }

  override get peer(): string {
    return this.#peer;
  }

  start(kind: StreamOptions["kind"]): void {
    if (!this.begin()) return;
    const { stream } = this;
    stream.on("drain", () => this.#onDrain());
    if (kind === "bidi") {
      this.#readMessages();
      this.#run();
    } else {
      this.#readRequest();
    }
  }

  /** Reads any number of messages. */
  #readMessages(): void {
    const splitter = new MessageSplitter(this.shared.maxReceiveBytes);
    const take = (message: Uint8Array) => {
      this.request.observer?.received(message.byteLength);
      this.requests.push(message);
    };
    this.stream.on("data", (chunk: Buffer) => {
      if (this.isOver) return;
      const problem = splitter.push(chunk, take);
      if (problem !== undefined) this.abort(problem);
    });
    this.stream.on("end", () => {
      if (this.isOver) return;
      const problem = splitter.finish();
      if (problem === undefined) this.requests.end();
      else this.abort(problem);
    });
  }

  /** Reads the one message that a server-streaming method is called with. */
  #readRequest(): void {
    const reader = new RequestReader(this.shared.maxReceiveBytes);
    this.stream.on("data", (chunk: Buffer) => {
      if (this.isOver) return;
      const problem = reader.push(chunk);
      if (problem !== undefined) this.abort(problem);
    });
    this.stream.on("end", () => {
      if (this.isOver) return;
      const message = reader.finish();
      if (message instanceof StatusError) return this.abort(message);
      this.request.observer?.received(message.byteLength);
      this.requests.push(message);
      this.requests.end();
      this.#run();
    });
  }

  #run(): void {
    // An async function, so that a handler that throws at once is a rejection too.
    (async () => await this.request.handle(this))().then(
      () => {
        if (this.isOver) return;
        this.finish(GRPC.OK);
        this.tell(OK);
      },
      (error) => this.fail(error),
    );
  }

  get bufferedBytes(): number {
    return this.#output.bytes;
  }

  holds(part: Uint8Array): boolean {
    return part.byteLength >= LARGE_PART_BYTES && this.#output.holds(part);
  }

  send(message: MessageParts): boolean {
    const { stream } = this;
    // The stream can be gone before its `close` event has told.
    if (this.isOver || stream.destroyed || stream.closed) return false;
    this.#respond();
    this.request.observer?.sent(partsLength(message));
    for (const chunk of frameMessage(message)) this.#output.push(chunk);
    return this.#output.bytes < STREAM_BUFFER_BYTES_MAX;
  }

  /** Headers go out with the first message, or with the status if there is none. */
  #respond(): void {
    const { stream } = this;
    if (stream.headersSent) return;
    stream.on("wantTrailers", () => {
      if (stream.destroyed || stream.closed) return;
      const { code, message } = this.#status;
      const trailers = { "grpc-status": String(code), "grpc-message": encodeGrpcMessage(message) };
      stream.sendTrailers(trailers);
      stopReadingWhenSent(stream);
    });
    stream.respond(RESPONSE_HEADERS, RESPONSE_OPTIONS);
  }

  drained(): Promise<void> {
    if (this.isOver || this.#output.bytes <= STREAM_BUFFER_BYTES_LOW) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  #onDrain(): void {
    this.#output.pump();
    if (this.#output.bytes <= STREAM_BUFFER_BYTES_LOW) this.#wakeDrainWaiters();
  }

  #wakeDrainWaiters(): void {
    if (this.#drainWaiters.length === 0) return;
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }

  protected override finish(code: number): void {
    super.finish(code);
    this.requests.cancel();
    this.#wakeDrainWaiters();
  }

  protected override tell(status: Status): void {
    const { stream } = this;
    if (stream.destroyed || stream.closed) {
      this.#output.clear();
    } else if (stream.headersSent) {
      this.#status = status;
      this.#output.end();
      // A client that leaves without reading to the end must not keep what waits for it.
      stream.on("close", () => this.#output.clear());
    } else {
      respondWithStatus(stream, status);
      if (!stream.readableEnded) stopReading(stream);
    }
  }
}
