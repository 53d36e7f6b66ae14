/**
 * A small pool of connections to one database: callers wait in line for a free one, and each wait and each call is
 * bounded in time. What is generic in it is the connection; how to open, close and judge one is the dialect's.
 *
 * A call that failed before it had a connection had no effect: that is always `unavailable`. A call that was cut off
 * after it began fails with the kind that the caller names, for only it knows whether it may have changed something.
 */

import { BackendError } from "../contract.ts";

/** After a failed attempt to connect, others within this time fail with the same error: an outage is not a reason to hammer. */
const CONNECT_PAUSE_MS = 200;
/** Callers in line for one pool; more means that the database is far behind, and waiting only makes it worse. */
const WAITERS_MAX = 10_000;
/** With less time than this left, a second try is not worth it. */
const RETRY_ROOM_MS = 100;

export interface LanesOptions<C> {
  /** Connections, at least 1. Opened when first needed. */
  readonly max: number;
  /** Opens one; must settle in bounded time by itself, and fail with a `BackendError`. */
  readonly connect: () => Promise<C>;
  /** Closes one at once, whatever it is doing. Must not throw. */
  readonly destroy: (connection: C) => void;
  /** Whether it can take another call: false once it broke, or was left in a state that nobody can trust. */
  readonly isUsable: (connection: C) => boolean;
}

export interface RunOptions {
  /** For all of it: the wait in line, connecting, the call. */
  readonly timeoutMs: number;
  /** How a call fails that had begun when its time was over or its connection was closed. */
  readonly whenCut: "unavailable" | "indeterminate";
  /** Whether to try once more if the connection broke under the call: it may have been dead for long. */
  readonly retries: boolean;
}

/** A connection that one caller has for itself. Ends with either of the two; ending it twice does no harm. */
export interface Lane<C> {
  readonly connection: C;
  /** Ends when the pool is closed, which destroys the connection. */
  readonly closed: AbortSignal;
  release(): void;
  /** Closes the connection instead of giving it to others. */
  destroy(): void;
}

interface Waiter<C> {
  readonly resolve: (lane: Lane<C>) => void;
  readonly reject: (error: unknown) => void;
}

export class Lanes<C> {
  readonly #options: LanesOptions<C>;
  /** No further calls are taken. */
  #isClosing = false;
  /** What was under way is cut off. */
  readonly #closed = new AbortController();
  #onDrained: (() => void) | null = null;
  readonly #idle: C[] = [];
  readonly #busy = new Set<C>();
  readonly #waiting: Waiter<C>[] = [];
  #connecting = 0;
  #lastFailure: { readonly error: unknown; readonly atMs: number } | null = null;

  constructor(options: LanesOptions<C>) {
    this.#options = options;
  }

  /** Takes the connection that an opening has made before, so that it is not made twice. */
  adopt(connection: C): void {
    this.#idle.push(connection);
    this.#serve();
  }

  /** Runs one call on a connection of its own. */
  async run<T>(call: (connection: C) => Promise<T>, options: RunOptions): Promise<T> {
    const endMs = performance.now() + options.timeoutMs;
    for (let isLast = !options.retries;; isLast = true) {
      const lane = await this.acquire(endMs - performance.now());
      try {
        return await finishInTime(lane, call(lane.connection), {
          timeoutMs: endMs - performance.now(),
          whenCut: options.whenCut,
        });
      } catch (error) {
        const isBroken = !this.#options.isUsable(lane.connection);
        if (isLast || !isBroken || this.#isClosing) throw error;
        if (endMs - performance.now() < RETRY_ROOM_MS) throw error;
      } finally {
        lane.release();
      }
    }
  }

  /** Waits for a connection. The caller must end what it gets. */
  acquire(timeoutMs: number): Promise<Lane<C>> {
    if (this.#isClosing) return Promise.reject(closedError());
    const free = this.#takeIdle();
    if (free !== undefined) return Promise.resolve(this.#lane(free));
    if (this.#waiting.length >= WAITERS_MAX) {
      const message = `too many calls wait for a connection (${WAITERS_MAX})`;
      return Promise.reject(new BackendError("unavailable", message));
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter<C> = {
        resolve(lane) {
          clearTimeout(timer);
          resolve(lane);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new BackendError("unavailable", "no connection was free in time"));
      }, Math.max(0, timeoutMs));
      this.#waiting.push(waiter);
      this.#connectIfNeeded();
    });
  }

  /** Takes no more calls, gives those under way a little time, then settles them all and closes all connections. */
  async close(graceMs: number): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    await this.#drained(graceMs);
    this.#closed.abort();
    for (const waiter of this.#waiting.splice(0)) waiter.reject(closedError());
    for (const connection of [...this.#idle.splice(0), ...this.#busy]) {
      this.#options.destroy(connection);
    }
    this.#busy.clear();
  }

  async #drained(graceMs: number): Promise<void> {
    if (this.#busy.size === 0 && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** The youngest first: those that lie idle are the ones that something in between has cut off. */
  #takeIdle(): C | undefined {
    while (this.#idle.length > 0) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (this.#options.isUsable(connection)) return connection;
      this.#options.destroy(connection);
    }
    return undefined;
  }

  #lane(connection: C): Lane<C> {
    this.#busy.add(connection);
    const end = (isKept: boolean) => {
      if (!this.#busy.delete(connection)) return;
      if (isKept && this.#options.isUsable(connection)) this.#idle.push(connection);
      else this.#options.destroy(connection);
      this.#serve();
    };
    return {
      connection,
      closed: this.#closed.signal,
      release: () => end(true),
      destroy: () => end(false),
    };
  }

  /** Gives what is free to those who wait, and sees that there is enough. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#takeIdle();
      if (connection === undefined) break;
      this.#waiting.shift()?.resolve(this.#lane(connection));
    }
    this.#connectIfNeeded();
    if (this.#busy.size === 0 && this.#waiting.length === 0) this.#onDrained?.();
  }

  #connectIfNeeded(): void {
    const { max } = this.#options;
    // Ends at the limit, or when one is on its way for each who waits.
    while (
      this.#waiting.length > this.#connecting &&
      this.#connecting + this.#busy.size + this.#idle.length < max
    ) {
      const failure = this.#lastFailure;
      if (failure !== null && performance.now() - failure.atMs < CONNECT_PAUSE_MS) {
        this.#waiting.shift()?.reject(failure.error);
        continue;
      }
      this.#connecting++;
      void this.#connect();
    }
  }

  async #connect(): Promise<void> {
    try {
      const connection = await this.#options.connect();
      this.#connecting--;
      this.#lastFailure = null;
      if (this.#closed.signal.aborted) this.#options.destroy(connection);
      else this.#idle.push(connection);
    } catch (error) {
      this.#connecting--;
      this.#lastFailure = { error, atMs: performance.now() };
      this.#waiting.shift()?.reject(error);
    }
    if (!this.#closed.signal.aborted) this.#serve();
  }
}

function closedError(): BackendError {
  return new BackendError("unavailable", "the store is closed");
}

/** Waits for work on a lane. When the time is over or the pool closes, the connection is destroyed: what it does is unknown. */
export async function finishInTime<C, T>(
  lane: Lane<C>,
  work: Promise<T>,
  { timeoutMs, whenCut }: Pick<RunOptions, "timeoutMs" | "whenCut">,
): Promise<T> {
  // What comes after the cut is nobody's.
  work.catch(() => {});
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const close = () => reject(new BackendError(whenCut, "the store was closed during the call"));
  const timer = setTimeout(() => {
    reject(new BackendError(whenCut, "the database did not answer in time"));
    lane.destroy();
  }, Math.max(0, timeoutMs));
  lane.closed.addEventListener("abort", close, { once: true });
  try {
    return await Promise.race([work, cut]);
  } finally {
    clearTimeout(timer);
    lane.closed.removeEventListener("abort", close);
  }
}
