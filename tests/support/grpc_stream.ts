/** One streaming call, read message by message. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { ClientDuplexStream, Metadata, StatusObject } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { type InitOf, message } from "./message_init.ts";
import { RpcError, type RpcStatus } from "./rpc_error.ts";

/** How long to wait for a message, unless the caller says otherwise: far more than any takes. */
const NEXT_TIMEOUT_MS = 20_000;

type ByteStream = Pick<
  ClientDuplexStream<Uint8Array, Uint8Array>,
  "write" | "end" | "cancel" | "pause" | "resume" | "on"
>;

interface Waiter {
  readonly satisfied: () => boolean;
  readonly resolve: () => void;
}

export class GrpcStream<I extends DescMessage, O extends DescMessage> {
  readonly #call: ByteStream;
  readonly #input: I;
  readonly #output: O;
  readonly #received: Uint8Array[] = [];
  readonly #waiters = new Set<Waiter>();
  #status: StatusObject | undefined;
  #headers: Metadata | undefined;

  constructor(call: ByteStream, { input, output }: { readonly input: I; readonly output: O }) {
    this.#call = call;
    this.#input = input;
    this.#output = output;
    call.on("data", (message: Uint8Array) => {
      this.#received.push(message);
      this.#wake();
    });
    call.on("metadata", (headers: Metadata) => {
      this.#headers = headers;
      this.#wake();
    });
    call.on("status", (status: StatusObject) => {
      this.#status = status;
      this.#wake();
    });
    call.on("error", () => {}); // The status event says the same, for good ends too.
  }

  /** Messages that have arrived and were not taken yet. */
  get waiting(): number {
    return this.#received.length;
  }

  send(init: InitOf<I>): void {
    this.sendBytes(toBinary(this.#input, message(this.#input, init)));
  }

  /** Sends a message as it is, well-formed or not. */
  sendBytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  /** Says that no more requests come; the server may go on answering. */
  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Stops taking messages off the connection, so that the server sees a slow reader. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  /**
   * The next message.
   *
   * @throws {RpcError} if the stream ends with an error first.
   * @throws {Error} if it ends well, or nothing comes in time.
   */
  async next(timeoutMs: number = NEXT_TIMEOUT_MS): Promise<MessageShape<O>> {
    await this.#until(() => this.#received.length > 0 || this.#status !== undefined, {
      what: "a message",
      timeoutMs,
    });
    const bytes = this.#received.shift();
    if (bytes !== undefined) return fromBinary(this.#output, bytes);
    const status = await this.end();
    if (status.code !== 0) throw new RpcError(status);
    throw new Error("Cannot read the next message: the stream has ended");
  }

  /** The next messages, as many as asked for. */
  async take(count: number): Promise<MessageShape<O>[]> {
    const messages: MessageShape<O>[] = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  /**
   * All messages up to the end of the stream.
   *
   * @throws {RpcError} if it ends with an error.
   */
  async rest(): Promise<MessageShape<O>[]> {
    const status = await this.end();
    if (status.code !== 0) throw new RpcError(status);
    return this.#received.splice(0).map((bytes) => fromBinary(this.#output, bytes));
  }

  /** Waits for the server's response headers. */
  async headers(timeoutMs: number = NEXT_TIMEOUT_MS): Promise<Metadata> {
    await this.#until(() => this.#headers !== undefined, { what: "headers", timeoutMs });
    assert(this.#headers !== undefined);
    return this.#headers;
  }

  /** Waits for the end of the call and gives its status, whether good or not. */
  async end(timeoutMs: number = NEXT_TIMEOUT_MS): Promise<RpcStatus> {
    await this.#until(() => this.#status !== undefined, { what: "the end", timeoutMs });
    assert(this.#status !== undefined);
    return { code: this.#status.code, details: this.#status.details };
  }

  [Symbol.dispose](): void {
    if (this.#status === undefined) this.cancel();
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (waiter.satisfied()) waiter.resolve();
    }
  }

  async #until(
    satisfied: () => boolean,
    { what, timeoutMs }: { readonly what: string; readonly timeoutMs: number },
  ): Promise<void> {
    if (satisfied()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { satisfied, resolve };
    const timer = setTimeout(
      () => reject(new Error(`Waited for ${what} of the stream: nothing in ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiters.add(waiter);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }
}
