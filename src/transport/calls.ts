/** The calls that are under way: counted and abortable, so that a server can drain. Also who watches them from outside. */

import type { StatusError } from "../errors.ts";

/** Sees every call start and finish; for metrics. */
export interface CallObserver {
  started(path: string): void;
  finished(path: string, code: number): void;
}

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
