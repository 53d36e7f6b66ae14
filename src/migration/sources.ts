/** From what the operator names to a source: what it is, is found out by looking at it. */
import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BackendChoice, openBackend, schemeOf } from "../../backends/registry.ts";
import type { OpenOptions } from "../../backends/contract.ts";
import { messageOf } from "../errors.ts";
import { downloadSnapshot, type EtcdServer } from "./etcd_download.ts";
import { EtcdSource } from "./etcd_source.ts";
import { KineSource } from "./kine/kine_source.ts";
import { KINE_STATEMENTS } from "./kine/kine_statements.ts";
import { openSqlReader } from "./kine/sql_reader.ts";
import { RhinoSource } from "./rhino_source.ts";
import { openSnapshot, type SnapshotFile } from "./snapshot_file.ts";
import { MigrationError, type Report, type Source } from "./source.ts";

export const SOURCE_KINDS = ["rhino", "etcd", "kine"] as const;
export type SourceKind = typeof SOURCE_KINDS[number];

export interface SourceChoice {
  /** A path, or a URL of a store or of a server. */
  readonly from: string;
  /** The same for people: without a password. */
  readonly shownFrom: string;
  /** What it is; `undefined` to find out. */
  readonly kind: SourceKind | undefined;
  /** Modules for stores of others. */
  readonly choice: Omit<BackendChoice, "endpoint">;
  /** Of a server. */
  readonly credentials: Omit<EtcdServer, "url">;
  /** Where a server's snapshot is kept while it is read. */
  readonly folder: string;
  readonly open: OpenOptions;
  readonly report: Report;
}

/** @throws {MigrationError} if there is nothing, or nothing that is known; else what opening throws */
export async function openSource(options: SourceChoice): Promise<Source> {
  const scheme = schemeOf(options.from);
  switch (scheme) {
    case "http":
    case "https":
      return await openServer(options);
    case "sqlite":
      return await openFile(options);
    case "postgres":
    case "postgresql":
    case "mysql":
    case "mariadb":
      return await openDatabase(options, scheme);
    default:
      return await openRhino(options);
  }
}

async function openServer(options: SourceChoice): Promise<Source> {
  const { from, shownFrom, kind = "etcd", credentials, folder, report } = options;
  if (kind !== "etcd") throw wrongKind(options, kind, "a server is read as etcd");
  if (!URL.canParse(from)) throw new MigrationError(`"${shownFrom}" is no URL of a server`);
  const snapshot = await downloadSnapshot({ url: from, ...credentials }, { folder, report });
  const note = "what is written to the server from now on is not in the copy";
  return sourceOf(snapshot, { name: `the server at ${new URL(from).origin}`, notes: [note] });
}

/** A path, which the scheme of SQLite may stand before. */
async function openFile(options: SourceChoice): Promise<Source> {
  const path = pathOf(options.from);
  const found = await kindOfFile(path);
  const { kind = found } = options;
  if (kind === undefined) {
    throw new MigrationError(
      `"${path}" is neither a snapshot of etcd nor a database of SQLite: look whether it is the right file`,
    );
  }
  if (kind !== found) {
    const what = found === "etcd" ? "a bbolt database" : "a SQLite database";
    throw wrongKind(options, kind, found === undefined ? "it is none" : `it is ${what}`);
  }
  switch (kind) {
    case "etcd": {
      const snapshot = await openSnapshot(path, options.report);
      const notes = snapshot.hasChecksum ? [] : [
        "the file has no checksum, so it is no snapshot but a member's own file: taken as it is",
      ];
      return sourceOf(snapshot, { name: `the snapshot ${path}`, notes });
    }
    case "kine": {
      const source = await openKine(options, { scheme: "sqlite", endpoint: path });
      const [hasKine] = await source.tables();
      if (hasKine) return source;
      await source[Symbol.asyncDispose]();
      throw new MigrationError(`"${path}" is a SQLite database, but neither Rhino's nor kine's`);
    }
    case "rhino":
      return await openRhino(options);
  }
}

function sourceOf(
  { reader }: SnapshotFile,
  options: { readonly name: string; readonly notes: readonly string[] },
): Source {
  return new EtcdSource(reader, options);
}

function pathOf(endpoint: string): string {
  return /^sqlite:(?:\/\/)?([^?]*)/i.exec(endpoint)?.[1] ?? endpoint;
}

/** Opening a store would make its file: what is only to be read must be there. @throws {MigrationError} */
export async function requireStoreFile(endpoint: string): Promise<void> {
  if (schemeOf(endpoint) !== "sqlite") return;
  const path = pathOf(endpoint);
  if (await kindOfFile(path) !== "rhino") {
    throw new MigrationError(`"${path}" is no store of Rhino's`);
  }
}

const SQLITE_MAGIC = "SQLite format 3\0";
const RHINO_ID = 0x52484e4f; // "RHNO"
const BOLT_MAGIC = 0xed0cdaed;
/** Where bbolt's mark stands in the first page. */
const BOLT_MAGIC_AT = 16;

async function kindOfFile(path: string): Promise<SourceKind | undefined> {
  const start = readStart(path);
  if (start.toString("latin1", 0, SQLITE_MAGIC.length) !== SQLITE_MAGIC) {
    return start.readUInt32LE(BOLT_MAGIC_AT) === BOLT_MAGIC ? "etcd" : undefined;
  }
  try {
    // Asked of SQLite, for the file's own header may be older than what lies in the log beside it.
    await using reader = await openSqlReader("sqlite", path);
    const [[id] = []] = await reader.rows("PRAGMA application_id");
    return id === RHINO_ID ? "rhino" : "kine";
  } catch (error) {
    throw new MigrationError(`cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function readStart(path: string): Buffer {
  const start = Buffer.alloc(100);
  try {
    if (statSync(path).isDirectory()) {
      const file = join(path, "member", "snap", "db");
      throw new Error(
        `it is a folder; of an etcd that was stopped, name ${file}, of one that runs, its URL`,
      );
    }
    const descriptor = openSync(path, "r");
    readSync(descriptor, start, 0, start.length, 0);
    closeSync(descriptor);
  } catch (error) {
    throw new MigrationError(`cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
  return start;
}

/** One database may hold tables of both, as kine's default and Rhino's is the same one. */
async function openDatabase(options: SourceChoice, scheme: string): Promise<Source> {
  if (options.kind === "etcd") throw wrongKind(options, "etcd", "it is a database server");
  if (options.kind === "rhino") return await openRhino(options);
  const source = await openKine(options, { scheme, endpoint: options.from });
  if (options.kind === "kine") return source;
  const [hasKine, hasRhino] = await source.tables();
  if (hasKine && !hasRhino) return source;
  await source[Symbol.asyncDispose]();
  if (hasRhino && !hasKine) return await openRhino(options);
  throw new MigrationError(
    hasKine
      ? `${options.shownFrom} holds tables of kine and of Rhino: say --source kine or --source rhino`
      : `${options.shownFrom} holds neither tables of kine nor of Rhino: look whether it is the right database`,
  );
}

async function openKine(
  { shownFrom }: SourceChoice,
  { scheme, endpoint }: { readonly scheme: string; readonly endpoint: string },
): Promise<KineSource> {
  const dialect = scheme.startsWith("postgres")
    ? "postgres"
    : scheme === "sqlite"
    ? "sqlite"
    : "mysql";
  try {
    const reader = await openSqlReader(scheme, endpoint);
    const statements = KINE_STATEMENTS[dialect];
    return new KineSource({ reader, statements, name: `kine's database ${shownFrom}` });
  } catch (error) {
    throw new MigrationError(`cannot open ${shownFrom}: ${messageOf(error)}`, { cause: error });
  }
}

async function openRhino({ from, shownFrom, choice, open }: SourceChoice): Promise<Source> {
  const backend = await openBackend({ ...choice, endpoint: from }, {
    ...open,
    createSchema: false,
  });
  try {
    return await RhinoSource.open(backend, `the store ${shownFrom}`);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

function wrongKind({ shownFrom }: SourceChoice, kind: SourceKind, found: string): MigrationError {
  return new MigrationError(`cannot read ${shownFrom} as ${kind}: ${found}`);
}
