/** What a program may tell a server that it starts: the config, in the words of a caller. */

import type { BackendModule } from "../../backends/contract.ts";
import type { BackendSource } from "../../backends/registry.ts";
import {
  type Config,
  DEFAULT_CONFIG,
  FEATURE_GATES,
  type FeatureGate,
  type ListenUrl,
  makeConfig,
} from "../config.ts";
import { DRAIN_GRACE_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import { parseListenUrls } from "../cli/values.ts";
import { checkNames, checkTypes } from "./option_checks.ts";

/** What the process around a server has to decide: a library writes no log of its own. */
type LogKey = "logLevel" | "logFormat" | "logOutputs" | "logRotation";

/** What is written differently here than in a config. */
type RewrittenKey =
  | "listenClientUrls"
  | "listenClientHttpUrls"
  | "listenMetricsUrls"
  | "backends"
  | "featureGates";

type SameConfig = Omit<Config, LogKey | RewrittenKey>;

/**
 * Options of a server. They are named as the flags of `docs/configuration.md` are, in camelCase; durations are in
 * milliseconds and say so. What is not given, or `undefined`, has the default of the flag, but for `listenClientUrls` and
 * the log.
 */
export type RhinoOptions =
  & { readonly [Key in keyof SameConfig]?: SameConfig[Key] | undefined }
  & {
    /**
     * Where clients connect: `HOST:PORT` or a URL (`http://…`, `https://…`, `unix://PATH`), or several. Port 0 takes a free
     * one. Default: `127.0.0.1:0`; only this machine reaches it.
     */
    readonly listenClientUrls?: string | readonly string[] | undefined;
    /** Where HTTP alone is served (gateway, health, metrics); `listenClientUrls` then serves gRPC alone. */
    readonly listenClientHttpUrls?: string | readonly string[] | undefined;
    /** Where `/metrics` and `/health` are served besides, without client certificates. */
    readonly listenMetricsUrls?: string | readonly string[] | undefined;
    /**
     * Modules for further schemes of endpoints: the URL of a module, with `#sha256-…` behind it if it must be that one
     * and no other, or a module that the program has imported itself. The latter runs with all rights of the program.
     */
    readonly backends?: Readonly<Record<string, string | BackendModule>> | undefined;
    /** etcd's feature gates; those that are not named have their defaults. */
    readonly featureGates?: Readonly<Partial<Record<FeatureGate, boolean>>> | undefined;
    /**
     * Takes the lines for the operator. Default: nobody does. `createLog` makes one that cuts passwords out; a function of
     * one's own gets the lines as they are. What it throws is dropped.
     */
    readonly log?: Log | undefined;
    /** Milliseconds that open calls get to end when the server is closed; then they are cut. Default: 2000. */
    readonly closeGraceMs?: number | undefined;
  };

/** What a server is started from. */
export interface ParsedOptions {
  readonly config: Config;
  readonly log: Log;
  readonly closeGraceMs: number;
  readonly modules: ReadonlyMap<string, BackendModule>;
}

/** The options that a config does not have, and how their values are told from others. */
const OWN_DEFAULTS = {
  log: (() => {}) as Log,
  closeGraceMs: DRAIN_GRACE_MS,
};

const { logLevel: _1, logFormat: _2, logOutputs: _3, logRotation: _4, ...CONFIG_DEFAULTS } =
  DEFAULT_CONFIG;

/** A value of the right type for each option; in a config that is its default. */
export const OPTION_DEFAULTS: Readonly<Record<string, unknown>> = {
  ...CONFIG_DEFAULTS,
  ...OWN_DEFAULTS,
};

/** The address of a server whose program asked for none. */
const DEFAULT_LISTEN = "127.0.0.1:0";

/**
 * Options checked, and put together with the defaults.
 *
 * @throws {TypeError} for an option that there is not, or a value of another type
 * @throws {RangeError} for a value that is out of bounds; both name the option and repeat no endpoint
 */
export function parseOptions(options: RhinoOptions): ParsedOptions {
  checkNames(options, Object.keys(OPTION_DEFAULTS));
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as RhinoOptions; // The same options, without those that say nothing.
  checkTypes(given, OPTION_DEFAULTS);
  const {
    log = OWN_DEFAULTS.log,
    closeGraceMs = OWN_DEFAULTS.closeGraceMs,
    backends = {},
    featureGates,
    listenClientUrls = DEFAULT_LISTEN,
    listenClientHttpUrls = [],
    listenMetricsUrls = [],
    ...same
  } = given;
  const isSecure = (same.certFile ?? "") !== "" || same.autoTls === true;
  const config = makeConfig({
    ...same as Partial<SameConfig>, // Without `undefined`, as above.
    backends: sourcesOf(backends),
    featureGates: { ...FEATURE_GATES, ...featureGates },
    listenClientUrls: listenUrls("listenClientUrls", { value: listenClientUrls, isSecure }),
    listenClientHttpUrls: listenUrls("listenClientHttpUrls", {
      value: listenClientHttpUrls,
      isSecure,
    }),
    listenMetricsUrls: listenUrls("listenMetricsUrls", {
      value: listenMetricsUrls,
      isSecure: false,
    }),
  });
  return { config, log: sturdy(log), closeGraceMs, modules: modulesOf(backends) };
}

/** A log that fails must not fail the call that it tells of. */
function sturdy(log: Log): Log {
  return (level, message, fields) => {
    try {
      log(level, message, fields);
    } catch {
      // There is nobody left to tell.
    }
  };
}

/** As with flags: where no scheme was said, the certificate says it. */
function listenUrls(
  name: string,
  { value, isSecure }: { readonly value: string | readonly string[]; readonly isSecure: boolean },
): ListenUrl[] {
  return [value].flat().flatMap((text) => text.split(",")).map((text) => {
    try {
      const [url] = parseListenUrls(text);
      if (url === undefined) throw new RangeError("expected HOST:PORT such as 127.0.0.1:2379");
      const isPlain = url.scheme === "http" && !text.includes("://");
      return isPlain && isSecure ? { ...url, scheme: "https" } : url;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`Invalid config: ${name} is "${text}": ${error.message}`);
    }
  });
}

function sourcesOf(backends: Readonly<Record<string, string | BackendModule>>): BackendSource[] {
  return Object.entries(backends).flatMap(([scheme, backend]) => {
    if (typeof backend !== "string") return [];
    const [url = "", integrity = ""] = backend.split("#", 2);
    return [{ scheme, url, integrity }];
  });
}

function modulesOf(
  backends: Readonly<Record<string, string | BackendModule>>,
): ReadonlyMap<string, BackendModule> {
  return new Map(
    Object.entries(backends).flatMap(([scheme, backend]) =>
      typeof backend === "string" ? [] : [[scheme, backend]]
    ),
  );
}
