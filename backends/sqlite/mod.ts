/** The SQLite backend's door. */

import type { Backend, OpenOptions } from "../contract.ts";
import { SqliteBackend } from "./backend.ts";
import { parseLocation } from "./location.ts";
import { openRhinoDatabase } from "./opening.ts";

/** Opens `PATH`, `sqlite:PATH` or `sqlite://PATH`. */
export function open(endpoint: string, options: OpenOptions): Promise<Backend> {
  const { path, ignored } = parseLocation(endpoint);
  if (ignored.length > 0) {
    options.log("warn", "URL parameters have no effect on SQLite", { parameters: ignored });
  }
  const database = openRhinoDatabase(path, options);
  return Promise.resolve(new SqliteBackend({ path, database, options }));
}
