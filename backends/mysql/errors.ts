/** MariaDB's and MySQL's errors as `BackendError`s. All knowledge of their numbers is here. */

import { BackendError, type BackendErrorKind } from "../contract.ts";
import { networkReason, oneLine } from "../sql/reasons.ts";

/** Errors of the server have numbers from here; those below are the operating system's. */
const SERVER_ERRNO_MIN = 1_000;

export const BAD_NULL = 1048;
export const NO_SUCH_TABLE = 1146;

/** The rows are another's just now, or the cluster took another's batch. */
const CONFLICTS: ReadonlySet<number> = new Set([
  // The guard of an append: the head stands elsewhere.
  BAD_NULL,
  // Record changed since last read; lock wait timeout; deadlock, and what Galera says of a batch that lost; the same of
  // MySQL's group replication.
  1020,
  1205,
  1213,
  3101,
  // Galera has just applied another's batch over this one, which finds its row of the log there.
  1062,
]);

/** No room: disk full, error writing for it, table full, table of a tablespace full. */
const FULL: ReadonlySet<number> = new Set([1021, 1114, 1041, 1037, 3675]);

/** Row or key or packet larger than what is allowed. */
const TOO_LARGE: ReadonlySet<number> = new Set([1118, 1153, 1301, 1406]);

/**
 * The server said so while it was perhaps just committing, or after: error on write, during commit, shutdown, connection
 * killed, query interrupted, binary log.
 */
const UNCLEAR: ReadonlySet<number> = new Set([1026, 1053, 1180, 1317, 1598, 1927, 3058]);

/** The server has become one that takes no writes, or (1047) is not part of its cluster: another may have taken over. */
const NOT_WRITABLE: ReadonlySet<number> = new Set([1047, 1290, 1792, 1836]);

/** A number of the server; `null` if the error is not the server's. */
export function serverErrno(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("errno" in error)) return null;
  const { errno } = error;
  return typeof errno === "number" && errno >= SERVER_ERRNO_MIN ? errno : null;
}

/** Whether a connection is of no more use after the error. */
export function breaksConnection(error: unknown): boolean {
  const errno = serverErrno(error);
  return errno === null || errno === 1927 || errno === 1053 || NOT_WRITABLE.has(errno);
}

/** A failed read: it changed nothing. What is neither the server's nor the network's is a defect, and comes back as it is. */
export function readFailure(error: unknown): unknown {
  if (!isDriverError(error)) return error;
  const errno = serverErrno(error);
  const kind = errno !== null && FULL.has(errno) ? "full" : "unavailable";
  return new BackendError(kind, describe(error), { cause: error });
}

/** A failed append, whose statements had been sent. */
export function appendFailure(error: unknown): unknown {
  if (!isDriverError(error)) return error;
  return new BackendError(appendKind(serverErrno(error)), describe(error), { cause: error });
}

function appendKind(errno: number | null): BackendErrorKind {
  if (errno === null || UNCLEAR.has(errno)) return "indeterminate";
  if (CONFLICTS.has(errno)) return "conflict";
  if (FULL.has(errno) || TOO_LARGE.has(errno)) return "full";
  return "unavailable";
}

/** Whether another server's transaction got in the way of one that may simply be tried again. */
export function isConflict(error: unknown): boolean {
  const errno = serverErrno(error);
  return errno !== null && CONFLICTS.has(errno);
}

function isDriverError(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof BackendError) && "code" in error;
}

/** One line. The server's texts tell user and host, never a password. */
export function describe(error: unknown): string {
  const errno = serverErrno(error);
  if (errno === BAD_NULL) return "MySQL: the head stands elsewhere";
  if (errno === 1153) return "MySQL: a statement is larger than the server's max_allowed_packet";
  if (errno !== null) return `MySQL: ${oneLine(error)} (${errno})`;
  return `MySQL: ${networkReason(error) ?? oneLine(error)}`;
}
