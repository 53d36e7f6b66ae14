/** The SQLite file of a running server, looked at from outside. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";

const SCHEME = "sqlite://";

/** Where a server that was started with `--endpoint sqlite://PATH` keeps its data. */
export async function databasePath(pid: number): Promise<string> {
  const args = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0");
  const url = args.find((arg) => arg.startsWith(SCHEME));
  assert(url !== undefined, `the server has no database file: ${args.join(" ")}`);
  return url.slice(SCHEME.length);
}

/** SQLite's own verdict on the file: `ok`, or what is wrong. The server must have stopped. */
export function integrityOf(path: string): string {
  using database = new DatabaseSync(path);
  const rows = database.prepare("PRAGMA integrity_check").all();
  return rows.map((row) => String(row["integrity_check"])).join("\n");
}

/** Bytes on disk, with what is still in the write-ahead log. */
export async function databaseBytes(path: string): Promise<number> {
  let bytes = 0;
  for (const suffix of ["", "-wal"]) {
    try {
      bytes += (await Deno.stat(path + suffix)).size;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return bytes;
}
