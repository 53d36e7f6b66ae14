/**
 * Which backend serves an endpoint. The only place that names backends; each is imported when first asked for, so that
 * a server loads no driver that it does not use.
 */

import {
  type Backend,
  BackendError,
  type BackendModule,
  type OpenOptions,
  type Rights,
  type Surroundings,
} from "./contract.ts";
import { foreignRights } from "./foreign_rights.ts";

/** Scheme → module. A plain path is served by `sqlite`. */
const BUILT_IN: Readonly<Record<string, () => Promise<BackendModule>>> = {
  memory: () => import("./memory/mod.ts"),
  sqlite: () => import("./sqlite/mod.ts"),
  postgres: () => import("./postgres/mod.ts"),
  postgresql: () => import("./postgres/mod.ts"),
  mysql: () => import("./mysql/mod.ts"),
  mariadb: () => import("./mysql/mod.ts"),
};

type RightsOf = (endpoint: string, surroundings: Surroundings) => Rights;

/** Scheme → what its stores ask of the machine; these modules load no driver. */
const RIGHTS: Readonly<Record<string, () => Promise<{ readonly rights: RightsOf }>>> = {
  memory: () => import("./memory/rights.ts"),
  sqlite: () => import("./sqlite/rights.ts"),
  postgres: () => import("./postgres/rights.ts"),
  postgresql: () => import("./postgres/rights.ts"),
  mysql: () => import("./mysql/rights.ts"),
  mariadb: () => import("./mysql/rights.ts"),
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
 * Opens the store that the endpoint names: with a module of somebody else always in a sandbox.
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
  const scheme = schemeOf(endpoint);
  const isForeign = sourceOf(choice) !== undefined;
  const module = isForeign ? null : await builtInModule(scheme, choice);
  if (module?.schemaSql !== undefined) return module.schemaSql(endpoint);
  throw new BackendError("unusable", `a store of ${scheme}: makes its tables itself`);
}

/**
 * What the store of the endpoint asks of the machine once its module is loaded. For a module of somebody else it is all
 * that it gets.
 *
 * @throws {BackendError} `unusable` if the endpoint is malformed
 */
export async function rightsOf(choice: BackendChoice, around: Surroundings): Promise<Rights> {
  const scheme = schemeOf(choice.endpoint);
  const load = Object.hasOwn(RIGHTS, scheme) ? RIGHTS[scheme] : undefined;
  return load === undefined
    ? foreignRights(choice)
    : (await load()).rights(choice.endpoint, around);
}

/** The module that serves the endpoint; what runs in a sandbox as if it did not. */
export async function moduleOf(choice: BackendChoice): Promise<BackendModule> {
  const scheme = schemeOf(choice.endpoint);
  const source = sourceOf(choice);
  if (source !== undefined) {
    checkSchemes(choice);
    const { foreignModule } = await import("./sandbox/sandboxed_module.ts");
    return await foreignModule(source, choice.backendAllowNet ?? []);
  }
  const module = await builtInModule(scheme, choice);
  checkSchemes(choice);
  if (choice.sandbox !== true) return module;
  const { inSandbox } = await import("./sandbox/sandboxed_module.ts");
  return inSandbox(module, scheme);
}

/** Rhino's own module for a scheme. @throws {BackendError} `unusable`, which names the schemes that there are */
export function builtInModule(
  scheme: string,
  { backends = [] }: Pick<BackendChoice, "backends"> = {},
): Promise<BackendModule> {
  const load = Object.hasOwn(BUILT_IN, scheme) ? BUILT_IN[scheme] : undefined;
  if (load !== undefined) return load();
  const known = [...Object.keys(BUILT_IN), ...backends.map((one) => one.scheme)]
    .sort().map((name) => `${name}:`).join(", ");
  throw new BackendError(
    "unusable",
    `Cannot open backend: unknown scheme "${scheme}:"; known are ${known} and a plain path, which is SQLite; ` +
      `--backend ${scheme}=URL adds it`,
  );
}

function sourceOf({ endpoint, backends = [] }: BackendChoice): BackendSource | undefined {
  const scheme = schemeOf(endpoint);
  return Object.hasOwn(BUILT_IN, scheme)
    ? undefined
    : backends.find((source) => source.scheme === scheme);
}

/** A scheme has one module. @throws {BackendError} `unusable` */
function checkSchemes({ backends = [] }: BackendChoice): void {
  const seen = new Set(Object.keys(BUILT_IN));
  for (const { scheme } of backends) {
    if (seen.has(scheme)) {
      const why = Object.hasOwn(BUILT_IN, scheme) ? `, but ${scheme}: is Rhino's own` : " twice";
      throw new BackendError(
        "unusable",
        `Cannot open backend: --backend ${scheme}= is given${why}`,
      );
    }
    seen.add(scheme);
  }
}
