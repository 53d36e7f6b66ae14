/** Removing a store. */

import type { OpenOptions } from "../contract.ts";
import { exists } from "./folders.ts";
import { openRhinoDatabase } from "./opening.ts";

/** What SQLite and we keep beside the file. The lock goes last: until then no other server opens the store. */
const SUFFIXES = ["", "-wal", "-shm", "-journal", "-lock"];

/** @throws {BackendError} `unusable` if the file is no store of ours, or in use */
export function removeDatabase(path: string, options: OpenOptions): void {
  if (!exists(path)) return;
  const opened = openRhinoDatabase(path, options);
  try {
    opened.database.close();
    opened.walFile.close();
    for (const suffix of SUFFIXES) {
      const file = `${opened.path}${suffix}`;
      if (exists(file)) Deno.removeSync(file);
    }
  } finally {
    opened.lock.release();
  }
}
