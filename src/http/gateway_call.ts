/** A call that came as JSON, for the handlers of the gRPC methods. */

import { Buffer } from "node:buffer";
import type { DescMethod } from "@bufbuild/protobuf";
import { GRPC, StatusError } from "../errors.ts";
import type { CallContext, MessageParts, Method, StreamCall } from "../transport/call.ts";
import type { CallFacts, CallObserver, CallSet, MethodObserver } from "../transport/calls.ts";
import { partsLength } from "../transport/framing.ts";
import { TIMER_MS_MAX } from "../transport/grpc_timeout.ts";
import { MessageQueue } from "../transport/message_queue.ts";
import { canceled, deadlineExceeded, type Status, type StatusMapper } from "../transport/status.ts";
import { STREAM_BUFFER_BYTES_LOW, STREAM_BUFFER_BYTES_MAX } from "../transport/stream_path.ts";
import type { Exchange } from "./exchange.ts";
import { metadataOf, timeoutOf } from "./gateway_metadata.ts";
import { grpcPathOf } from "./gateway_paths.ts";
import { httpStatusOf, replyStatus, statusJson } from "./gateway_status.ts";
import { escapeHtml, isLarge, jsonOfLargeMessage, jsonOfMessage } from "./message_json.ts";

/** What every answer has that a handler has begun, as etcd's. */
export const ANSWER_HEADERS = {
  "Content-Type": "application/json",
  "Grpc-Metadata-Content-Type": "application/grpc",
};

const KINDS: Readonly<Record<DescMethod["methodKind"], Method["kind"]>> = {
  unary: "unary",
  server_streaming: "server-stream",
  client_streaming: "bidi",
  bidi_streaming: "bidi",
};

/** What all calls of a gateway share. */
export interface GatewayCallOptions {
  readonly calls: CallSet;
  readonly mapStatus: StatusMapper;
  readonly observe: CallObserver | undefined;
}

export interface GatewayRequest {
  readonly exchange: Exchange;
  readonly method: DescMethod;
}

/** A call with one answer. */
export class GatewayCall implements CallContext, CallFacts {
  protected readonly exchange: Exchange;
  protected readonly method: DescMethod;
  readonly #options: GatewayCallOptions;
  readonly #controller = new AbortController();
  readonly #path: string;
  protected readonly observer: MethodObserver | undefined;
  requestMessage: Uint8Array | undefined;
  responseMessage: MessageParts | undefined;
  #startMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCounted = false;
  #isOver = false;

  constructor({ exchange, method }: GatewayRequest, options: GatewayCallOptions) {
    this.exchange = exchange;
    this.method = method;
    this.#options = options;
    this.#path = grpcPathOf(method);
    this.observer = options.observe?.(this.#path, KINDS[method.methodKind]);
    options.calls.add(this);
    exchange.onClose(() => this.abort(canceled()));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get peer(): string {
    return `${this.exchange.remoteAddress}:${this.exchange.remotePort}`;
  }

  get authority(): string {
    return this.exchange.host;
  }

  /** A gateway's certificate, or its client's, is nobody's name to etcd. */
  get clientName(): undefined {
    return undefined;
  }

  metadata(name: string): string | undefined {
    return metadataOf(this.exchange, name);
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  /** @throws {StatusError} if the client gives a time that cannot be read */
  startClock(): void {
    const timeoutMs = timeoutOf(this.exchange);
    if (timeoutMs === undefined) return;
    // Nothing can be done in less than a millisecond, and timers count whole ones.
    if (timeoutMs < 1) return this.abort(deadlineExceeded());
    this.#timer = setTimeout(
      () => this.abort(deadlineExceeded()),
      Math.min(timeoutMs, TIMER_MS_MAX),
    );
  }

  /** From here on it counts as a call. */
  begin(): void {
    this.#isCounted = true;
    this.#startMs = performance.now();
    this.observer?.started();
  }

  /** Notes the one request. */
  received(message: Uint8Array): void {
    this.requestMessage = message;
    this.observer?.received(message.byteLength);
  }

  /** Ends the call with what was thrown. */
  fail(error: unknown): void {
    const status = this.#options.mapStatus(error, this.#path);
    if (this.finish(status.code)) this.tell(status);
  }

  /** Ends the call from outside its handler, and tells the handler. */
  abort(reason: StatusError): void {
    if (!this.finish(reason.code)) return;
    this.tell(reason);
    this.#controller.abort(reason);
  }

  /** The same while the handler still runs. */
  breakOff(error: unknown): void {
    const { code, message } = this.#options.mapStatus(error, this.#path);
    this.abort(new StatusError(code, message));
  }

  async answer(parts: MessageParts): Promise<void> {
    if (this.#isOver) return;
    const json = isLarge(parts)
      ? await jsonOfLargeMessage(this.method.output, parts)
      : jsonOfMessage(this.method.output, parts);
    if (this.#isOver) return;
    this.responseMessage = parts;
    this.observer?.sent(partsLength(parts));
    this.finish(GRPC.OK);
    this.exchange.respond(200, {
      ...ANSWER_HEADERS,
      "Content-Length": String(Buffer.byteLength(json)),
    });
    this.exchange.end(json);
  }

  /** Notes the outcome; returns false if it has one. */
  protected finish(code: number): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.calls.delete(this);
    if (this.#isCounted) this.observer?.finished(code, performance.now() - this.#startMs, this);
    return true;
  }

  /** Sends how it ended. */
  protected tell(status: Status): void {
    replyStatus(this.exchange, status);
  }
}

/** A call with any number of answers, one a line. */
export class GatewayStreamCall extends GatewayCall implements StreamCall {
  readonly requests: MessageQueue;
  #hasBegun = false;
  #bufferedBytes = 0;
  #drainWaiters: (() => void)[] = [];

  constructor(request: GatewayRequest, options: GatewayCallOptions) {
    super(request, options);
    this.requests = new MessageQueue(request.exchange.body);
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** JSON is made for each call anew. */
  holds(): boolean {
    return false;
  }

  /** Takes one message of the client. */
  push(message: Uint8Array): void {
    this.observer?.received(message.byteLength);
    this.requests.push(message);
  }

  send(message: MessageParts): boolean {
    if (this.isOver) return false;
    this.observer?.sent(partsLength(message));
    this.#respond(200);
    this.#write(`{"result":${escapeHtml(jsonOfMessage(this.method.output, message))}}\n`);
    return this.#bufferedBytes < STREAM_BUFFER_BYTES_MAX;
  }

  drained(): Promise<void> {
    if (this.isOver || this.#bufferedBytes <= STREAM_BUFFER_BYTES_LOW) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  /** The handler has served it to its end. */
  end(): void {
    if (!this.finish(GRPC.OK)) return;
    if (!this.#hasBegun) this.exchange.respond(200, {});
    this.exchange.end();
  }

  #respond(status: number): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { "Content-Type": type } = ANSWER_HEADERS;
    this.exchange.respond(status, status === 200 ? ANSWER_HEADERS : { "Content-Type": type });
  }

  #write(line: string): void {
    const bytes = line.length;
    this.#bufferedBytes += bytes;
    this.exchange.write(line, () => {
      this.#bufferedBytes -= bytes;
      if (this.#bufferedBytes <= STREAM_BUFFER_BYTES_LOW) this.#wake();
    });
  }

  #wake(): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }

  protected override finish(code: number): boolean {
    if (!super.finish(code)) return false;
    this.requests.cancel();
    this.#wake();
    return true;
  }

  protected override tell(status: Status): void {
    if (this.exchange.isGone) return;
    this.#respond(httpStatusOf(status.code));
    this.exchange.end(`{"error":${escapeHtml(statusJson(status))}}\n`);
  }
}
