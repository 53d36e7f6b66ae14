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

/** A module of somebody else, and the scheme that it serves. */
export interface BackendSource {
  /** In lower case, without the colon. */
  readonly scheme: string;
  /** `https:`, `http:`, `file:`, `npm:`, or a path. */
  readonly url: string;
  /** `sha256-` and the digest of the module's bytes, in hex or base64; empty if any will do. */
  readonly integrity: string;
}

/** A store, and how its backend shall run. */
export interface BackendChoice {
  readonly endpoint: string;
  /** Modules for further schemes. */
  readonly backends?: readonly BackendSource[];
  /** Whether a built-in backend runs in a sandbox too. */
  readonly sandbox?: boolean;
  /** What a module in a sandbox may connect to besides the address in the endpoint. */
  readonly backendAllowNet?: readonly string[];
}

/** RFC 3986's scheme, of two letters at least: one letter is a drive of Windows. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;

/** The endpoint's scheme in lower case; a plain path is `sqlite`. */
export function schemeOf(endpoint: string): string {
  return SCHEME.exec(endpoint)?.[1]?.toLowerCase() ?? "sqlite";
}

/** Whether Rhino serves the scheme itself. */
export function isBuiltIn(scheme: string): boolean {
  return Object.hasOwn(BUILT_IN, scheme);
}

/** A module whose one store, in memory, is the same each time it is opened, until the module is let go. */
export async function keptInMemory(): Promise<BackendModule> {
  const { keepStore } = await import("./memory/mod.ts");
  return keepStore();
}

/**
 * Opens the store that the endpoint names.
 *
 * @throws {BackendError} `unusable` if no backend serves the endpoint, or if the backend cannot open it. The message
 * never repeats the endpoint of an unknown scheme, for it may hold a password.
 */
export async function openBackend(choice: BackendChoice, options: OpenOptions): Promise<Backend> {
  const module = await moduleOf(choice);
  return await module.open(choice.endpoint, options);
}

/**
 * The SQL that makes the tables which the endpoint needs.
 *
 * @throws {BackendError} `unusable` if it needs none, or is not understood
 */
export async function schemaSql(choice: BackendChoice): Promise<string> {
  const { endpoint } = choice;
  const module = await moduleOf(choice);
  if (module.schemaSql !== undefined) return module.schemaSql(endpoint);
  throw new BackendError("unusable", `a store of ${schemeOf(endpoint)}: makes its tables itself`);
}

/** The module that serves the endpoint. */
export function moduleOf({ endpoint }: BackendChoice): Promise<BackendModule> {
  const scheme = schemeOf(endpoint);
  const load = Object.hasOwn(BUILT_IN, scheme) ? BUILT_IN[scheme] : undefined;
  if (load !== undefined) return load();
  const known = Object.keys(BUILT_IN).sort().map((name) => `${name}:`).join(", ");
  throw new BackendError(
    "unusable",
    `Cannot open backend: unknown scheme "${scheme}:"; known are ${known} and a plain path, which is SQLite`,
  );
}
