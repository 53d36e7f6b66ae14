/**
 * Every flag, in one table. From it come the parsing, `--help`, the environment variables and docs/configuration.md.
 */

import {
  AUTO_COMPACTION_MODES,
  type Config,
  CONFIG_BOUNDS,
  DEFAULT_CONFIG,
  isVersion,
  LOG_FORMATS,
  LOG_LEVELS,
  METRICS_DETAILS,
} from "../config.ts";
import {
  parseChoice,
  parseClientUrls,
  parseDurationMs,
  parseInteger,
  parseList,
  parseListenUrls,
  parseText,
} from "./values.ts";

/** One flag that sets one value of the config. */
export interface Flag<Key extends keyof Config = keyof Config> {
  /** Without its dashes. */
  readonly name: string;
  readonly key: Key;
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  /** As one would write it; it parses to the default config's value. Empty if the value is derived. */
  readonly default: string;
  /** One sentence or a few, in Markdown without line breaks. */
  readonly help: string;
  /** @throws {RangeError} that says what was expected. */
  readonly parse: (text: string) => Config[Key];
}

/** Placeholder of the flags that may stand alone, which then means `true`. */
const TRUTH = "true|false";

/** A flag for each value of the config: the compiler asks for one when a value is added. */
type FlagTable = { readonly [Key in keyof Config]: Omit<Flag<Key>, "key"> };

const TABLE: FlagTable = {
  listenClientUrls: {
    name: "listen-address",
    placeholder: "HOST:PORT",
    default: "0.0.0.0:2379",
    help: "Where clients connect. Port 0 takes a free one; the log tells which.",
    parse: parseListenUrls,
  },
  endpoint: {
    name: "endpoint",
    placeholder: "PATH|URL",
    default: "./db/state.db",
    help:
      "Where the data lives: the path of a SQLite file (made with its folder if it is missing), " +
      "the same as `sqlite://PATH`; `postgres://…` or `mysql://…` for a database server, which several servers may " +
      "share; or `memory://` for a store that ends with the process.",
    parse: parseText,
  },
  maxConnections: {
    name: "max-connections",
    placeholder: "COUNT",
    default: "5",
    help: "Connections to the database server, all together. SQLite has none.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxConnections),
  },
  noCreate: {
    name: "no-create",
    placeholder: TRUTH,
    default: "false",
    help:
      "Never make tables in a database server, for an account that may not: `--print-schema` prints what to run instead.",
    parse: parseTruth,
  },
  advertiseClientUrls: {
    name: "advertise-client-urls",
    placeholder: "URL,…",
    default: "",
    help:
      "The client URLs that MemberList tells. Without it: the address that the server listens on; if that is " +
      "all interfaces, the one by which the asking client called it.",
    parse: parseClientUrls,
  },
  name: {
    name: "name",
    placeholder: "NAME",
    default: "default",
    help:
      "This member's name in MemberList. Its id follows from it: servers that share a database need a name each, or else " +
      "are told apart by host and port.",
    parse: parseText,
  },
  compactIntervalMs: {
    name: "compact-interval",
    placeholder: "DURATION",
    default: "300s",
    help:
      "Time between automatic compactions: plain seconds or a duration such as `5m`, `1h30m`, `500ms`. " +
      "0 turns them off.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.compactIntervalMs),
  },
  compactMinRetain: {
    name: "compact-min-retain",
    placeholder: "REVISIONS",
    default: "1000",
    help: "Newest revisions that an automatic compaction keeps.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.compactMinRetain),
  },
  compactBatchSize: {
    name: "compact-batch-size",
    placeholder: "ROWS",
    default: "1000",
    help:
      "Rows that one step of deleting compacted history looks at; other requests run between steps.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.compactBatchSize),
  },
  quotaBackendBytes: {
    name: "quota-backend-bytes",
    placeholder: "BYTES",
    default: "0",
    help:
      "Size of the store above which the NOSPACE alarm is raised and writes are refused. 0 is no limit, and the " +
      "default: etcd's 2 GiB protect a file that is mapped into memory, which a SQL database is not.",
    // A negative quota turns etcd's off.
    parse: (text) =>
      Math.max(0, parseInteger(text, { ...CONFIG_BOUNDS.quotaBackendBytes, min: -1 })),
  },
  maxRequestBytes: {
    name: "max-request-bytes",
    placeholder: "BYTES",
    default: "1572864",
    help: "Largest write request; gRPC messages may be 512 KiB larger.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxRequestBytes),
  },
  maxTxnOps: {
    name: "max-txn-ops",
    placeholder: "COUNT",
    default: "128",
    help: "Most operations, or compares, in one transaction.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxTxnOps),
  },
  watchProgressNotifyIntervalMs: {
    name: "watch-progress-notify-interval",
    placeholder: "DURATION",
    default: "10m",
    help:
      "Time between progress notifications of an idle watch that asked for them; 100ms at least.",
    parse: parseProgressInterval,
  },
  emulatedEtcdVersion: {
    name: "emulated-etcd-version",
    placeholder: "VERSION",
    default: "3.7.1",
    help: "The etcd version that the server says it is. Clients choose features by it.",
    parse: parseVersion,
  },
  listenClientHttpUrls: {
    name: "listen-client-http-urls",
    placeholder: "URL,…",
    default: "",
    help: "Where HTTP alone is served.",
    parse: parseListenUrls,
  },
  listenMetricsUrls: {
    name: "listen-metrics-urls",
    placeholder: "URL,…",
    default: "",
    help: "Where metrics and health are served besides.",
    parse: parseListenUrls,
  },
  certFile: {
    name: "cert-file",
    placeholder: "PATH",
    default: "",
    help: "Certificate of the server, PEM.",
    parse: parseText,
  },
  keyFile: {
    name: "key-file",
    placeholder: "PATH",
    default: "",
    help: "Its key, PEM.",
    parse: parseText,
  },
  trustedCaFile: {
    name: "trusted-ca-file",
    placeholder: "PATH",
    default: "",
    help: "Authority of the clients' certificates, PEM.",
    parse: parseText,
  },
  clientCertAuth: {
    name: "client-cert-auth",
    placeholder: TRUTH,
    default: "false",
    help: "Whether clients must show a certificate.",
    parse: parseTruth,
  },
  clientCrlFile: {
    name: "client-crl-file",
    placeholder: "PATH",
    default: "",
    help: "Revoked certificates, PEM.",
    parse: parseText,
  },
  clientCertAllowedHostnames: {
    name: "client-cert-allowed-hostname",
    placeholder: "NAME,…",
    default: "",
    help: "Names of which a client's certificate must hold one.",
    parse: parseList,
  },
  autoTls: {
    name: "auto-tls",
    placeholder: TRUTH,
    default: "false",
    help: "Make a certificate where none is given.",
    parse: parseTruth,
  },
  selfSignedCertValidityYears: {
    name: "self-signed-cert-validity",
    placeholder: "YEARS",
    default: "1",
    help: "Validity of a certificate that is made.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.selfSignedCertValidityYears),
  },
  cipherSuites: {
    name: "cipher-suites",
    placeholder: "NAME,…",
    default: "",
    help: "TLS cipher suites.",
    parse: parseList,
  },
  tlsMinVersion: {
    name: "tls-min-version",
    placeholder: "TLS1.2|TLS1.3",
    default: "TLS1.2",
    help: "Least TLS version.",
    parse: (text) => parseChoice(text, ["TLS1.2", "TLS1.3"]),
  },
  tlsMaxVersion: {
    name: "tls-max-version",
    placeholder: "TLS1.2|TLS1.3",
    default: "",
    help: "Greatest TLS version.",
    parse: (text) => parseChoice(text, ["", "TLS1.2", "TLS1.3"]),
  },
  authToken: {
    name: "auth-token",
    placeholder: "simple|jwt,…",
    default: "simple",
    help: "Kind of the tokens of authentication.",
    parse: parseText,
  },
  authTokenTtlMs: {
    name: "auth-token-ttl",
    placeholder: "DURATION",
    default: "300",
    help: "Time after which an idle token ends.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.authTokenTtlMs),
  },
  bcryptCost: {
    name: "bcrypt-cost",
    placeholder: "COST",
    default: "10",
    help: "Cost of hashing a password.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.bcryptCost),
  },
  cors: {
    name: "cors",
    placeholder: "ORIGIN,…",
    default: "*",
    help: "Origins that browsers may call from.",
    parse: parseList,
  },
  hostWhitelist: {
    name: "host-whitelist",
    placeholder: "HOST,…",
    default: "*",
    help: "Host names that plain HTTP requests may come by.",
    parse: parseList,
  },
  enableGrpcGateway: {
    name: "enable-grpc-gateway",
    placeholder: TRUTH,
    default: "true",
    help: "Whether the JSON gateway is served.",
    parse: parseTruth,
  },
  metrics: {
    name: "metrics",
    placeholder: METRICS_DETAILS.join("|"),
    default: "basic",
    help: "How much is measured.",
    parse: (text) => parseChoice(text, METRICS_DETAILS),
  },
  autoCompactionMode: {
    name: "auto-compaction-mode",
    placeholder: AUTO_COMPACTION_MODES.join("|"),
    default: "periodic",
    help: "What the retention counts.",
    parse: (text) => parseChoice(text, AUTO_COMPACTION_MODES),
  },
  autoCompactionRetention: {
    name: "auto-compaction-retention",
    placeholder: "RETENTION",
    default: "0",
    help: "What automatic compaction keeps.",
    parse: parseText,
  },
  compactionSleepIntervalMs: {
    name: "compaction-sleep-interval",
    placeholder: "DURATION",
    default: "10ms",
    help: "Pause between two steps of trimming.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.compactionSleepIntervalMs),
  },
  maxConcurrentStreams: {
    name: "max-concurrent-streams",
    placeholder: "COUNT",
    default: "4294967295",
    help: "Calls under way on one connection.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxConcurrentStreams),
  },
  grpcKeepaliveMinTimeMs: {
    name: "grpc-keepalive-min-time",
    placeholder: "DURATION",
    default: "5s",
    help: "How often a client may ping.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.grpcKeepaliveMinTimeMs),
  },
  grpcKeepaliveIntervalMs: {
    name: "grpc-keepalive-interval",
    placeholder: "DURATION",
    default: "2h",
    help: "How often a silent client is pinged.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.grpcKeepaliveIntervalMs),
  },
  grpcKeepaliveTimeoutMs: {
    name: "grpc-keepalive-timeout",
    placeholder: "DURATION",
    default: "20s",
    help: "How long its answer may take.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.grpcKeepaliveTimeoutMs),
  },
  warningUnaryRequestDurationMs: {
    name: "warning-unary-request-duration",
    placeholder: "DURATION",
    default: "300ms",
    help: "Calls that take longer are logged.",
    parse: (text) => parseDurationMs(text, CONFIG_BOUNDS.warningUnaryRequestDurationMs),
  },
  electionTimeoutMs: {
    name: "election-timeout",
    placeholder: "MILLISECONDS",
    default: "1000",
    help: "The shortest lease follows from it.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.electionTimeoutMs),
  },
  unsafeNoFsync: {
    name: "unsafe-no-fsync",
    placeholder: TRUTH,
    default: "false",
    help: "Do not wait for the disk.",
    parse: parseTruth,
  },
  fastPath: {
    name: "fast-path",
    placeholder: TRUTH,
    default: "true",
    help:
      "Whether calls are served in front of the gRPC library; `false` sends all through it, which is slower, and for finding faults.",
    parse: parseTruth,
  },
  logLevel: {
    name: "log-level",
    placeholder: LOG_LEVELS.join("|"),
    default: "info",
    help: "Least level that is logged, to standard error. `debug` adds stack traces to errors.",
    parse: (text) => parseChoice(text, LOG_LEVELS),
  },
  logFormat: {
    name: "log-format",
    placeholder: LOG_FORMATS.join("|"),
    default: "plain",
    help: "Log lines to read, or one JSON object a line.",
    parse: (text) => parseChoice(text, LOG_FORMATS),
  },
};

/** In the order of `--help`. */
export const FLAGS: readonly Flag[] = Object.entries(TABLE).map(([key, flag]) => // `Object.entries` gives up the key's type; the table's type has checked it.
({ ...flag, key: key as keyof Config }));

/** Flags that ask for something else than serving. They have no environment variable. */
export const SWITCHES = [
  { name: "help", help: "Print this and exit." },
  {
    name: "version",
    help: "Print the versions of Rhino and of the etcd that it answers as, and exit.",
  },
  {
    name: "print-schema",
    help:
      "Print the SQL that makes the tables in the database server of `--endpoint`, and exit. Nothing is connected to.",
  },
] as const;

/** Whether the flag may stand alone. */
export function isSwitchable({ placeholder }: Pick<Flag, "placeholder">): boolean {
  return placeholder === TRUTH;
}

/** `compact-interval` → `RHINO_COMPACT_INTERVAL`. */
export function variableOf(flag: Pick<Flag, "name">): string {
  return ENV_PREFIX + flag.name.toUpperCase().replaceAll("-", "_");
}

export const ENV_PREFIX = "RHINO_";

function parseTruth(text: string): boolean {
  return parseChoice(text, ["true", "false"]) === "true";
}

function parseProgressInterval(text: string): number {
  const { min, max } = CONFIG_BOUNDS.watchProgressNotifyIntervalMs;
  const ms = parseDurationMs(text, { min: 0, max });
  // As etcd: 0 is the default, and too little is raised rather than refused.
  return ms === 0 ? DEFAULT_CONFIG.watchProgressNotifyIntervalMs : Math.max(ms, min);
}

function parseVersion(text: string): string {
  if (!isVersion(text)) throw new RangeError("expected a version such as 3.7.1");
  return text;
}
