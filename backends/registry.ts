/**
 * Which backend serves an endpoint. The only place that names backends; each is imported when first asked for, so that
 * a server loads no driver that it does not use.
 */

import { type Backend, BackendError, type BackendModule, type OpenOptions } from "./contract.ts";

/** Scheme → module. A plain path is served by `sqlite`. */
const BUILT_IN: Readonly<Record<string, () => Promise<BackendModule>>> = {
  memory: () => import("./memory/mod.ts"),
  sqlite: () => import("./sqlite/mod.ts"),
  postgres: () => import("./postgres/mod.ts"),
  postgresql: () => import("./postgres/mod.ts"),
  mysql: () => import("./mysql/mod.ts"),
  mariadb: () => import("./mysql/mod.ts"),
};

/** RFC 3986's scheme, of two letters at least: one letter is a drive of Windows. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;

/** The endpoint's scheme in lower case; a plain path is `sqlite`. */
export function schemeOf(endpoint: string): string {
  return SCHEME.exec(endpoint)?.[1]?.toLowerCase() ?? "sqlite";
}

/**
 * Opens the store that the endpoint names.
 *
 * @throws {BackendError} `unusable` if no backend serves the endpoint, or if the backend cannot open it. The message
 * never repeats the endpoint of an unknown scheme, for it may hold a password.
 */
export async function openBackend(endpoint: string, options: OpenOptions): Promise<Backend> {
  const module = await moduleOf(endpoint);
  return await module.open(endpoint, options);
}

/**
 * The SQL that makes the tables which the endpoint needs.
 *
 * @throws {BackendError} `unusable` if it needs none, or is not understood
 */
export async function schemaSql(endpoint: string): Promise<string> {
  const module = await moduleOf(endpoint);
  if (module.schemaSql !== undefined) return module.schemaSql(endpoint);
  throw new BackendError("unusable", `a store of ${schemeOf(endpoint)}: makes its tables itself`);
}

function moduleOf(endpoint: string): Promise<BackendModule> {
  const scheme = schemeOf(endpoint);
  const load = Object.hasOwn(BUILT_IN, scheme) ? BUILT_IN[scheme] : undefined;
  if (load !== undefined) return load();
  const known = Object.keys(BUILT_IN).sort().map((name) => `${name}:`).join(", ");
  throw new BackendError(
    "unusable",
    `Cannot open backend: unknown scheme "${scheme}:"; known are ${known} and a plain path, which is SQLite`,
  );
}
