/** The SQLite backend's door. */

import type { Backend, OpenOptions } from "../contract.ts";
import { SqliteBackend } from "./backend.ts";
import { parseLocation } from "./location.ts";
import { openRhinoDatabase } from "./opening.ts";
import { removeDatabase } from "./removing.ts";
import { TUNING, type Tuning } from "./tuning.ts";

/** The version of the contract that this module was written for. */
export const contractVersion = 1;

/** Opens `PATH`, `sqlite:PATH` or `sqlite://PATH`. */
export function open(endpoint: string, options: OpenOptions): Promise<Backend> {
  return openTuned(endpoint, options, {});
}

/** Removes the file with those beside it; folders stay. Nothing but a store that no server has open is removed. */
// deno-lint-ignore require-await -- so that what it throws is a rejection
export async function remove(endpoint: string, options: OpenOptions): Promise<void> {
  removeDatabase(parseLocation(endpoint).path, options);
}

// deno-lint-ignore require-await -- so that what it throws is a rejection
export async function openTuned(
  endpoint: string,
  options: OpenOptions,
  tuning: Partial<Tuning>,
): Promise<Backend> {
  const { path, ignored } = parseLocation(endpoint);
  if (ignored.length > 0) {
    options.log("warn", "URL parameters have no effect on SQLite", { parameters: ignored });
  }
  const opened = openRhinoDatabase(path, options);
  return new SqliteBackend({ opened, options, tuning: { ...TUNING, ...tuning } });
}
