/**
 * Unary calls, served straight at their HTTP/2 stream: no interceptors, no metadata objects, one write for a small
 * answer. Half of a call's cost was in those. What a call may carry is honoured as gRPC servers do; calls that are unusual
 * never come here (see `call_front.ts`).
 */

import type { Buffer } from "node:buffer";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { GRPC, StatusError } from "../errors.ts";
import type { CallContext, MessageParts, UnaryHandler } from "./call.ts";
import type { CallObserver, CallSet } from "./calls.ts";
import type { Deadlines } from "./deadlines.ts";
import { frameMessage, RequestReader } from "./framing.ts";
import { encodeGrpcMessage } from "./grpc_message.ts";
import { parseGrpcTimeout } from "./grpc_timeout.ts";
import { canceled, deadlineExceeded, type Status, type StatusMapper } from "./status.ts";

/** What all calls of a server share. */
export interface UnaryPathOptions {
  readonly maxReceiveBytes: number;
  readonly mapStatus: StatusMapper;
  readonly calls: CallSet;
  readonly deadlines: Deadlines;
  readonly observe: CallObserver | undefined;
}

/** One call as the front hands it over. */
export interface UnaryRequest {
  readonly path: string;
  readonly handle: UnaryHandler;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

const RESPONSE_HEADERS = Object.freeze({
  ":status": 200,
  "content-type": "application/grpc",
});
/** No `date` header: gRPC has no use for it. */
const RESPONSE_OPTIONS = Object.freeze({ waitForTrailers: true, sendDate: false });
const TRAILERS_ONLY_OPTIONS = Object.freeze({ endStream: true, sendDate: false });
const OK_TRAILERS = Object.freeze({ "grpc-status": "0" });

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

function sendOkTrailers(this: ServerHttp2Stream): void {
  if (this.destroyed || this.closed) return;
  this.sendTrailers(OK_TRAILERS);
}

/** Writes a large answer no faster than the client takes it; else the connection would hold a copy of all of it. */
function writeInTurn(stream: ServerHttp2Stream, chunks: readonly Uint8Array[], from = 0): void {
  for (let at = from; at < chunks.length - 1; at++) {
    if (stream.write(chunks[at])) continue;
    // If the stream ends instead, there is nobody left to write to.
    stream.once("drain", () => writeInTurn(stream, chunks, at + 1));
    return;
  }
  stream.end(chunks.at(-1));
}

/** Serves one call. */
export function serveUnary(
  stream: ServerHttp2Stream,
  { request, shared }: { request: UnaryRequest; shared: UnaryPathOptions },
): void {
  new UnaryCall(stream, { request, shared }).start();
}

class UnaryCall implements CallContext {
  readonly #stream: ServerHttp2Stream;
  readonly #request: UnaryRequest;
  readonly #shared: UnaryPathOptions;
  readonly #reader: RequestReader;
  /** Made when a handler asks for the signal; most never do. */
  #controller: AbortController | undefined;
  #abortReason: StatusError | undefined;
  /** When its deadline passes, as `Deadlines` counts; -1 without one. */
  #deadlineTick = -1;
  /** The call has its outcome; whatever comes later is ignored. */
  #isOver = false;

  constructor(
    stream: ServerHttp2Stream,
    { request, shared }: { request: UnaryRequest; shared: UnaryPathOptions },
  ) {
    this.#stream = stream;
    this.#request = request;
    this.#shared = shared;
    this.#reader = new RequestReader(shared.maxReceiveBytes);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get peer(): string {
    const socket = this.#stream.session?.socket;
    return socket === undefined ? "" : `${socket.remoteAddress}:${socket.remotePort}`;
  }

  get authority(): string {
    return this.#request.headers[":authority"] ?? this.#request.headers.host ?? "";
  }

  metadata(name: string): string | undefined {
    return firstHeader(this.#request.rawHeaders, name);
  }

  start(): void {
    const stream = this.#stream;
    this.#shared.calls.add(this);
    this.#shared.observe?.started(this.#request.path);
    stream.on("error", ignoreError);
    stream.on("close", () => this.#onClose());
    if (!this.#startDeadline()) return;
    stream.on("data", (chunk: Buffer) => {
      if (this.#isOver) return;
      const problem = this.#reader.push(chunk);
      if (problem !== undefined) this.#refuse(problem);
    });
    stream.on("end", () => {
      if (!this.#isOver) this.#run();
    });
  }

  /** Returns false if the call is over because its deadline could not be read, or has passed. */
  #startDeadline(): boolean {
    const header = this.#request.headers["grpc-timeout"];
    if (header === undefined) return true;
    const timeoutMs = typeof header === "string" ? parseGrpcTimeout(header) : undefined;
    if (timeoutMs === undefined) {
      this.#refuse(new StatusError(GRPC.INTERNAL, `malformed grpc-timeout: "${header}"`));
      return false;
    }
    if (timeoutMs === 0) {
      this.#refuse(deadlineExceeded());
      return false;
    }
    this.#deadlineTick = this.#shared.deadlines.add(this, timeoutMs);
    return true;
  }

  #run(): void {
    const message = this.#reader.finish();
    if (message instanceof StatusError) return this.#fail(message);
    let result: Promise<MessageParts> | MessageParts;
    try {
      result = this.#request.handle(message, this);
    } catch (error) {
      return this.#fail(error);
    }
    if (!("then" in result)) return this.#answer(result);
    result.then(
      (parts) => this.#answer(parts),
      (error) => this.#fail(error),
    );
  }

  #answer(parts: MessageParts): void {
    if (this.#isOver) return;
    const stream = this.#stream;
    // The stream can be gone before its `close` event has told; that event then ends the call.
    if (stream.destroyed || stream.closed) return;
    this.#finish(GRPC.OK);
    stream.on("wantTrailers", sendOkTrailers);
    stream.respond(RESPONSE_HEADERS, RESPONSE_OPTIONS);
    writeInTurn(stream, frameMessage(parts));
  }

  #fail(error: unknown): void {
    // Also asked when the call is over: a defect is to be reported even if its client has left.
    const status = this.#shared.mapStatus(error, this.#request.path);
    if (this.#isOver) return;
    this.#finish(status.code);
    respondWithStatus(this.#stream, status);
  }

  /** Fails a call whose client may still be sending; the rest is not read. */
  #refuse(problem: StatusError): void {
    this.#fail(problem);
    stopReading(this.#stream);
  }

  /** Ends the call from outside its handler, and tells the handler. */
  abort(reason: StatusError): void {
    if (this.#isOver) return;
    this.#abortReason = reason;
    this.#finish(reason.code);
    respondWithStatus(this.#stream, reason);
    if (!this.#stream.readableEnded) stopReading(this.#stream);
    this.#controller?.abort(reason);
  }

  /** Its deadline has passed. */
  expire(): void {
    this.abort(deadlineExceeded());
  }

  #onClose(): void {
    // Every call's stream closes, and making an error is not cheap.
    if (!this.#isOver) this.abort(canceled());
  }

  #finish(code: number): void {
    this.#isOver = true;
    if (this.#deadlineTick >= 0) this.#shared.deadlines.delete(this, this.#deadlineTick);
    this.#shared.calls.delete(this);
    this.#shared.observe?.finished(this.#request.path, code);
  }
}

/** The first header of that name. */
export function firstHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === name) return rawHeaders[i + 1];
  }
  return undefined;
}
