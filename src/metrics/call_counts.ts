/** Counts the calls of each method. On the way of every call: additions to plain numbers, and nothing that allocates. */

import type { CallFacts, CallObserver, MethodObserver } from "../transport/calls.ts";
import type { Method } from "../transport/call.ts";
import { SECONDS } from "./recorders.ts";
import { requestType } from "./request_types.ts";
import { exponentialBounds, Tally } from "./tally.ts";

/** gRPC's codes by number, in Go's words. */
export const CODE_NAMES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;
const UNKNOWN = 2;

/** Prometheus' own default, which go-grpc-prometheus has. */
const HANDLING_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RANGE_SECONDS = exponentialBounds({ start: 0.0001, factor: 2, count: 20 });

/** What a method's calls are timed by besides, under a name of its own. */
const OWN_SECONDS: Readonly<Record<string, readonly number[]>> = {
  "/etcdserverpb.KV/Range": RANGE_SECONDS,
  "/etcdserverpb.Maintenance/Hash": exponentialBounds({ start: 0.01, factor: 2, count: 15 }),
  "/etcdserverpb.Maintenance/HashKV": exponentialBounds({ start: 0.01, factor: 2, count: 15 }),
  "/etcdserverpb.Maintenance/Defragment": exponentialBounds({ start: 0.1, factor: 2, count: 13 }),
  "/etcdserverpb.Maintenance/Snapshot": exponentialBounds({ start: 0.01, factor: 2, count: 17 }),
};

/** A unary call that took longer than it should. */
export interface SlowCall {
  readonly path: string;
  readonly code: number;
  readonly durationMs: number;
  readonly facts: CallFacts;
}

export interface CallCountsOptions {
  /** Whether calls are timed by method as well. */
  readonly isExtensive: boolean;
  /** 0 for never. */
  readonly slowMs: number;
  readonly onSlow: (call: SlowCall) => void;
}

export class MethodCounts implements MethodObserver {
  readonly path: string;
  readonly kind: Method["kind"];
  startedCount = 0;
  receivedCount = 0;
  receivedBytes = 0;
  sentCount = 0;
  sentBytes = 0;
  /** By code. */
  readonly handled = new Float64Array(CODE_NAMES.length);
  readonly handling: Tally | null;
  /** Only of what etcd calls requests. */
  readonly succeeded: Tally | null;
  readonly failed: Tally | null;
  readonly ownSucceeded: Tally | null;
  readonly ownFailed: Tally | null;
  /** Requests among them that took too long. */
  slow = 0;
  readonly #slowMs: number;
  readonly #onSlow: CallCountsOptions["onSlow"];

  constructor(path: string, kind: Method["kind"], options: CallCountsOptions) {
    this.path = path;
    this.kind = kind;
    this.handling = options.isExtensive ? new Tally(HANDLING_SECONDS) : null;
    const isRequest = requestType(path) !== undefined;
    this.succeeded = isRequest ? new Tally(SECONDS) : null;
    this.failed = isRequest ? new Tally(SECONDS) : null;
    const own = OWN_SECONDS[path];
    this.ownSucceeded = own === undefined ? null : new Tally(own);
    this.ownFailed = own === undefined ? null : new Tally(own);
    const isTimed = kind === "unary" && options.slowMs > 0 && !WAITS.has(path);
    this.#slowMs = isTimed ? options.slowMs : Infinity;
    this.#onSlow = options.onSlow;
  }

  started(): void {
    this.startedCount++;
  }

  received(bytes: number): void {
    this.receivedCount++;
    this.receivedBytes += bytes;
  }

  sent(bytes: number): void {
    this.sentCount++;
    this.sentBytes += bytes;
  }

  finished(code: number, durationMs: number, facts: CallFacts): void {
    (this.handled[code < CODE_NAMES.length ? code : UNKNOWN] as number)++;
    const seconds = durationMs / 1_000;
    this.handling?.observe(seconds);
    if (code === 0) {
      this.succeeded?.observe(seconds);
      this.ownSucceeded?.observe(seconds);
    } else {
      this.failed?.observe(seconds);
      this.ownFailed?.observe(seconds);
    }
    if (durationMs > this.#slowMs) {
      if (this.succeeded !== null) this.slow++;
      this.#onSlow({ path: this.path, code, durationMs, facts });
    }
  }

  get handledCount(): number {
    return this.handled.reduce((sum, count) => sum + count, 0);
  }
}

/** They wait for others as long as it takes: that is what they are for. */
const WAITS: ReadonlySet<string> = new Set([
  "/v3lockpb.Lock/Lock",
  "/v3electionpb.Election/Campaign",
]);

/** The counts of all methods; `observe` is for the transport, or whoever else serves calls. */
export class CallCounts {
  readonly #options: CallCountsOptions;
  readonly #byPath = new Map<string, MethodCounts>();

  constructor(options: CallCountsOptions) {
    this.#options = options;
  }

  readonly observe: CallObserver = (path, kind) => {
    let counts = this.#byPath.get(path);
    if (counts === undefined) {
      counts = new MethodCounts(path, kind, this.#options);
      this.#byPath.set(path, counts);
    }
    return counts;
  };

  get(path: string): MethodCounts | undefined {
    return this.#byPath.get(path);
  }

  [Symbol.iterator](): IterableIterator<MethodCounts> {
    return this.#byPath.values();
  }

  sum(of: (counts: MethodCounts) => number): number {
    let sum = 0;
    for (const counts of this) sum += of(counts);
    return sum;
  }
}
