/** One connection. The only file that knows the driver, `npm:mysql2`. */

import { connect as connectSocket, type Socket } from "node:net";
import { type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { BackendError, type OpenOptions } from "../contract.ts";
import type { HostPort } from "../sql/endpoint.ts";
import { breaksConnection } from "./errors.ts";
import type { Location } from "./location.ts";
import { packQueries } from "./packets.ts";
import { queryName } from "./query_name.ts";

/** For reaching the server and for all that comes before the first statement. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A peer that has vanished is noticed within some minutes, by the operating system's own intervals after this. */
const KEEPALIVE_DELAY_MS = 30_000;
/** How long a server may take to close a connection that was bid farewell. */
const FAREWELL_MS = 200;

/** A cell is a number, for an integer beyond 2^53 a string, a Buffer for anything else, or null. */
export type Row = readonly unknown[];

interface SessionParts {
  readonly host: HostPort;
  readonly connection: Connection;
  readonly socket: Socket;
  /** Told how long each query took. */
  readonly onStatement: OpenOptions["onStatement"];
}

export class Session {
  readonly host: HostPort;
  /** The server's `max_allowed_packet`; what every server takes until it is known. */
  packetBytesMax = 1_024 * 1_024;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<void>();
  /** Whether its transactions lock little without being told (`STATEMENTS.lockLittle`). */
  locksLittle = false;
  /** Whether the server knows blocks of statements (`STATEMENTS.beginBlock`). */
  hasBlocks = false;
  /**
   * Whether the server is a node of a Galera cluster. When it ends a transaction in favour of another node's, the statement
   * that runs then fails; but between two statements of one query nobody is told, and what follows runs on its own.
   */
  isClustered = false;
  readonly #onStatement: OpenOptions["onStatement"];
  #running = 0;
  #isBroken = false;
  #isEnding = false;

  constructor({ host, connection, socket, onStatement }: SessionParts) {
    this.host = host;
    this.#connection = connection;
    this.#onStatement = onStatement;
    this.#socket = socket;
    // Told of what breaks while nothing runs, too; a call that runs is told by its callback.
    connection.on("error", () => this.#isBroken = true);
    socket.on("end", () => this.#isBroken = true);
    socket.on("close", () => {
      this.#isBroken = true;
      this.#closed.resolve();
    });
  }

  /** Whether it can take another call. */
  get isUsable(): boolean {
    return !this.#isBroken && !this.#isEnding;
  }

  /** Settles when the connection is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The rows of one statement that answers some. */
  async rows<R extends Row>(statement: string): Promise<readonly R[]> {
    // As the statement selects them: nothing checks it.
    return await this.#query(statement) as readonly R[];
  }

  /**
   * The rows that each of several statements answers, in as few round trips as the largest packet allows. The first that
   * fails ends them, and so the call; whoever needs them whole begins a transaction with them.
   */
  async run(statements: readonly string[]): Promise<readonly (readonly Row[])[]> {
    const answers: (readonly Row[])[] = [];
    for (const query of packQueries(statements, this.packetBytesMax)) {
      const answer = await this.#query(query.join(";"));
      // A query of one statement answers without a list around.
      answers.push(...(query.length === 1 ? [answer] : answer) as (readonly Row[])[]);
    }
    return answers;
  }

  /** As `run`, for a transaction that writes. */
  async write(statements: readonly string[]): Promise<readonly (readonly Row[])[]> {
    if (!this.isClustered) return await this.run(statements);
    const answers: (readonly Row[])[] = [];
    for (const statement of statements) answers.push(...await this.run([statement]));
    return answers;
  }

  /** Rows that one statement changed. */
  async change(statement: string): Promise<number> {
    const { affectedRows } = await this.#query(statement) as { affectedRows: number };
    return affectedRows;
  }

  #query(text: string): Promise<unknown> {
    if (!this.isUsable) {
      return Promise.reject(new BackendError("unavailable", "MySQL: the connection was lost"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#running++;
    const startMs = performance.now();
    this.#connection.query(text, (error, result) => {
      this.#running--;
      this.#onStatement?.(queryName(text), performance.now() - startMs);
      if (!error) return resolve(result);
      if (breaksConnection(error)) this.#isBroken = true;
      reject(error);
    });
    return promise;
  }

  /** Closes it: at once if something runs, else with a farewell, or the server would note an aborted connection. */
  destroy(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (this.#running > 0 || this.#isBroken) {
      this.#socket.destroy();
      return;
    }
    this.#connection.end();
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }
}

export interface ConnectOptions {
  readonly host: HostPort;
  readonly usesTls: boolean;
  readonly onStatement?: OpenOptions["onStatement"];
}

/** Connects and logs in; settles within `CONNECT_TIMEOUT_MS`. Throws what the driver throws. */
export async function openSession(
  { user, password, database, tls }: Location,
  { host, usesTls, onStatement }: ConnectOptions,
): Promise<Session> {
  const socket = host.host.startsWith("/")
    ? connectSocket(host.host)
    : connectSocket({ host: host.host, port: host.port });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEPALIVE_DELAY_MS);
  const options: ConnectionOptions = {
    stream: socket,
    // By these the driver finds the name in a certificate.
    host: host.host,
    port: host.port,
    user,
    password,
    database,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectAttributes: { program_name: "rhino" },
    // Of statements, which are ASCII, and of texts in answers. Tables hold bytes.
    charset: "UTF8MB4_BIN",
    multipleStatements: true,
    rowsAsArray: true,
    supportBigNumbers: true,
    queryFormat: (text) => text,
    flags: ["-LOCAL_FILES"],
    ...(usesTls && tls !== null ? { ssl: { ...tls } } : {}),
  };
  const connection = createConnection(options);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connection.connect((error) => error ? reject(error) : resolve());
  const session = new Session({ host, connection, socket, onStatement });
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return session;
}
