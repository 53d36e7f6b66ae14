/**
 * Unary calls, served straight at their HTTP/2 stream, with one write for a small answer. Half of a call's cost was in
 * what this leaves out.
 */

import type { Buffer } from "node:buffer";
import type { ServerHttp2Stream } from "node:http2";
import { GRPC, StatusError } from "../errors.ts";
import type { MessageParts, UnaryHandler } from "./call.ts";
import {
  DirectCall,
  type DirectCallOptions,
  type DirectRequest,
  respondWithStatus,
  RESPONSE_HEADERS,
  RESPONSE_OPTIONS,
  stopReading,
} from "./direct_call.ts";
import { frameMessage, partsLength, RequestReader } from "./framing.ts";
import type { Status } from "./status.ts";

const OK_TRAILERS = Object.freeze({ "grpc-status": "0" });

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
  options: { request: DirectRequest<UnaryHandler>; shared: DirectCallOptions },
): void {
  new UnaryCall(stream, options).start();
}

class UnaryCall extends DirectCall<UnaryHandler> {
  readonly #reader = new RequestReader(this.shared.maxReceiveBytes);
  #message: Uint8Array | undefined;
  #parts: MessageParts | undefined;

  override get requestMessage(): Uint8Array | undefined {
    return this.#message;
  }

  override get responseMessage(): MessageParts | undefined {
    return this.#parts;
  }

  start(): void {
    if (!this.begin()) return;
    const { stream } = this;
    stream.on("data", (chunk: Buffer) => {
      if (this.isOver) return;
      const problem = this.#reader.push(chunk);
      if (problem !== undefined) this.abort(problem);
    });
    stream.on("end", () => {
      if (!this.isOver) this.#run();
    });
  }

  #run(): void {
    const message = this.#reader.finish();
    if (message instanceof StatusError) return this.fail(message);
    if (this.request.observer !== undefined) {
      this.#message = message;
      this.request.observer.received(message.byteLength);
    }
    let result: Promise<MessageParts> | MessageParts;
    try {
      result = this.request.handle(message, this);
    } catch (error) {
      return this.fail(error);
    }
    if (!("then" in result)) return this.#answer(result);
    result.then(
      (parts) => this.#answer(parts),
      (error) => this.fail(error),
    );
  }

  #answer(parts: MessageParts): void {
    if (this.isOver) return;
    const { stream } = this;
    // The stream can be gone before its `close` event has told; that event then ends the call.
    if (stream.destroyed || stream.closed) return;
    if (this.request.observer !== undefined) {
      this.#parts = parts;
      this.request.observer.sent(partsLength(parts));
    }
    this.finish(GRPC.OK);
    stream.on("wantTrailers", sendOkTrailers);
    stream.respond(RESPONSE_HEADERS, RESPONSE_OPTIONS);
    writeInTurn(stream, frameMessage(parts));
  }

  /** What was kept for the observer goes with the call, which its stream outlives. */
  protected override finish(code: number): void {
    super.finish(code);
    this.#message = undefined;
    this.#parts = undefined;
  }

  protected override tell(status: Status): void {
    respondWithStatus(this.stream, status);
    if (!this.stream.readableEnded) stopReading(this.stream);
  }
}
