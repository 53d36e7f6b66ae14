/**
 * One connection to Redis, made when it is first needed and again when it broke; the only file that talks to the client
 * library. Calls are sent one behind the other and answered in that order. Each has a bound in time: one that is not
 * answered within it takes the connection with it, for what comes behind waits for the same answer.
 */

import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { createClient, RESP_TYPES } from "@redis/client";
import type { Endpoint } from "./endpoint.ts";
import { describe, replyCode, toBackendError } from "./errors.ts";
import { BackendError, type OpenOptions } from "./kit.ts";
import type { Script } from "./scripts.ts";

/** What Redis answers: nested lists of these. Status replies are text. */
export type Reply = number | string | Buffer | null | readonly Reply[];
export type Argument = string | Buffer;

/** After a failed attempt to connect, others within this time fail with the same error. */
const CONNECT_PAUSE_MS = 200;
/** Calls that wait for answers; more means that Redis is far behind, and waiting only makes it worse. */
const CALLS_MAX = 10_000;
/** With less time than this left, a second try is not worth it. */
const RETRY_ROOM_MS = 100;

/** Bulk strings as bytes. */
const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

export interface LinkOptions {
  readonly endpoint: Endpoint;
  readonly onStatement: OpenOptions["onStatement"];
  /** Looks at a new connection; throws if it must not be used. */
  readonly check: (connection: Connection) => Promise<void>;
}

export interface CallOptions {
  /** For all of it: connecting and the answer. */
  readonly timeoutMs: number;
  /** Whether it may be made again, and changes nothing that must not happen twice. */
  readonly isSafe: boolean;
}

export class Link {
  readonly #options: LinkOptions;
  #connecting: Promise<Connection> | null = null;
  #connection: Connection | null = null;
  #lastFailure: { readonly error: unknown; readonly atMs: number } | null = null;
  #calls = 0;
  /** No further calls are taken. */
  #isClosing = false;
  /** What was under way is cut off. */
  #isClosed = false;
  #onIdle = () => {};

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The connection that opening has made, so that it is not made twice. */
  adopt(connection: Connection): void {
    this.#connection = connection;
  }

  /** @throws {BackendError} as the contract has it */
  async run(
    script: Script,
    given: { readonly keys: readonly string[]; readonly values: readonly Argument[] },
    options: CallOptions,
  ): Promise<Reply> {
    const startMs = performance.now();
    try {
      return await this.#call((connection) => connection.run(script, given), options);
    } finally {
      this.#options.onStatement?.(script.name, performance.now() - startMs);
    }
  }

  command(args: readonly Argument[], options: CallOptions): Promise<Reply> {
    return this.#call((connection) => connection.command(args), options);
  }

  /** Takes no more calls, gives those under way a little time, and closes the connection. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#calls > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#isClosed = true;
    this.#connection?.destroy();
    await this.#connecting?.then((connection) => connection.destroy(), () => {});
  }

  async #call(
    call: (connection: Connection) => Promise<Reply>,
    { timeoutMs, isSafe }: CallOptions,
  ): Promise<Reply> {
    if (this.#isClosing) throw new BackendError("unavailable", "the store is closed");
    if (this.#calls >= CALLS_MAX) {
      throw new BackendError("unavailable", `too many calls wait for Redis (${CALLS_MAX})`);
    }
    const endMs = performance.now() + timeoutMs;
    this.#calls++;
    try {
      // Ends with the second try: the connection may have been dead for long.
      for (let isLast = !isSafe;; isLast = true) {
        const connection = await this.#usable(endMs - performance.now());
        try {
          return await inTime(call(connection), {
            timeoutMs: endMs - performance.now(),
            onLate: () => {
              connection.destroy();
              const kind = isSafe ? "unavailable" : "indeterminate";
              return new BackendError(kind, "Redis did not answer in time");
            },
          });
        } catch (error) {
          const isBroken = replyCode(error) === null && !(error instanceof BackendError);
          if (replyCode(error) === "READONLY") connection.destroy();
          const hasRoom = endMs - performance.now() > RETRY_ROOM_MS;
          if (isLast || !isBroken || !hasRoom || this.#isClosing) {
            throw toBackendError(error, { isSafe });
          }
        }
      }
    } finally {
      this.#calls--;
      if (this.#calls === 0) this.#onIdle();
    }
  }

  /** Nothing was sent yet when this fails. */
  async #usable(timeoutMs: number): Promise<Connection> {
    if (this.#connection?.isReady === true) return this.#connection;
    this.#connection = null;
    const failure = this.#lastFailure;
    if (failure !== null && performance.now() - failure.atMs < CONNECT_PAUSE_MS) {
      throw failure.error;
    }
    this.#connecting ??= this.#connect();
    return await inTime(this.#connecting, {
      timeoutMs,
      onLate: () => new BackendError("unavailable", "no connection to Redis in time"),
    });
  }

  async #connect(): Promise<Connection> {
    const { endpoint, check } = this.#options;
    try {
      const connection = await connect(endpoint, check);
      if (this.#isClosed) connection.destroy();
      this.#connection = connection;
      this.#lastFailure = null;
      return connection;
    } catch (cause) {
      const error = cause instanceof BackendError && cause.kind !== "unusable"
        ? cause
        : new BackendError("unavailable", describe(cause), { cause });
      this.#lastFailure = { error, atMs: performance.now() };
      throw error;
    } finally {
      this.#connecting = null;
    }
  }
}

/**
 * Connects and looks at what is there, all in bounded time.
 *
 * @throws {BackendError} `unavailable` with one line that names the host, or what `check` throws
 */
export async function connect(
  endpoint: Endpoint,
  check: (connection: Connection) => Promise<void>,
): Promise<Connection> {
  const { host, port, connectTimeoutMs } = endpoint;
  const connection = new Connection(endpoint);
  try {
    await inTime(connection.open().then(() => check(connection)), {
      // Once for the connection, once for the password, once for the check.
      timeoutMs: 3 * connectTimeoutMs,
      onLate: () => new BackendError("unavailable", "it does not answer"),
    });
    return connection;
  } catch (error) {
    connection.destroy();
    const kind = error instanceof BackendError ? error.kind : "unavailable";
    const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const message = `Cannot use Redis at ${where}: ${describe(error)}`;
    throw new BackendError(kind, message, { cause: error });
  }
}

export class Connection {
  readonly #client: ReturnType<typeof clientFor>;

  constructor(endpoint: Endpoint) {
    this.#client = clientFor(endpoint);
    // Whoever waits for an answer is told; nobody else needs to be.
    this.#client.on("error", () => {});
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  async open(): Promise<void> {
    await this.#client.connect();
  }

  command(args: readonly Argument[]): Promise<Reply> {
    return this.#client.sendCommand<Reply>([...args], AS_BYTES);
  }

  /** By the script's digest; where Redis has not seen it yet, or not any more, by its text. */
  async run(
    { digest, text }: Script,
    { keys, values }: { readonly keys: readonly string[]; readonly values: readonly Argument[] },
  ): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...values];
    try {
      return await this.command(["EVALSHA", digest, ...rest]);
    } catch (error) {
      if (replyCode(error) !== "NOSCRIPT") throw error;
      return await this.command(["EVAL", text, ...rest]);
    }
  }

  /** Hears a channel from now on; the connection is for nothing else then. */
  async subscribe(channel: string, onMessage: (message: string) => void): Promise<void> {
    await this.#client.subscribe(channel, onMessage);
  }

  /** Resolves if it lives. */
  async ping(): Promise<void> {
    await this.#client.ping();
  }

  /** Settles all calls that wait. */
  destroy(): void {
    this.#client.destroy();
  }

  /** Told when the connection is gone. */
  onEnd(listener: () => void): void {
    this.#client.once("error", listener);
    this.#client.once("end", listener);
  }
}

function clientFor(endpoint: Endpoint) {
  const { host, port, user, password, database, tls, connectTimeoutMs } = endpoint;
  const socket = {
    host,
    port,
    connectTimeout: connectTimeoutMs,
    reconnectStrategy: false as const,
  };
  return createClient({
    RESP: 2,
    socket: tls === null ? socket : {
      ...socket,
      tls: true as const,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(tls.ca === null ? {} : { ca: tls.ca }),
    },
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    database,
    disableOfflineQueue: true,
    // Each would be one more thing that a user must be allowed.
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
}

async function inTime<T>(
  work: Promise<T>,
  { timeoutMs, onLate }: { readonly timeoutMs: number; readonly onLate: () => BackendError },
): Promise<T> {
  // What comes too late is nobody's.
  work.catch(() => {});
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(onLate()), Math.max(0, timeoutMs));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
