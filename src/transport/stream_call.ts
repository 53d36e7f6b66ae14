/** Calls that are not served at their stream (`call_front.ts` says which): our handlers as grpc-js handlers. */

import type { Buffer } from "node:buffer";
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { GRPC, type StatusError } from "../errors.ts";
import type { CallContext, MessageParts, StreamCall, StreamHandler, UnaryHandler } from "./call.ts";
import type { CallFacts, CallSet, MethodObserver } from "./calls.ts";
import { clientNameOf } from "./client_name.ts";
import { joinParts, partsLength } from "./framing.ts";
import { socketOf } from "./grpc_js_internals.ts";
import { MessageQueue } from "./message_queue.ts";
import { canceled, deadlineExceeded, type StatusMapper } from "./status.ts";
import { STREAM_BUFFER_BYTES_LOW, STREAM_BUFFER_BYTES_MAX } from "./stream_path.ts";

export interface GrpcJsCallOptions {
  readonly mapStatus: StatusMapper;
  readonly observer: MethodObserver | undefined;
}

/** What the three kinds of grpc-js calls have in common. */
interface GrpcJsCall {
  readonly metadata: Metadata;
  getPeer(): string;
  getHost(): string;
  getDeadline(): Date | number;
}

/** A call's context, with the controller of its signal. */
class GrpcJsContext implements CallContext, CallFacts {
  readonly #call: GrpcJsCall;
  readonly #controller = new AbortController();
  readonly peer: string;
  requestMessage: Uint8Array | undefined;
  responseMessage: MessageParts | undefined;
  readonly clientName: string | undefined;

  constructor(call: GrpcJsCall) {
    this.#call = call;
    // Asked at once: both are gone with the connection.
    this.peer = call.getPeer();
    this.clientName = clientNameOf(socketOf(call));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get authority(): string {
    return this.#call.getHost();
  }

  metadata(name: string): string | undefined {
    const value = this.#call.metadata.get(name)[0];
    return value === undefined || typeof value === "string" ? value : value.toString("base64");
  }

  abort(reason: StatusError): void {
    if (!this.signal.aborted) this.#controller.abort(reason);
  }

  /** grpc-js tells of a passed deadline as it tells of a cancellation. */
  reasonOfEnd(): StatusError {
    return Number(this.#call.getDeadline()) <= Date.now() ? deadlineExceeded() : canceled();
  }
}

/** A unary handler for grpc-js. */
export function adaptUnary(
  { path, handle, calls }: { path: string; handle: UnaryHandler; calls: CallSet },
  { mapStatus, observer }: GrpcJsCallOptions,
): handleUnaryCall<Buffer, Buffer> {
  return function (call: ServerUnaryCall<Buffer, Buffer>, callback) {
    const context = new GrpcJsContext(call);
    const startMs = performance.now();
    context.requestMessage = call.request;
    let isOver = false;
    function finish(code: number): boolean {
      if (isOver) return false;
      isOver = true;
      calls.delete(abortable);
      observer?.finished(code, performance.now() - startMs, context);
      return true;
    }
    function abort(reason: StatusError): void {
      if (!finish(reason.code)) return;
      callback({ code: reason.code, details: reason.message });
      context.abort(reason);
    }
    const abortable = { abort };
    calls.add(abortable);
    observer?.started();
    observer?.received(call.request.byteLength);
    call.on("cancelled", () => abort(context.reasonOfEnd()));
    // An async function, so that a handler that throws at once is a rejection too.
    (async () => await handle(call.request, context))().then(
      (parts) => {
        if (isOver) return;
        context.responseMessage = parts;
        observer?.sent(partsLength(parts));
        finish(GRPC.OK);
        callback(null, joinParts(parts));
      },
      (error) => {
        const status = mapStatus(error, path);
        if (finish(status.code)) callback({ code: status.code, details: status.message });
      },
    );
  };
}

type GrpcJsStream = ServerDuplexStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;

interface StreamCallParts {
  readonly requests: MessageQueue;
  readonly observer: MethodObserver | undefined;
}

class GrpcJsStreamCall extends GrpcJsContext implements StreamCall {
  readonly #stream: GrpcJsStream;
  readonly requests: MessageQueue;
  #bufferedBytes = 0;
  #isOver = false;
  #drainWaiters: (() => void)[] = [];
  readonly #observer: MethodObserver | undefined;

  constructor(stream: GrpcJsStream, { requests, observer }: StreamCallParts) {
    super(stream);
    this.#stream = stream;
    this.requests = requests;
    this.#observer = observer;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** grpc-js copies all that it is given. */
  holds(): boolean {
    return false;
  }

  send(message: MessageParts): boolean {
    if (this.#isOver) return false;
    const bytes = partsLength(message);
    this.#observer?.sent(bytes);
    this.#bufferedBytes += bytes;
    this.#stream.write(joinParts(message), () => this.#onWritten(bytes));
    return this.#bufferedBytes < STREAM_BUFFER_BYTES_MAX;
  }

  #onWritten(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#bufferedBytes <= STREAM_BUFFER_BYTES_LOW) this.#wakeDrainWaiters();
  }

  drained(): Promise<void> {
    if (this.#isOver || this.#bufferedBytes <= STREAM_BUFFER_BYTES_LOW) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  #wakeDrainWaiters(): void {
    if (this.#drainWaiters.length === 0) return;
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }

  /** Stops the handler: no more requests, nothing waits, the signal is aborted. */
  override abort(reason: StatusError): void {
    this.requests.cancel();
    super.abort(reason);
    this.#wakeDrainWaiters();
  }

  /** Sends what is queued, then the status. Returns false if the call was over before. */
  end(status: { code: number; message: string }): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.requests.cancel();
    this.#wakeDrainWaiters();
    if (status.code === GRPC.OK) {
      this.#stream.end();
    } else {
      // How grpc-js takes the status of a streaming call.
      this.#stream.emit("error", { code: status.code, details: status.message });
    }
    return true;
  }
}

const OK = { code: GRPC.OK, message: "" };

interface StreamMethod {
  readonly path: string;
  readonly handle: StreamHandler;
  readonly calls: CallSet;
}

/** Runs a handler for one call, to its end. */
function runStream(
  { stream, requests, method }: {
    stream: GrpcJsStream;
    requests: MessageQueue;
    method: StreamMethod;
  },
  { mapStatus, observer }: GrpcJsCallOptions,
): void {
  const { path, calls } = method;
  const startMs = performance.now();
  const call = new GrpcJsStreamCall(stream, { requests, observer });
  function finish(status: { code: number; message: string }): void {
    if (!call.end(status)) return;
    calls.delete(call);
    observer?.finished(status.code, performance.now() - startMs, call);
  }
  calls.add(call);
  observer?.started();
  function onGone(): void {
    const reason = call.reasonOfEnd();
    call.abort(reason);
    finish(reason);
  }
  stream.on("cancelled", onGone);
  stream.on("close", onGone);
  (async () => await method.handle(call))().then(
    // A handler that leaves because its signal was aborted has not served the call to its end.
    () => finish(call.signal.aborted ? mapStatus(call.signal.reason, path) : OK),
    (error) => finish(mapStatus(error, path)),
  );
}

/** A bidirectional handler for grpc-js. */
export function adaptBidi(
  method: StreamMethod,
  options: GrpcJsCallOptions,
): handleBidiStreamingCall<Buffer, Buffer> {
  return function (stream) {
    const requests = new MessageQueue(stream);
    stream.on("data", (message: Buffer) => {
      options.observer?.received(message.byteLength);
      requests.push(message);
    });
    stream.on("end", () => requests.end());
    runStream({ stream, requests, method }, options);
  };
}

/** A server-streaming handler for grpc-js. */
export function adaptServerStream(
  method: StreamMethod,
  options: GrpcJsCallOptions,
): handleServerStreamingCall<Buffer, Buffer> {
  return function (stream) {
    const requests = new MessageQueue();
    requests.push(stream.request);
    requests.end();
    runStream({ stream, requests, method }, options);
    options.observer?.received(stream.request.byteLength);
  };
}
