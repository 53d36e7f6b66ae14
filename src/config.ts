/**
 * What a server can be told: the `Config` type, its defaults, and the limits of each value. Where values come from
 * (flags, environment, a caller of the library) is not known here.
 */

import { REQUEST_BYTES_MAX, TXN_OPS_MAX, WATCH_PROGRESS_INTERVAL_MS_MIN } from "./limits.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

export const LOG_FORMATS = ["plain", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

export interface ListenAddress {
  /** A name or an IP address, IPv6 without its brackets. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Config {
  readonly listenAddress: ListenAddress;
  /** Where the data lives: a path or a URL. It may hold a password, so it goes into no log as it is. */
  readonly endpoint: string;
  /** Connections to a database server, all together. */
  readonly maxConnections: number;
  /** Tables are never made in a database server: their absence is an error. */
  readonly noCreate: boolean;
  /** What MemberList tells clients. Empty: derived from where the server listens and how clients call it. */
  readonly advertiseClientUrls: readonly string[];
  /** This member's name. */
  readonly name: string;
  /** Time between automatic compactions; 0 turns them off. */
  readonly compactIntervalMs: number;
  /** Newest revisions that an automatic compaction keeps. */
  readonly compactMinRetain: number;
  /** Rows that one step of trimming looks at. */
  readonly compactBatchSize: number;
  /** Size of the store above which writes are refused as NOSPACE; 0 for no such limit. */
  readonly quotaBackendBytes: number;
  /** A marshalled write above this is refused. */
  readonly maxRequestBytes: number;
  /** Operations or compares in one transaction; more are refused. */
  readonly maxTxnOps: number;
  /** Time between progress notifications of a watch that asked for them and is idle. */
  readonly watchProgressNotifyIntervalMs: number;
  /** The etcd that Status and /version claim to be; clients choose features by it. */
  readonly emulatedEtcdVersion: string;
  /** False sends all calls through the gRPC library: slower, for finding faults. */
  readonly fastPath: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export const DEFAULT_CONFIG: Config = {
  listenAddress: { host: "0.0.0.0", port: 2379 },
  endpoint: "./db/state.db",
  maxConnections: 5,
  noCreate: false,
  advertiseClientUrls: [],
  name: "default",
  compactIntervalMs: 300_000,
  compactMinRetain: 1_000,
  compactBatchSize: 1_000,
  quotaBackendBytes: 0,
  maxRequestBytes: REQUEST_BYTES_MAX,
  maxTxnOps: TXN_OPS_MAX,
  watchProgressNotifyIntervalMs: 600_000,
  emulatedEtcdVersion: "3.7.1",
  fastPath: true,
  logLevel: "info",
  logFormat: "plain",
};

/** Longest time a timer of JavaScript can wait; with more it would fire at once. */
export const DURATION_MS_MAX = 2 ** 31 - 1;

/** Bounds of the numbers, both inclusive. What lies outside is refused before the server starts. */
export const CONFIG_BOUNDS = {
  maxConnections: { min: 1, max: 1_000 },
  compactIntervalMs: { min: 0, max: DURATION_MS_MAX },
  compactMinRetain: { min: 0, max: Number.MAX_SAFE_INTEGER },
  /** A step runs in one piece between other requests, so a huge one would stop them. */
  compactBatchSize: { min: 1, max: 100_000 },
  quotaBackendBytes: { min: 0, max: Number.MAX_SAFE_INTEGER },
  /** A message is held in memory whole, and several times while it is written. */
  maxRequestBytes: { min: 1, max: 64 * 1024 * 1024 },
  /** A transaction is evaluated in one piece. */
  maxTxnOps: { min: 1, max: 65_536 },
  watchProgressNotifyIntervalMs: { min: WATCH_PROGRESS_INTERVAL_MS_MIN, max: DURATION_MS_MAX },
} as const satisfies { readonly [key in keyof Config]?: Bounds };

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * The defaults with some values replaced.
 *
 * @throws {RangeError} that names the value which is out of its bounds.
 */
export function makeConfig(values: Partial<Config> = {}): Config {
  const config = { ...DEFAULT_CONFIG, ...values };
  for (const key of Object.keys(CONFIG_BOUNDS) as (keyof typeof CONFIG_BOUNDS)[]) {
    checkBounds(key, { value: config[key], bounds: CONFIG_BOUNDS[key] });
  }
  checkBounds("listenAddress.port", {
    value: config.listenAddress.port,
    bounds: { min: 0, max: 65_535 },
  });
  if (config.endpoint === "") {
    throw new RangeError("Invalid config: endpoint is empty: expected a path or a URL");
  }
  if (!isVersion(config.emulatedEtcdVersion)) {
    throw new RangeError(
      `Invalid config: emulatedEtcdVersion is "${config.emulatedEtcdVersion}": expected a version such as 3.7.1`,
    );
  }
  return config;
}

/** Clients compare the version's three numbers, so nothing else will do. */
export function isVersion(text: string): boolean {
  return /^\d{1,4}\.\d{1,4}\.\d{1,4}$/.test(text);
}

function checkBounds(name: string, { value, bounds }: { value: number; bounds: Bounds }): void {
  if (Number.isSafeInteger(value) && value >= bounds.min && value <= bounds.max) return;
  throw new RangeError(
    `Invalid config: ${name} is ${value}: expected a whole number from ${bounds.min} to ${bounds.max}`,
  );
}
