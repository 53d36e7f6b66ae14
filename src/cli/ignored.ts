/** Flags of etcd and kine that have no effect here, with the reasons. Their values are checked where that is cheap. */

import type { Dialect } from "./flags/flag.ts";
import { parseChoice, parseDurationMs, parseInteger, parseTruth } from "./values.ts";

export interface IgnoredFlag {
  readonly name: string;
  readonly of: Dialect;
  readonly reason: string;
  /** Whether it may stand alone. */
  readonly isTruth: boolean;
  /** Whether etcd's config file counts it in nanoseconds. */
  readonly isDuration: boolean;
  /** @throws {RangeError} that says what was expected */
  readonly check: (text: string) => void;
}

/** Name → kind of value; a list holds the values there are. */
type Names = Readonly<
  Record<string, "text" | "truth" | "count" | "duration" | readonly string[]>
>;

const RAFT: Names = {
  "listen-peer-urls": "text",
  "initial-advertise-peer-urls": "text",
  "initial-cluster": "text",
  "initial-cluster-state": ["new", "existing"],
  "initial-cluster-token": "text",
  "initial-election-tick-advance": "truth",
  "pre-vote": "truth",
  "strict-reconfig-check": "truth",
  "max-learners": "count",
  "force-new-cluster": "truth",
  "raft-read-timeout": "duration",
  "raft-write-timeout": "duration",
  "snapshot-count": "count",
  "snapshot-catchup-entries": "count",
  "max-snapshots": "count",
  "corrupt-check-time": "duration",
  "compact-hash-check-time": "duration",
  "downgrade-check-time": "duration",
};

const PEER_TLS: Names = {
  "peer-cert-file": "text",
  "peer-key-file": "text",
  "peer-client-cert-auth": "truth",
  "peer-client-cert-file": "text",
  "peer-client-key-file": "text",
  "peer-trusted-ca-file": "text",
  "peer-cert-allowed-cn": "text",
  "peer-cert-allowed-hostname": "text",
  "peer-auto-tls": "truth",
  "peer-crl-file": "text",
  "peer-skip-client-san-verification": "truth",
  "client-cert-file": "text",
  "client-key-file": "text",
};

const DISCOVERY: Names = {
  "discovery": "text",
  "discovery-token": "text",
  "discovery-endpoints": "text",
  "discovery-dial-timeout": "duration",
  "discovery-request-timeout": "duration",
  "discovery-keepalive-time": "duration",
  "discovery-keepalive-timeout": "duration",
  "discovery-insecure-transport": "truth",
  "discovery-insecure-skip-tls-verify": "truth",
  "discovery-cert": "text",
  "discovery-key": "text",
  "discovery-cacert": "text",
  "discovery-user": "text",
  "discovery-password": "text",
  "discovery-fallback": ["exit"],
  "discovery-proxy": "text",
  "discovery-srv": "text",
  "discovery-srv-name": "text",
};

const FILES: Names = {
  "wal-dir": "text",
  "max-wals": "count",
  "memory-mlock": "truth",
  "backend-bbolt-freelist-type": "text",
  "backend-batch-interval": "duration",
  "backend-batch-limit": "count",
  "bootstrap-defrag-threshold-megabytes": "count",
  "v2-deprecation": ["write-only", "write-only-skip-check", "write-only-drop-data", "gone"],
};

const SYSTEM: Names = {
  "socket-reuse-address": "truth",
  "logger": ["zap"],
};

const TRACING: Names = {
  "enable-pprof": "truth",
  "enable-distributed-tracing": "truth",
  "distributed-tracing-address": "text",
  "distributed-tracing-service-name": "text",
  "distributed-tracing-instance-id": "text",
  "distributed-tracing-sampling-rate": "count",
};

const APPLYING: Names = { "warning-apply-duration": "duration" };

const KINE_SQL: Names = {
  "datastore-max-idle-connections": "text",
  "datastore-connection-max-lifetime": "text",
  "datastore-connection-max-idle-time": "text",
  "slow-sql-threshold": "text",
  "slow-sql-warning-threshold": "text",
  "compact-interval-jitter": "text",
  "compact-timeout": "text",
  "poll-batch-size": "text",
  "metrics-enable-profiling": "truth",
  "schema-migration": "text",
};

const KINE_T4: Names = {
  "peer-bind-address": "text",
  "peer-advertise-address": "text",
  "s3-bucket": "text",
  "s3-folder": "text",
  "s3-endpoint": "text",
  "s3-region": "text",
  "s3-access-key": "text",
  "s3-secret-key": "text",
  "s3-session-token": "text",
  "s3-profile": "text",
  "s3-ca-bundle": "text",
};

export const IGNORED: readonly IgnoredFlag[] = [
  ...group(RAFT, "etcd", "the database keeps and copies the data, so there is no Raft"),
  ...group(PEER_TLS, "etcd", "servers do not talk to each other, so there are no peer connections"),
  ...group(DISCOVERY, "etcd", "servers of one database find each other in it"),
  ...group(FILES, "etcd", "there are no files of etcd's kind"),
  ...group(SYSTEM, "etcd", "it is always so"),
  ...group(TRACING, "etcd", "Deno has its own: --inspect, and OTEL_DENO=true for OpenTelemetry"),
  ...group(APPLYING, "etcd", "--warning-unary-request-duration covers it"),
  ...group(KINE_SQL, "kine", "Rhino's connections, polling and compaction set themselves"),
  ...group(KINE_T4, "kine", "there is no T4 backend"),
];

function group(names: Names, of: Dialect, reason: string): IgnoredFlag[] {
  return Object.entries(names).map(([name, kind]) => ({
    name,
    of,
    reason,
    isTruth: kind === "truth",
    isDuration: kind === "duration",
    check: (text) => check(kind, text),
  }));
}

function check(kind: Names[string], text: string): void {
  const any = { min: 0, max: Number.MAX_SAFE_INTEGER };
  if (kind === "truth") parseTruth(text);
  else if (kind === "count") parseInteger(text, any);
  else if (kind === "duration") parseDurationMs(text, any);
  else if (kind !== "text") parseChoice(text, kind);
}

/** One line that names the flags, by reason. */
export function ignoredText(flags: readonly Pick<IgnoredFlag, "name" | "reason">[]): string {
  const reasons = [...new Set(flags.map(({ reason }) => reason))];
  const parts = reasons.map((reason) => {
    const names = new Set(
      flags.filter((flag) => flag.reason === reason).map(({ name }) => `--${name}`),
    );
    return `${[...names].join(", ")} (${reason})`;
  });
  return `without effect: ${parts.join("; ")}`;
}
