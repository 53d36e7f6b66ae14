/**
 * One Worker's life: its calls, each with a bound, what it says unasked, and its end. It ends when it is told to, or for a
 * reason that its owner is told of: then each call under way fails with `LinkDown`, and nothing of it is heard any more.
 */

import { BackendError, type BackendErrorKind, type OpenOptions } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { CALL_MS_MAX, holdsOthersUp, LOAD_MS_MAX } from "./call_bounds.ts";
import { messageFrom } from "./checked_messages.ts";
import { BrokenPromise } from "./checked_shapes.ts";
import type { Parcel } from "./codec.ts";
import { FloodGuard, shortened, shortFields } from "./flood_guard.ts";
import type { SandboxPermissions } from "./permissions.ts";
import {
  BEAT_MS,
  type Exports,
  type FromWorker,
  type Method,
  type ModulePlace,
} from "./protocol.ts";
import { deniedBy } from "./refusals.ts";

/** The Worker is gone; what it was asked may have been done. */
export class LinkDown extends Error {}

export interface LinkOptions {
  readonly place: ModulePlace;
  readonly permissions: SandboxPermissions;
  readonly log: OpenOptions["log"];
  readonly onStatement: OpenOptions["onStatement"];
  /** Bytes that its heap and its buffers may take; `Infinity` for no bound. */
  readonly bytesMax: number;
  /** Told once, when it ends by itself, with the promise that was broken. */
  readonly died: (reason: string) => void;
}

interface Pending {
  readonly method: Method;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly wake: (() => void) | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export interface CallOptions {
  readonly msMax?: number;
  /** Told of each wake, for `changes`. */
  readonly wake?: () => void;
  /** Ends a call of `changes`. */
  readonly signal?: AbortSignal;
}

const KINDS: ReadonlySet<string> = new Set<BackendErrorKind>([
  "conflict",
  "unavailable",
  "indeterminate",
  "full",
  "corrupt",
  "unusable",
]);

/** Beats that may be missing before a Worker counts as stuck in a loop. */
const BEATS_MISSED_MAX = 3;
/** How soon a call is looked at again that waits for one that holds others up. */
const HELD_UP_MS = 1_000;

export class WorkerLink {
  readonly #options: LinkOptions;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #flood = new FloodGuard(() => performance.now());
  readonly #loaded = Promise.withResolvers<Exports>();
  #lastHeardMs = performance.now();
  #lastId = 0;
  #isReady = false;
  #downBecause: string | null = null;

  /** @throws {BackendError} `unusable` if this process may not give the Worker its permissions */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.#loaded.promise.catch(() => {});
    this.#worker = createWorker(options.permissions);
    this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data);
    this.#worker.onmessageerror = () => this.die("it sent what cannot be read");
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.die(`its thread ended: ${shortened(event.message)}`);
    };
    const timer = setTimeout(
      () => this.die(`its module did not load within ${LOAD_MS_MAX / 1_000} s`),
      LOAD_MS_MAX,
    );
    this.#loaded.promise.finally(() => clearTimeout(timer)).catch(() => {});
  }

  /** What the module exports. @throws {LinkDown} if it cannot be loaded, and why */
  get exports(): Promise<Exports> {
    return this.#loaded.promise;
  }

  /** No sign of life for some time: no order will end it. */
  get isStuck(): boolean {
    return performance.now() - this.#lastHeardMs > BEATS_MISSED_MAX * BEAT_MS;
  }

  /**
   * @throws {BackendError} as the backend says
   * @throws {BrokenPromise} for any other exception of the module
   * @throws {LinkDown} if the Worker ends before it answers
   */
  call(method: Method, { value, buffers }: Parcel, options: CallOptions = {}): Promise<unknown> {
    if (this.#downBecause !== null) return Promise.reject(new LinkDown(this.#downBecause));
    const { msMax = CALL_MS_MAX[method], wake, signal } = options;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const pending: Pending = { method, resolve, reject, wake, timer: undefined };
    this.#pending.set(id, pending);
    if (msMax !== Infinity) this.#arm(pending, msMax, msMax);
    this.#worker.postMessage({ type: "call", id, method, argument: value }, [...buffers]);
    const abort = () => this.#abort(id);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    return promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Ends it because a promise was broken. */
  die(reason: string): void {
    if (this.#downBecause !== null) return;
    this.end(reason);
    this.#options.died(reason);
  }

  /** Ends it because it is not needed any more. */
  end(reason = "it was ended"): void {
    if (this.#downBecause !== null) return;
    this.#downBecause = reason;
    this.#worker.terminate();
    const down = new LinkDown(reason);
    this.#loaded.reject(down);
    for (const { timer, reject } of this.#pending.values()) {
      clearTimeout(timer);
      reject(down);
    }
    this.#pending.clear();
  }

  #load(): void {
    this.#isReady = true;
    const { place, permissions } = this.#options;
    const env = permissions.env === false ? [] : permissions.env;
    this.#worker.postMessage({ type: "load", place, env });
  }

  #abort(id: number): void {
    if (this.#downBecause === null) this.#worker.postMessage({ type: "abort", id });
  }

  #arm(pending: Pending, ms: number, msMax: number): void {
    pending.timer = setTimeout(() => {
      const others = [...this.#pending.values()];
      const isHeldUp = others.some((one) => one !== pending && holdsOthersUp(one.method)) &&
        !holdsOthersUp(pending.method);
      if (isHeldUp) this.#arm(pending, HELD_UP_MS, msMax);
      else this.die(`${pending.method} did not answer within ${Math.round(msMax / 1_000)} s`);
    }, ms);
  }

  #receive(data: unknown): void {
    if (this.#downBecause !== null) return;
    let message: FromWorker;
    try {
      message = messageFrom(data);
    } catch (error) {
      return this.die(`it sent nonsense: ${messageOf(error)}`);
    }
    this.#hear(message);
  }

  #hear(message: FromWorker): void {
    this.#lastHeardMs = performance.now();
    const isAnswer = message.type === "answer" && this.#pending.has(message.id);
    if (!isAnswer && !this.#flood.takeMessage()) {
      return this.die("it flooded the server with messages");
    }
    switch (message.type) {
      case "ready":
        return this.#isReady ? this.die("it began anew") : this.#load();
      case "loaded":
        return this.#loaded.resolve(message.exports);
      case "unloadable":
        return this.die(shortened(message.message));
      case "answer":
        return this.#settle(message);
      case "wake":
        return this.#pending.get(message.id)?.wake?.();
      case "log":
        return this.#log(message);
      case "beat":
        return this.#weigh(message.bytes);
      case "dying":
        return this.die(shortened(message.reason));
    }
  }

  #settle({ id, value, failure, statements }: FromWorker & { readonly type: "answer" }): void {
    this.#observe(statements);
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (failure === undefined) return pending.resolve(value);
    const { method, reject } = pending;
    const message = shortened(failure.message);
    if (failure.kind === null) {
      return reject(new BrokenPromise(deniedBy(message) ?? `${method}: ${message}`));
    }
    if (!KINDS.has(failure.kind)) {
      return reject(new BrokenPromise(`${method} failed as "${shortened(failure.kind, 40)}"`));
    }
    // Just looked up.
    reject(new BackendError(failure.kind as BackendErrorKind, message));
  }

  #observe(statements: readonly unknown[] | undefined): void {
    const { onStatement } = this.#options;
    if (onStatement === undefined || statements === undefined) return;
    for (let at = 0; at + 1 < statements.length; at += 2) {
      const [name, ms] = [statements[at], statements[at + 1]];
      if (typeof name !== "string" || typeof ms !== "number") continue;
      if (ms >= 0 && ms < Infinity) onStatement(shortened(name, 100), ms);
    }
  }

  #log({ level, message, fields }: FromWorker & { readonly type: "log" }): void {
    const { isWritten, leftOut } = this.#flood.takeLine();
    if (leftOut > 0) this.#options.log("warn", "lines of the backend were left out", { leftOut });
    if (!isWritten) return;
    const known = ["debug", "info", "warn", "error"] as const;
    const found = known.find((one) => one === level) ?? "info";
    this.#options.log(found, shortened(message), shortFields(fields));
  }

  #weigh(bytes: number): void {
    const { bytesMax } = this.#options;
    if (bytes <= bytesMax) return;
    const mib = (size: number) => Math.round(size / 2 ** 20);
    this.die(`it used ${mib(bytes)} MiB of memory, more than ${mib(bytesMax)} MiB`);
  }
}

function createWorker(permissions: SandboxPermissions): Worker {
  const url = new URL("./worker.ts", import.meta.url);
  try {
    // Only with Deno's own types does `WorkerOptions` know of permissions.
    return new Worker(url, { type: "module", name: "rhino-backend", deno: { permissions } });
  } catch (error) {
    const reason = error instanceof Deno.errors.NotCapable
      ? "Rhino itself has fewer permissions than it needs"
      : "an address or a path in its rights is malformed";
    const message = messageOf(error);
    throw new BackendError(
      "unusable",
      `Cannot run a backend in a sandbox: ${reason} (${message})`,
    );
  }
}
