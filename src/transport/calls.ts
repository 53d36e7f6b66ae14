/** The calls that are under way: counted and abortable, so that a server can drain. Also who watches them from outside. */

import type { StatusError } from "../errors.ts";
import type { MessageParts, Method } from "./call.ts";

/** What a finished call can be asked for, by who wants to tell of it; only until it is told of. */
export interface CallFacts {
  /** The caller's address. */
  readonly peer: string;
  /** The one request of a unary call, if it came to be read. */
  readonly requestMessage: Uint8Array | undefined;
  /** The one answer of a unary call, if it has one. */
  readonly responseMessage: MessageParts | undefined;
}

/** Sees the calls of one method; for metrics. All of it is on the way of every call, so it must cost next to nothing. */
export interface MethodObserver {
  started(): void;
  /** One message has come. */
  received(bytes: number): void;
  /** One message is handed to the connection. */
  sent(bytes: number): void;
  /** A call has ended, with a gRPC status. */
  finished(code: number, durationMs: number, call: CallFacts): void;
}

/** Gives the observer of a method: the same one each time. */
export type CallObserver = (path: string, kind: Method["kind"]) => MethodObserver;

/** A call that can be told to stop; it ends with the given status. */
export interface Abortable {
  abort(reason: StatusError): void;
}

/** A set that tells when it becomes empty. */
export class CallSet {
  readonly #calls = new Set<Abortable>();
  #waiters: (() => void)[] = [];

  get size(): number {
    return this.#calls.size;
  }

  add(call: Abortable): void {
    this.#calls.add(call);
  }

  delete(call: Abortable): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0 || this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  abortAll(reason: StatusError): void {
    for (const call of [...this.#calls]) call.abort(reason);
  }

  /** Resolves as soon as no call is under way. */
  empty(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}
