/** From a path to an open database of ours, or to one clear line that says why not. */

import { basename, dirname, join } from "node:path";
import { BackendError, type OpenOptions } from "../contract.ts";
import { type Database, openDatabase } from "./driver.ts";
import { measureSync } from "./durability.ts";
import { reasonOf } from "./errors.ts";
import { makeFolder, syncFolder } from "./folders.ts";
import { lockForServer, type ServerLock } from "./lock.ts";
import { readStoredHead, type StoredHead } from "./reading.ts";
import { MIGRATIONS, SCHEMA } from "./statements.ts";
import { VIEWS } from "./views.ts";

/** "RHNO"; written into the file's header, so that `file` and we can tell whose it is. */
const APPLICATION_ID = 0x52484e4f;
/** Counts changes of the schema. */
const SCHEMA_VERSION = 3;
/** For another process that reads the file, such as a backup; the wait blocks the event loop. */
const BUSY_TIMEOUT_MS = 250;
const CACHE_KIB = 32 * 1024;

export interface OpenedDatabase {
  /** Absolute, with symbolic links resolved: two names of one file must meet at one lock. */
  readonly path: string;
  readonly database: Database;
  readonly lock: ServerLock;
  /** The write-ahead log, to be synced. */
  readonly walFile: Deno.FsFile;
  /** What a small sync takes in the folder. */
  readonly syncMs: number;
  /** Where the store stands; on disk. */
  readonly stored: StoredHead;
}

/** Opens the file at the path, with its folder and schema made where there are none. */
export function openRhinoDatabase(path: string, options: OpenOptions): OpenedDatabase {
  const opened = new DisposableStack();
  try {
    makeFolder(dirname(path));
    const realPath = resolvePath(path);
    const lock = opened.adopt(lockForServer(realPath), (held) => held.release());
    createPrivately(realPath);
    const database = opened.adopt(
      openDatabase(realPath, { readOnly: false, busyTimeoutMs: BUSY_TIMEOUT_MS }),
      (held) => held.close(),
    );
    prepareDatabase(database, options);
    const walFile = opened.use(Deno.openSync(`${realPath}-wal`, { read: true, write: true }));
    const stored = readStoredHead(database);
    // A server that was killed may have left commits that it had not synced yet: from now on they are seen.
    walFile.syncDataSync();
    syncFolder(dirname(realPath));
    const syncMs = measureSync(lock.file);
    opened.move();
    return { path: realPath, database, lock, walFile, syncMs, stored };
  } catch (error) {
    opened.dispose();
    if (error instanceof BackendError && error.kind === "unusable") throw error;
    const message = `Cannot open "${path}": ${reasonOf(error)}`;
    throw new BackendError("unusable", message, { cause: error });
  }
}

/**
 * A new file is for its owner alone, as etcd's is: it may hold hashes of passwords. SQLite gives the files beside it the
 * same rights.
 */
function createPrivately(path: string): void {
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch {
    // It is there already, or cannot be made, which SQLite is about to find too and say better.
  }
}

function resolvePath(path: string): string {
  try {
    if (Deno.statSync(path).isDirectory) throw new Error("it is a directory");
    return Deno.realPathSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return join(Deno.realPathSync(dirname(path)), basename(path));
  }
}

function prepareDatabase(database: Database, options: OpenOptions): void {
  // The first to read the header, so that a file which is no database is found here.
  const isEmpty = Number(database.pragma("schema_version")) === 0;
  if (!isEmpty) assertOurs(database);
  // Only before the first table can this be set without rewriting the file.
  else database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  if (database.pragma("journal_mode = WAL") !== "wal") {
    throw new Error("its file system does not support SQLite's WAL mode");
  }
  database.exec(`PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0`);
  database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  // Else each statement that changes many rows makes a file elsewhere, in case it must be undone.
  database.exec("PRAGMA temp_store = MEMORY");
  // SQLite opens a file that it may not write without a word: this makes it say so.
  database.query.beginWrite.run();
  if (isEmpty) create(database, options);
  else migrate(database);
  makeViews(database, options);
  database.query.commit.run();
}

function assertOurs(database: Database): void {
  if (database.pragma("application_id") !== APPLICATION_ID) {
    const isKine = database.query.isKine.get<[number]>()?.[0] === 1;
    throw new Error(`it is not a Rhino database${isKine ? ", but one of kine's" : ""}`);
  }
  const version = Number(database.pragma("user_version"));
  if (version > SCHEMA_VERSION) {
    throw new Error(`it was written by a newer Rhino (schema ${version}, here ${SCHEMA_VERSION})`);
  }
}

/** Within the caller's transaction: a crash leaves the old schema. */
function migrate(database: Database): void {
  const stored = Number(database.pragma("user_version"));
  for (let version = stored; version < SCHEMA_VERSION; version++) {
    const statements = MIGRATIONS[version];
    if (statements === undefined) throw new Error(`its schema ${version} is unknown`);
    database.exec(statements);
    database.exec(`PRAGMA user_version = ${version + 1}`);
  }
}

/** Makes the views where they are missing or another Rhino's. Nothing depends on them. */
function makeViews(database: Database, { log }: OpenOptions): void {
  for (const [name, text] of Object.entries(VIEWS)) {
    const [stored] = database.query.readView.get<[string]>(name) ?? [];
    if (stored === text) continue;
    try {
      database.exec(`DROP VIEW IF EXISTS ${name}`);
      database.exec(text);
    } catch (error) {
      log("info", "a view for reading by hand cannot be made", { name, reason: reasonOf(error) });
    }
  }
}

function create(database: Database, options: OpenOptions): void {
  database.exec(SCHEMA);
  database.query.createHead.run(BigInt.asIntN(64, options.randomId()), options.now());
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}
