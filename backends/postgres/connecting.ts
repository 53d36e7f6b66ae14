/** From settings to a connection that takes writes, on the first of the hosts that has one. */

import type { ConnectionOptions } from "node:tls";
import { BackendError, type OpenOptions } from "../contract.ts";
import type { HostPort } from "../sql/endpoint.ts";
import { networkReason, oneLine, showHost } from "../sql/reasons.ts";
import { describe, sqlStateOf } from "./errors.ts";
import { Session } from "./session.ts";
import type { Settings } from "./settings.ts";
import type { Statements } from "./statements.ts";

/** Notices that a client has left while a statement of its runs; since this version (server_version_num). */
const CONNECTION_CHECK_SINCE = 140_000;

export interface ConnectorOptions {
  readonly settings: Settings;
  readonly statements: Statements;
  readonly log: OpenOptions["log"];
  readonly onStatement?: OpenOptions["onStatement"];
}

export class Connector {
  readonly #options: ConnectorOptions;
  readonly #pooled = new WeakSet<Session>();
  readonly #alive = new Set<Session>();
  readonly #warned = new Set<string>();
  #mayPrepare: boolean;
  #usesTls: boolean;

  constructor(options: ConnectorOptions) {
    const { prepare, tls } = options.settings;
    this.#options = options;
    this.#mayPrepare = prepare !== "no";
    this.#usesTls = tls !== null;
  }

  /** @throws {BackendError} `unavailable`, with one line that names the hosts and the reasons */
  async connect(hosts: readonly HostPort[] = this.#options.settings.hosts): Promise<Session> {
    const { settings } = this.#options;
    const failures: { readonly message: string; readonly cause: unknown }[] = [];
    for (const host of hosts) {
      try {
        return await this.#tryHost(host);
      } catch (error) {
        failures.push({ message: explain(error, { host, settings }), cause: error });
      }
    }
    const message = failures.map(({ message }) => message).join("; ");
    throw new BackendError("unavailable", message, { cause: failures[0]?.cause });
  }

  /** Whether a pooler stands between us and the database that the session leads to. */
  isPooled(session: Session): boolean {
    return this.#pooled.has(session);
  }

  /** Settles when all connections made here are gone. */
  async ended(): Promise<void> {
    await Promise.all([...this.#alive].map(({ ended }) => ended));
  }

  async #tryHost(host: HostPort): Promise<Session> {
    const session = await this.#connectTo(host);
    this.#alive.add(session);
    void session.ended.then(() => this.#alive.delete(session));
    try {
      await this.#prepare(session);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** With `prefer`, a server that has no TLS is spoken to without, from then on. */
  async #connectTo(host: HostPort): Promise<Session> {
    const { settings, statements, onStatement } = this.#options;
    const connect = (tls: ConnectionOptions | null) =>
      Session.connect({
        settings,
        statements,
        host,
        tls,
        onStatement,
        // A pooler has shown that it does not keep them for us.
        onLostStatement: () => this.#mayPrepare = false,
      });
    if (!this.#usesTls) return await connect(null);
    try {
      return await connect(settings.tls);
    } catch (error) {
      const isTlsFailure = sqlStateOf(error) === null && networkReason(error) === null &&
        !isTimeout(error);
      if (settings.tlsMode !== "prefer" || !isTlsFailure) throw error;
      const session = await connect(null);
      this.#usesTls = false;
      return session;
    }
  }

  /** Throws unless the session takes writes that are kept. */
  async #prepare(session: Session): Promise<void> {
    const [row = []] = await session.rows("checkSession", [], 6);
    const [pid, inRecovery, readOnly, commit, fsync, version] = row;
    if (inRecovery?.[0] === 1 || readOnly?.toString() === "on") {
      throw new BackendError("unavailable", "it is read-only (a standby?)");
    }
    if (fsync?.toString() === "off") {
      this.#warnOnce("fsync is off in PostgreSQL: a crash of its machine may destroy the database");
    }
    const isPooled = pid?.readInt32BE() !== session.processId;
    const losesCommits = commit?.toString() === "off";
    if (isPooled) {
      this.#pooled.add(session);
      if (losesCommits) {
        throw new BackendError(
          "unavailable",
          "synchronous_commit is off, so that commits may get lost: set it to on for this user or database",
        );
      }
    } else {
      await session.script("setSession");
      if (losesCommits) await session.script("setDurable");
      if ((version?.readInt32BE() ?? 0) >= CONNECTION_CHECK_SINCE) {
        // Not on every operating system.
        await session.script("setConnectionCheck").catch(() => {});
      }
    }
    const { prepare } = this.#options.settings;
    if (this.#mayPrepare && (!isPooled || prepare === "yes")) session.keepStatements();
  }

  #warnOnce(message: string): void {
    if (!this.#warned.has(message)) this.#options.log("warn", message);
    this.#warned.add(message);
  }
}

/** One line: what was tried, what was found, and where that is not plain, what to do. */
function explain(
  error: unknown,
  { host, settings }: { readonly host: HostPort; readonly settings: Settings },
): string {
  const { user, database, password } = settings;
  const where = `PostgreSQL at ${showHost(host)}`;
  if (error instanceof BackendError) return `${where} cannot be used: ${error.message}`;
  switch (sqlStateOf(error)) {
    case "28P01":
      return `${where} refuses user "${user}": the password is wrong, or there is no such user`;
    case "28000":
      return `${where} refuses user "${user}": ${oneLine(error)}`;
    case "3D000":
      return `${where} has no database "${database}": create it first`;
    case "42501":
      return `${where} does not let user "${user}" into database "${database}": ${oneLine(error)}`;
    case null:
      break;
    default:
      return `${where} refuses the connection: ${describe(error)}`;
  }
  const reason = networkReason(error) ?? oneLine(error);
  if (password === null && /password/i.test(reason)) {
    return `${where} wants a password for user "${user}", and none is given: ` +
      "name one in the endpoint, with password_file, or in PGPASSWORD";
  }
  return `Cannot reach ${where}: ${isTimeout(error) ? "timed out" : reason}`;
}

/** The text is `pg`'s own. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "timeout expired";
}
