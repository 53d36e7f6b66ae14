/** Sessions that are ready to use: with the first host that takes writes, and with settings of ours. */

import { BackendError, type OpenOptions } from "../contract.ts";
import { codeOf, networkReason, oneLine, showHost } from "../sql/reasons.ts";
import { readFailure, serverErrno } from "./errors.ts";
import { fillIn } from "./literals.ts";
import type { Location } from "./location.ts";
import { openSession, type Row, type Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";

/** For a row that another transaction holds; less than a call may take. */
export const LOCK_WAIT_S = 5;
/** For what is said first on a new connection. */
const SET_UP_TIMEOUT_MS = 5_000;
/** The server closes what lies idle for longer; the default of MariaDB and MySQL. */
export const IDLE_S = 28_800;
/** In a transaction that waits for this program, after which the server lets go of its locks. */
export const HELD_S = 10;
/** MariaDB ends a statement after this, its client having left long before. */
export const STATEMENT_TIME_S = 20;

export interface Connected {
  readonly session: Session;
  readonly settings: ServerSettings;
}

/** The server's variables by name; some exist only with MariaDB, some only with MySQL. */
export type ServerSettings = ReadonlyMap<string, string>;

export interface ConnectOptions {
  /** For writes alone: no transaction of the session locks gaps, nor is it one snapshot. */
  readonly locksLittle: boolean;
}

export type Connect = (options: ConnectOptions) => Promise<Connected>;

/** Makes sessions. Begins with the host that served last. */
export function createConnect(
  location: Location,
  onStatement: OpenOptions["onStatement"],
): Connect {
  const { hosts } = location;
  let first = 0;
  return async (options) => {
    const failures: string[] = [];
    for (let tried = 0; tried < hosts.length; tried++) {
      const at = (first + tried) % hosts.length;
      try {
        const connected = await connectTo(location, at, { ...options, onStatement });
        first = at;
        return connected;
      } catch (error) {
        failures.push(describeFailure(location, { at, error }));
      }
    }
    throw new BackendError("unavailable", failures.join("; "));
  };
}

async function connectTo(
  location: Location,
  at: number,
  { onStatement, ...options }: ConnectOptions & Pick<OpenOptions, "onStatement">,
): Promise<Connected> {
  const host = location.hosts[at];
  if (host === undefined) throw new RangeError(`no host ${at}`);
  let session: Session;
  try {
    session = await openSession(location, { host, usesTls: true, onStatement });
  } catch (error) {
    if (!location.takesPlain || codeOf(error) !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    session = await openSession(location, { host, usesTls: false, onStatement });
  }
  const timer = setTimeout(() => session.destroy(), SET_UP_TIMEOUT_MS);
  try {
    return { session, settings: await setUp(session, options) };
  } catch (error) {
    session.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function setUp(
  session: Session,
  { locksLittle }: ConnectOptions,
): Promise<ServerSettings> {
  const setUpSession = [
    fillIn(STATEMENTS.setVariables, { lockWaitS: LOCK_WAIT_S, idleS: IDLE_S }),
    locksLittle ? STATEMENTS.setLittleIsolation : STATEMENTS.setIsolation,
    STATEMENTS.showVariables,
  ];
  const answers = await session.run(setUpSession);
  const rows: readonly Row[] = answers.at(-1) ?? [];
  const settings = new Map(rows.map(([name, value]) => [String(name), String(value)]));
  for (const name of ["read_only", "super_read_only", "innodb_read_only"]) {
    if (!["OFF", "0", undefined].includes(settings.get(name))) {
      throw new BackendError("unavailable", `the server is read-only (${name})`);
    }
  }
  session.locksLittle = locksLittle;
  session.hasBlocks = /mariadb/i.test(settings.get("version") ?? "");
  session.isClustered = settings.get("wsrep_on") === "ON";
  const more: string[] = [];
  if (session.isClustered) more.push(STATEMENTS.setSyncWait);
  if (settings.has("max_statement_time")) {
    more.push(fillIn(STATEMENTS.setStatementTime, { seconds: STATEMENT_TIME_S }));
  }
  if (settings.has("information_schema_stats_expiry")) more.push(STATEMENTS.setFreshSizes);
  if (more.length > 0) await session.run(more);
  session.packetBytesMax = Number(settings.get("max_allowed_packet"));
  return settings;
}

function describeFailure(
  { hosts, user, database }: Location,
  { at, error }: { at: number; error: unknown },
): string {
  const host = hosts[at];
  const place = `MySQL at ${host === undefined ? "nowhere" : showHost(host)}`;
  const errno = serverErrno(error);
  switch (errno) {
    case 1045:
    case 1698:
      return `${place} refuses user "${user}": wrong password, or no such user (${oneLine(error)})`;
    case 1044:
      return `${place} grants user "${user}" no rights on database "${database}"`;
    case 1049:
      return `${place} has no database "${database}": create it with CREATE DATABASE, or correct the endpoint`;
    case 1040:
    case 1203:
    case 1226:
      return `${place} has too many connections (${oneLine(error)})`;
  }
  if (codeOf(error) === "HANDSHAKE_NO_SSL_SUPPORT") {
    return `${place} does not offer TLS, which ssl-mode demands`;
  }
  if (error instanceof BackendError) return `${place}: ${error.message}`;
  if (errno !== null) return `${place}: ${oneLine(readFailure(error))}`;
  return `cannot reach ${place}: ${tlsReason(error) ?? networkReason(error) ?? oneLine(error)}`;
}

/** The driver gives every failure of TLS the same code; the cause is in its text. */
function tlsReason(error: unknown): string | null {
  return codeOf(error) === "HANDSHAKE_SSL_ERROR" ? `TLS failed: ${oneLine(error)}` : null;
}
