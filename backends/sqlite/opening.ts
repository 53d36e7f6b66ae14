/** From a path to an open database of ours, or to one clear line that says why not. */

import { dirname } from "node:path";
import { BackendError, type OpenOptions } from "../contract.ts";
import { type Database, openDatabase } from "./driver.ts";
import { SCHEMA } from "./statements.ts";

/** "RHNO"; written into the file's header, so that `file` and we can tell whose it is. */
const APPLICATION_ID = 0x52484e4f;
/** Counts changes of the schema. */
const SCHEMA_VERSION = 1;
/** For another process that reads the file, such as a backup; the wait blocks the event loop. */
const BUSY_TIMEOUT_MS = 1_000;
const CACHE_KIB = 32 * 1024;

/** Opens the file at the path, with its folder and schema made where there are none. */
export function openRhinoDatabase(path: string, options: OpenOptions): Database {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (statOrNull(path)?.isDirectory) throw new Error("it is a directory");
    const database = openDatabase(path, { readOnly: false, busyTimeoutMs: BUSY_TIMEOUT_MS });
    try {
      prepareDatabase(database, options);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw unusable(path, error);
  }
}

/** The one line for whatever stood in the way. */
export function unusable(path: string, error: unknown): BackendError {
  if (error instanceof BackendError && error.kind === "unusable") return error;
  const reason = error instanceof Deno.errors.PermissionDenied ? "permission denied" : String(
    error instanceof Error ? error.message : error,
  );
  return new BackendError("unusable", `Cannot open "${path}": ${reason}`, { cause: error });
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function prepareDatabase(database: Database, options: OpenOptions): void {
  // Reads the header, so that a file which is no database is found here.
  const applicationId = database.pragma("application_id");
  const version = Number(database.pragma("user_version"));
  const isEmpty = Number(database.pragma("schema_version")) === 0;
  if (!isEmpty && applicationId !== APPLICATION_ID) throw new Error("it is not a Rhino database");
  if (!isEmpty && version > SCHEMA_VERSION) {
    throw new Error(`it was written by a newer Rhino (schema ${version}, here ${SCHEMA_VERSION})`);
  }
  // Only before the first table can this be set without rewriting the file.
  if (isEmpty) database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  if (database.pragma("journal_mode = WAL") !== "wal") {
    throw new Error("its file system does not support SQLite's WAL mode");
  }
  database.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}`);
  if (isEmpty) create(database, options);
}

function create(database: Database, options: OpenOptions): void {
  const { query } = database;
  query.beginWrite.run();
  database.exec(SCHEMA);
  query.createHead.run(BigInt.asIntN(64, options.randomId()), options.now());
  database.exec(
    `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`,
  );
  query.commit.run();
}
