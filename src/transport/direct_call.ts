/**
 * A call served straight at its HTTP/2 stream: no interceptors, no metadata objects. What a call may carry is honoured as
 * gRPC servers do; calls that are unusual never come here (see `call_front.ts`).
 */

import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { GRPC, StatusError } from "../errors.ts";
import type { CallContext, MessageParts } from "./call.ts";
import { clientNameOf } from "./client_name.ts";
import type { CallFacts, CallSet, MethodObserver } from "./calls.ts";
import type { Deadlines } from "./deadlines.ts";
import { encodeGrpcMessage } from "./grpc_message.ts";
import { parseGrpcTimeout } from "./grpc_timeout.ts";
import { canceled, deadlineExceeded, type Status, type StatusMapper } from "./status.ts";

/** What all calls of a server share. */
export interface DirectCallOptions {
  readonly maxReceiveBytes: number;
  readonly mapStatus: StatusMapper;
  readonly calls: CallSet;
  readonly deadlines: Deadlines;
}

/** One call as the front hands it over. */
export interface DirectRequest<Handler> {
  readonly path: string;
  readonly handle: Handler;
  readonly observer: MethodObserver | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

export const RESPONSE_HEADERS = Object.freeze({
  ":status": 200,
  "content-type": "application/grpc",
});
/** No `date` header: gRPC has no use for it. */
export const RESPONSE_OPTIONS = Object.freeze({ waitForTrailers: true, sendDate: false });
const TRAILERS_ONLY_OPTIONS = Object.freeze({ endStream: true, sendDate: false });

/** Answers with a status alone. Does nothing on a stream that is gone. */
export function respondWithStatus(stream: ServerHttp2Stream, status: Status): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(status.code),
    "grpc-message": encodeGrpcMessage(status.message),
  }, TRAILERS_ONLY_OPTIONS);
}

/** Errors of a stream are always followed by its end, which is what ends the call. */
export function ignoreError(): void {}

/** Ends the client's half as well, for a client that still sends: it has its answer. */
export function stopReading(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/** The same after a status that was sent in this turn, if the client still sends. */
export function stopReadingWhenSent(stream: ServerHttp2Stream): void {
  // Trailers leave in the next turn of the loop; a reset before that would overtake them.
  setImmediate(() =>
    setImmediate(() => {
      if (!stream.readableEnded && !stream.destroyed) stopReading(stream);
    })
  );
}

/** The first header of that name. */
export function firstHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === name) return rawHeaders[i + 1];
  }
  return undefined;
}

export abstract class DirectCall<Handler> implements CallContext, CallFacts {
  protected readonly stream: ServerHttp2Stream;
  protected readonly request: DirectRequest<Handler>;
  protected readonly shared: DirectCallOptions;
  /** Made when a handler asks for the signal; most never do. */
  #controller: AbortController | undefined;
  #abortReason: StatusError | undefined;
  /** When its deadline passes, as `Deadlines` counts; -1 without one. */
  #deadlineTick = -1;
  #startMs = 0;
  #isOver = false;

  constructor(
    stream: ServerHttp2Stream,
    { request, shared }: { request: DirectRequest<Handler>; shared: DirectCallOptions },
  ) {
    this.stream = stream;
    this.request = request;
    this.shared = shared;
  }

  /** Sends the status of a call that does not end as its handler wished, after what was sent before. */
  protected abstract tell(status: Status): void;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get peer(): string {
    const socket = this.stream.session?.socket;
    return socket === undefined ? "" : `${socket.remoteAddress}:${socket.remotePort}`;
  }

  get authority(): string {
    return this.request.headers[":authority"] ?? this.request.headers.host ?? "";
  }

  get clientName(): string | undefined {
    return clientNameOf(this.stream.session?.socket);
  }

  metadata(name: string): string | undefined {
    return firstHeader(this.request.rawHeaders, name);
  }

  get requestMessage(): Uint8Array | undefined {
    return undefined;
  }

  get responseMessage(): MessageParts | undefined {
    return undefined;
  }

  /** The call has its outcome; whatever comes later is ignored. */
  protected get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes up the call; returns false if it is over because its deadline could not be read, or has passed. */
  protected begin(): boolean {
    this.shared.calls.add(this);
    const { observer } = this.request;
    if (observer !== undefined) {
      this.#startMs = performance.now();
      observer.started();
    }
    this.stream.on("error", ignoreError);
    this.stream.on("close", () => {
      // Every call's stream closes, and making an error is not cheap.
      if (!this.#isOver) this.abort(canceled());
    });
    const header = this.request.headers["grpc-timeout"];
    if (header === undefined) return true;
    const timeoutMs = typeof header === "string" ? parseGrpcTimeout(header) : undefined;
    if (timeoutMs === undefined) {
      this.abort(new StatusError(GRPC.INTERNAL, `malformed grpc-timeout: "${header}"`));
      return false;
    }
    if (timeoutMs === 0) {
      this.abort(deadlineExceeded());
      return false;
    }
    this.#deadlineTick = this.shared.deadlines.add(this, timeoutMs);
    return true;
  }

  /** Ends the call as what its handler threw says. */
  protected fail(error: unknown): void {
    // Also asked when the call is over: a defect is to be reported even if its client has left.
    const status = this.shared.mapStatus(error, this.request.path);
    if (this.#isOver) return;
    this.finish(status.code);
    this.tell(status);
  }

  /** Ends the call from outside its handler, and tells the handler. The client may still be sending; the rest is not read. */
  abort(reason: StatusError): void {
    if (this.#isOver) return;
    this.#abortReason = reason;
    this.finish(reason.code);
    this.tell(reason);
    this.#controller?.abort(reason);
  }

  /** Its deadline has passed. */
  expire(): void {
    this.abort(deadlineExceeded());
  }

  /** Notes the outcome. */
  protected finish(code: number): void {
    this.#isOver = true;
    if (this.#deadlineTick >= 0) this.shared.deadlines.delete(this, this.#deadlineTick);
    this.shared.calls.delete(this);
    this.request.observer?.finished(code, performance.now() - this.#startMs, this);
  }
}
