/** What PostgreSQL's errors mean for the contract. All knowledge of its codes (SQLSTATE) is here. */

import { BackendError } from "../contract.ts";
import { codeOf, networkReason, oneLine } from "../sql/reasons.ts";

const DISK_FULL = "53100";
const READ_ONLY = "25006";
/** Another transaction was first: serialization failure, deadlock. */
const CONFLICTS = new Set(["40001", "40P01"]);
/** Of databases that speak PostgreSQL's protocol: it cannot be told whether the statement took effect. */
const RESULT_UNKNOWN = "40003";
/** What a pooler does to prepared statements: the statement is not there, or was there already. */
const LOST_STATEMENTS = new Set(["26000", "42P05"]);

/** Five letters or digits of an error that the server sent; the network's `EPIPE` would do as well, but has no severity. */
export function sqlStateOf(error: unknown): string | null {
  const isServers = typeof error === "object" && error !== null && "severity" in error;
  const code = isServers ? codeOf(error) : null;
  return code !== null && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

export function hasLostStatement(error: unknown): boolean {
  return LOST_STATEMENTS.has(sqlStateOf(error) ?? "");
}

/** The server answers, but this one does not take writes: a connection to another may. */
export function isReadOnly(error: unknown): boolean {
  return sqlStateOf(error) === READ_ONLY;
}

/** A read, or anything else that may be made again. */
export function toReadError(error: unknown): BackendError {
  if (error instanceof BackendError) return error;
  return new BackendError("unavailable", describe(error), { cause: error });
}

export interface AppendFailure {
  readonly error: unknown;
  /** The server, or the connection, ended with it: the answer may have been lost. */
  readonly isCut: boolean;
}

/** An append. An error that the server answers rolls the statement back; one that ends the connection may come after. */
export function toAppendError({ error, isCut }: AppendFailure): BackendError {
  if (error instanceof BackendError) return error;
  const state = sqlStateOf(error);
  const isUnknown = isCut || state === null || state === RESULT_UNKNOWN;
  if (isUnknown) return new BackendError("indeterminate", describe(error), { cause: error });
  const kind = CONFLICTS.has(state) ? "conflict" : state === DISK_FULL ? "full" : "unavailable";
  return new BackendError(kind, describe(error), { cause: error });
}

/** One line, without a secret: PostgreSQL's errors name users and databases, never passwords. */
export function describe(error: unknown): string {
  const state = sqlStateOf(error);
  const reason = networkReason(error) ?? oneLine(error);
  return state === null ? `PostgreSQL: ${reason}` : `PostgreSQL: ${reason} (${state})`;
}
