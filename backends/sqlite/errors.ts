/**
 * SQLite's errors as `BackendError`s. All knowledge of its texts is here: Deno 2.9.6 gives `node:sqlite`'s errors no
 * number, so the beginning of the message, which SQLite's source fixes for each code, is what there is.
 */

import { BackendError, type BackendErrorKind } from "../contract.ts";

/** Start of SQLite's text → kind, and what to tell the operator. */
const TEXTS: readonly (readonly [text: string, kind: BackendErrorKind, hint: string])[] = [
  ["database or disk is full", "full", "no space is left for the database"],
  ["disk I/O error", "unavailable", "the disk failed"],
  ["database is locked", "unavailable", "another process holds a lock on the database"],
  ["database table is locked", "unavailable", "another process holds a lock on the database"],
  ["attempt to write a readonly database", "unavailable", "the database is read-only"],
  ["unable to open database file", "unavailable", "the database file cannot be opened"],
  ["locking protocol", "unavailable", "the database file cannot be locked"],
  ["database disk image is malformed", "corrupt", "the database is damaged"],
  ["file is not a database", "corrupt", "it is not a SQLite database"],
  ["out of memory", "unavailable", "SQLite has no memory left"],
  ["database is not open", "unavailable", "the database is closed"],
  ["string or blob too big", "full", "a row is larger than SQLite can hold"],
];

/** What is not SQLite's is a defect, and comes back as it is. */
export function toBackendError(error: unknown): unknown {
  if (error instanceof BackendError || !(error instanceof Error)) return error;
  const found = TEXTS.find(([text]) => error.message.startsWith(text));
  if (found === undefined) return error;
  const [, kind, hint] = found;
  return new BackendError(kind, `SQLite: ${hint} (${error.message})`, { cause: error });
}

/** What stands in the way of opening, in a few words. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (!(error instanceof Error)) return String(error);
  const cause = error instanceof BackendError && error.cause instanceof Error ? error.cause : error;
  return TEXTS.find(([text]) => cause.message.startsWith(text))?.[2] ?? cause.message;
}

/** Whether SQLite could not read or write the disk, after which nothing it holds can be trusted to be there. */
export function isDiskFailure(error: unknown): boolean {
  return error instanceof BackendError && error.cause instanceof Error &&
    error.cause.message.startsWith("disk I/O error");
}
