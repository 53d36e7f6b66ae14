/**
 * What a server can be told: the `Config` type, its defaults, and the limits of each value. Where values come from
 * (flags, environment, a caller of the library) is not known here.
 */

import type { BackendSource } from "../backends/registry.ts";
import { REQUEST_BYTES_MAX, TXN_OPS_MAX, WATCH_PROGRESS_INTERVAL_MS_MIN } from "./limits.ts";

/** Levels of lines. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Least levels that can be asked for. Rhino writes no line of the last two, which are etcd's. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "panic", "fatal"] as const;
export type LogThreshold = typeof LOG_LEVELS[number];

/** `console` and `json` as etcd's logger writes them; `plain` is Rhino's. */
export const LOG_FORMATS = ["plain", "json", "console"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** Outputs of the log that are no files. */
export const LOG_STREAMS = ["default", "stderr", "stdout", "systemd/journal"] as const;

export const METRICS_DETAILS = ["basic", "extensive"] as const;
export type MetricsDetail = typeof METRICS_DETAILS[number];

export const AUTO_COMPACTION_MODES = ["periodic", "revision"] as const;
export type AutoCompactionMode = typeof AUTO_COMPACTION_MODES[number];

/** What automatic compaction keeps: the history of a time, or a number of revisions. */
export type AutoCompaction =
  | { readonly mode: "off" }
  | { readonly mode: "periodic"; readonly periodMs: number }
  | { readonly mode: "revision"; readonly revisions: number };

/** etcd's feature gates with their defaults. The first alone changes what Rhino does. */
export const FEATURE_GATES = {
  StopGRPCServiceOnDefrag: false,
  CompactHashCheck: false,
  FastLeaseKeepAlive: true,
  InitialCorruptCheck: false,
  LeaseCheckpoint: false,
  LeaseCheckpointPersist: false,
  PriorityRequest: false,
  SetMemberLocalAddr: false,
  TxnModeWriteWithSharedBuffer: true,
} as const;
export type FeatureGate = keyof typeof FEATURE_GATES;

/** When a log file is put aside for a new one, and how long it is kept. */
export interface LogRotation {
  /** MiB after which a file is put aside; 0 is 100. */
  readonly maxSize: number;
  /** Days that files are kept; 0 for any time. */
  readonly maxAge: number;
  /** Files that are kept; 0 for any number. */
  readonly maxBackups: number;
  /** Whether their names have the local time, rather than UTC. */
  readonly localTime: boolean;
  readonly compress: boolean;
}

/** Where to listen, as etcd's URLs say it: `unixs` is TLS over a Unix socket. */
export interface ListenUrl {
  readonly scheme: "http" | "https" | "unix" | "unixs";
  /** A name or an IP address, IPv6 without its brackets; of a Unix socket its path. */
  readonly host: string;
  /** 0 takes a free one; also of a Unix socket. */
  readonly port: number;
}

export interface Config {
  /** Where clients connect; at least one. */
  readonly listenClientUrls: readonly ListenUrl[];
  /** Where HTTP alone is served (gateway, health, metrics); where it is given, `listenClientUrls` serve gRPC alone. */
  readonly listenClientHttpUrls: readonly ListenUrl[];
  /** Where /metrics and /health are served besides, without client certificates. */
  readonly listenMetricsUrls: readonly ListenUrl[];
  /** Where the data lives: a path or a URL. It may hold a password, so it goes into no log as it is. */
  readonly endpoint: string;
  /** Modules for schemes of endpoints that Rhino does not serve itself. */
  readonly backends: readonly BackendSource[];
  /** What such a module may connect to besides the address in the endpoint: `HOST:PORT`, or `HOST` for all its ports. */
  readonly backendAllowNet: readonly string[];
  /** Runs the built-in backends in a sandbox as well. */
  readonly sandbox: boolean;
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
  /** Certificate of the server, PEM; empty for none. Files are read again when they change. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients' certificates are checked with it; empty for none. */
  readonly trustedCaFile: string;
  /** Clients must show a certificate; its common name is then a user's. */
  readonly clientCertAuth: boolean;
  /** Revoked certificates, PEM; empty for none. */
  readonly clientCrlFile: string;
  /** Names of which a client's certificate must hold one; empty for any. */
  readonly clientCertAllowedHostnames: readonly string[];
  /** Makes a certificate where none is given. */
  readonly autoTls: boolean;
  readonly selfSignedCertValidityYears: number;
  /** Go's names; empty for the default ones. */
  readonly cipherSuites: readonly string[];
  readonly tlsMinVersion: "TLS1.2" | "TLS1.3";
  /** Empty for the newest. */
  readonly tlsMaxVersion: "" | "TLS1.2" | "TLS1.3";
  /** `simple`, or `jwt,…`; a file name in it is no secret. */
  readonly authToken: string;
  /** Time after which an idle token ends. */
  readonly authTokenTtlMs: number;
  readonly bcryptCost: number;
  /** Origins that browsers may call from; `*` is any. */
  readonly cors: readonly string[];
  /** Host names that plain HTTP requests may come by; `*` is any. */
  readonly hostWhitelist: readonly string[];
  readonly enableGrpcGateway: boolean;
  readonly metrics: MetricsDetail;
  /** etcd's way of automatic compaction, in place of `compactIntervalMs` and `compactMinRetain`; `null` for theirs. */
  readonly autoCompaction: AutoCompaction | null;
  /** Pause between two steps of trimming. */
  readonly compactionSleepIntervalMs: number;
  readonly maxConcurrentStreams: number;
  readonly grpcKeepaliveMinTimeMs: number;
  readonly grpcKeepaliveIntervalMs: number;
  readonly grpcKeepaliveTimeoutMs: number;
  /** Calls that take longer are logged; 0 for none. */
  readonly warningUnaryRequestDurationMs: number;
  /** The shortest lease follows from these two; see `leaseTtlMin`. */
  readonly electionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Lets several processes listen on one port. */
  readonly socketReusePort: boolean;
  readonly featureGates: Readonly<Record<FeatureGate, boolean>>;
  /** Leaves out the wait for the disk on SQLite: what was acknowledged may be lost with the power. */
  readonly unsafeNoFsync: boolean;
  /** False sends all calls through the gRPC library: slower, for finding faults. */
  readonly fastPath: boolean;
  readonly logLevel: LogThreshold;
  readonly logFormat: LogFormat;
  /** `default`, `stderr`, `stdout`, `systemd/journal`, or paths of files. */
  readonly logOutputs: readonly string[];
  /** Of the one file among the outputs; `null` for none. */
  readonly logRotation: LogRotation | null;
}

export const DEFAULT_CONFIG: Config = {
  listenClientUrls: [{ scheme: "http", host: "0.0.0.0", port: 2379 }],
  listenClientHttpUrls: [],
  listenMetricsUrls: [],
  endpoint: "./db/state.db",
  backends: [],
  backendAllowNet: [],
  sandbox: false,
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
  certFile: "",
  keyFile: "",
  trustedCaFile: "",
  clientCertAuth: false,
  clientCrlFile: "",
  clientCertAllowedHostnames: [],
  autoTls: false,
  selfSignedCertValidityYears: 1,
  cipherSuites: [],
  tlsMinVersion: "TLS1.2",
  tlsMaxVersion: "",
  authToken: "simple",
  authTokenTtlMs: 300_000,
  bcryptCost: 10,
  cors: ["*"],
  hostWhitelist: ["*"],
  enableGrpcGateway: true,
  metrics: "basic",
  autoCompaction: null,
  compactionSleepIntervalMs: 10,
  maxConcurrentStreams: 2 ** 32 - 1,
  grpcKeepaliveMinTimeMs: 5_000,
  grpcKeepaliveIntervalMs: 2 * 60 * 60 * 1_000,
  grpcKeepaliveTimeoutMs: 20_000,
  warningUnaryRequestDurationMs: 300,
  electionTimeoutMs: 1_000,
  heartbeatIntervalMs: 100,
  socketReusePort: false,
  featureGates: FEATURE_GATES,
  unsafeNoFsync: false,
  fastPath: true,
  logLevel: "info",
  logFormat: "plain",
  logOutputs: ["default"],
  logRotation: null,
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
  authTokenTtlMs: { min: 1, max: DURATION_MS_MAX },
  bcryptCost: { min: 4, max: 31 },
  selfSignedCertValidityYears: { min: 1, max: 100 },
  compactionSleepIntervalMs: { min: 0, max: DURATION_MS_MAX },
  maxConcurrentStreams: { min: 1, max: 2 ** 32 - 1 },
  grpcKeepaliveMinTimeMs: { min: 0, max: DURATION_MS_MAX },
  grpcKeepaliveIntervalMs: { min: 0, max: DURATION_MS_MAX },
  grpcKeepaliveTimeoutMs: { min: 0, max: DURATION_MS_MAX },
  warningUnaryRequestDurationMs: { min: 0, max: DURATION_MS_MAX },
  electionTimeoutMs: { min: 1, max: 50_000 },
  heartbeatIntervalMs: { min: 1, max: 50_000 },
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
  if (config.listenClientUrls.length === 0) {
    throw new RangeError("Invalid config: listenClientUrls is empty: expected one URL at least");
  }
  for (const key of ["listenClientUrls", "listenClientHttpUrls", "listenMetricsUrls"] as const) {
    for (const { port } of config[key]) {
      checkBounds(`${key}.port`, { value: port, bounds: { min: 0, max: 65_535 } });
    }
  }
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
