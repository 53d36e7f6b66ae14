/**
 * What the transport gives a service, and what it wants back: bytes and calls, no etcd. Services are a table from gRPC
 * path to handler (`MethodTable`); the transport takes care of framing, deadlines, limits, cancellation and status.
 */

/** What a handler may know of its call. */
export interface CallContext {
  /** Aborted when the client cancels, the connection ends, the deadline passes or the server drains. */
  readonly signal: AbortSignal;
  /** A request header by its lower-case name; the first one if it was sent more than once. */
  metadata(name: string): string | undefined;
  /** The caller's address, for logs. */
  readonly peer: string;
  /** What the client called this server, from `:authority`. */
  readonly authority: string;
  /** Common name of the certificate that the client has shown and that was verified; undefined without one. */
  readonly clientName: string | undefined;
}

/** The pieces of one encoded message, sent one after the other without being joined first. */
export type MessageParts = readonly Uint8Array[];

/** Answers one request. A thrown `StatusError` becomes the call's status; `status.ts` says what anything else becomes. */
export type UnaryHandler = (
  request: Uint8Array,
  context: CallContext,
) => Promise<MessageParts> | MessageParts;

/** A streaming call. */
export interface StreamCall extends CallContext {
  /**
   * The client's messages; exactly one for a server-streaming method. Ends when the client half-closes, which does not
   * end the call; throws nothing when the call is cancelled, it just ends.
   */
  readonly requests: AsyncIterable<Uint8Array>;
  /**
   * Queues one message. Returns false when more is buffered than the connection takes; wait for `drained` before sending
   * much more. After the call's end it does nothing.
   */
  send(message: MessageParts): boolean;
  /** Bytes given to `send` that the connection has not taken yet. */
  readonly bufferedBytes: number;
  /** Whether memory of this part waits by reference already, so that sending it once more takes none. */
  holds(part: Uint8Array): boolean;
  /** Resolves when the connection takes more, or when the call ends. */
  drained(): Promise<void>;
}

/** Serves a streaming call; its promise settling ends the call (OK, or the status of what was thrown). */
export type StreamHandler = (call: StreamCall) => Promise<void>;

export type Method =
  | { readonly kind: "unary"; readonly handle: UnaryHandler }
  | { readonly kind: "server-stream" | "bidi"; readonly handle: StreamHandler };

/** gRPC path, such as `/etcdserverpb.KV/Range` → its method. */
export type MethodTable = ReadonlyMap<string, Method>;

/** Resolves when the signal is aborted: for handlers that go on until their call ends. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
