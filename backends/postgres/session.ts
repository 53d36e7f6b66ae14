/** One connection to PostgreSQL: the only file that talks to `pg`. */

import type { Buffer } from "node:buffer";
import type { ConnectionOptions } from "node:tls";
// @ts-types="@types/pg"
import pg from "pg";
import { BackendError, type OpenOptions } from "../contract.ts";
import type { HostPort } from "../sql/endpoint.ts";
import { hasLostStatement, isReadOnly } from "./errors.ts";
import { type RawRow, tapRows } from "./raw_rows.ts";
import type { Settings } from "./settings.ts";
import type { StatementName, Statements } from "./statements.ts";

/** So that a connection that something in between has forgotten is found dead, and is not forgotten in the first place. */
const KEEP_ALIVE_DELAY_MS = 10_000;
/** For a server to take note that the connection ends; then it ends anyway. */
const GOODBYE_MS = 500;

/** Text is sent as it is, bytes in binary; so are the arrays of `arrays.ts`. */
export type Value = string | number | boolean | Buffer | null;
/** Columns in binary form. */
export type Row = readonly (Buffer | null)[];

export interface SessionOptions {
  readonly settings: Settings;
  readonly statements: Statements;
  readonly host: HostPort;
  readonly tls: ConnectionOptions | null;
  /** Told how long each statement took. */
  readonly onStatement: OpenOptions["onStatement"];
  /** Told when a prepared statement is not there any more, or was there already. */
  readonly onLostStatement: () => void;
}

/** Columns come as they are: nobody but us reads them. */
const AS_IT_IS = { getTypeParser: () => (value: unknown) => value };

export class Session {
  readonly host: HostPort;
  /** Settles when the connection is gone. */
  readonly ended: Promise<void>;
  readonly #client: pg.Client;
  readonly #statements: Statements;
  readonly #onLostStatement: () => void;
  readonly #onStatement: OpenOptions["onStatement"];
  #onRow: ((row: RawRow) => void) | null = null;
  #rowError: unknown = null;
  #isBroken = false;
  #isInDoubt = false;
  #isBusy = false;
  #keepsStatements = false;

  private constructor(options: SessionOptions) {
    const { settings, statements, host, tls } = options;
    this.host = host;
    this.#statements = statements;
    this.#onLostStatement = options.onLostStatement;
    this.#onStatement = options.onStatement;
    const client = new pg.Client({
      host: host.host,
      port: host.port,
      user: settings.user,
      // Without one `pg` looks into the password file that libpq has.
      ...(settings.password === null ? {} : { password: settings.password }),
      database: settings.database,
      application_name: settings.applicationName,
      connectionTimeoutMillis: settings.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      ssl: tls ?? false,
      types: AS_IT_IS,
    });
    this.#client = client;
    tapRows(client, {
      onRow: (row) => this.#readRow(row),
      onFatal: () => {
        this.#isInDoubt = true;
        this.#isBroken = true;
      },
    });
    client.on("error", () => this.#isBroken = true);
    this.ended = new Promise((resolve) => {
      client.once("end", () => {
        this.#isBroken = true;
        resolve();
      });
    });
    // The only warning that a statement of ours gets: the wait for a synchronous replica was given up.
    client.on("notice", ({ severity }) => this.#isInDoubt ||= severity === "WARNING");
  }

  /** @throws what `pg` throws */
  static async connect(options: SessionOptions): Promise<Session> {
    const session = new Session(options);
    try {
      await session.#client.connect();
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  /** The id that the server, or a pooler in its place, gave the connection. */
  get processId(): number | null {
    const client: object = this.#client;
    return "processID" in client && typeof client.processID === "number" ? client.processID : null;
  }

  /** The connection is gone, or in a state that nobody can trust. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The server has ended the connection, or has said something that leaves open whether the last commit is safe. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Not to be used again. */
  distrust(): void {
    this.#isBroken = true;
  }

  /** From now on statements are prepared once and kept. */
  keepStatements(): void {
    this.#keepsStatements = true;
  }

  /** Runs one statement and hands over its rows where they lie. */
  run(
    name: StatementName,
    values: readonly Value[],
    onRow: (row: RawRow) => void,
  ): Promise<void> {
    const text = this.#statements[name];
    // Columns in binary form, which the simple protocol, that of statements without values, does not have.
    const query = { text, values: [...values], binary: true, queryMode: "extended" };
    const prepared = this.#keepsStatements ? { ...query, name: `rhino_${name}` } : query;
    return this.#send(name, prepared, onRow);
  }

  /** Runs one statement of few rows, which have so many columns. */
  async rows(name: StatementName, values: readonly Value[], columns: number): Promise<Row[]> {
    const rows: Row[] = [];
    await this.run(name, values, (row) => {
      rows.push(Array.from({ length: columns }, () => row.bytes()));
    });
    return rows;
  }

  /** Runs text of several statements, without parameters and rows. */
  script(name: StatementName): Promise<void> {
    return this.#send(name, { text: this.#statements[name] }, null);
  }

  /** Text that is not among the statements, for `LISTEN` takes no parameter. */
  listen(channel: string, listener: (payload: string) => void): Promise<void> {
    this.#client.on("notification", (told) => {
      if (told.channel === channel) listener(told.payload ?? "");
    });
    return this.#send("listen", { text: `LISTEN ${pg.escapeIdentifier(channel)}` }, null);
  }

  /** Ends the connection: politely if nothing is under way, for what is would hold it up. */
  destroy(): void {
    const isPolite = !this.#isBroken && !this.#isBusy;
    this.#isBroken = true;
    this.#client.end().catch(() => {});
    if (!isPolite) return destroyStream(this.#client);
    const timer = setTimeout(() => destroyStream(this.#client), GOODBYE_MS);
    void this.ended.then(() => clearTimeout(timer));
  }

  async #send(
    name: StatementName | "listen",
    query: pg.QueryConfig,
    onRow: ((row: RawRow) => void) | null,
  ): Promise<void> {
    if (this.#isBroken) {
      throw new BackendError("unavailable", "the connection to PostgreSQL is gone");
    }
    this.#onRow = onRow;
    this.#rowError = null;
    this.#isBusy = true;
    const startMs = performance.now();
    try {
      await this.#client.query(query);
    } catch (error) {
      const isLost = hasLostStatement(error);
      if (isLost) this.#onLostStatement();
      if (isLost || isReadOnly(error)) this.#isBroken = true;
      throw error;
    } finally {
      this.#onStatement?.(name, performance.now() - startMs);
      this.#isBusy = false;
      this.#onRow = null;
    }
    if (this.#rowError !== null) throw this.#rowError;
  }

  /** What it throws would end the process: it waits for the query's end. */
  #readRow(row: RawRow): void {
    if (this.#onRow === null || this.#rowError !== null) return;
    try {
      this.#onRow(row);
    } catch (error) {
      this.#rowError = error;
    }
  }
}

/** `pg` has no way to do so. */
function destroyStream(client: object): void {
  if (!("connection" in client) || !(client.connection instanceof Object)) return;
  const { connection } = client;
  if (!("stream" in connection) || !(connection.stream instanceof Object)) return;
  const { stream } = connection;
  if ("destroy" in stream && typeof stream.destroy === "function") stream.destroy();
}
