/** From an endpoint to the path of the database file. */

import { BackendError } from "../contract.ts";

export interface Location {
  readonly path: string;
  /** Names of URL parameters; other servers of this kind take some, Rhino none. */
  readonly ignored: readonly string[];
}

/** Takes a plain path, `sqlite:PATH` or `sqlite://PATH`; the path stands as it is, without percent-encoding. */
export function parseLocation(endpoint: string): Location {
  const match = /^sqlite:(?:\/\/)?([^?]*)(?:\?(.*))?$/is.exec(endpoint);
  const path = match === null ? endpoint : match[1] ?? "";
  if (path === "") {
    throw new BackendError("unusable", `Cannot open "${endpoint}": it names no file`);
  }
  if (path === ":memory:") {
    throw new BackendError(
      "unusable",
      `Cannot open "${endpoint}": for a store in memory say memory:`,
    );
  }
  return { path, ignored: [...new URLSearchParams(match?.[2] ?? "").keys()] };
}
