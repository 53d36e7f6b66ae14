/** Flags: how much is taken, and how soon things happen. */

import { CONFIG_BOUNDS, DEFAULT_CONFIG, FEATURE_GATES, isVersion } from "../../config.ts";
import { parseFeatureGates } from "../feature_gates.ts";
import { parseDurationMs, parseInteger, parseTruth } from "../values.ts";
import { DURATION, type FlagGroup, TRUTH } from "./flag.ts";

export const LIMITS = {
  quotaBackendBytes: {
    name: "quota-backend-bytes",
    of: ["etcd"],
    placeholder: "BYTES",
    default: "0",
    help:
      "Size of the store above which the NOSPACE alarm is raised and writes are refused. 0 is no limit, and the " +
      "default: etcd's 2 GiB protect a file that is mapped into memory, which a SQL database is not.",
    // A negative quota turns etcd's off.
    parse: (text) =>
      Math.max(0, parseInteger(text, { ...CONFIG_BOUNDS.quotaBackendBytes, min: -(2 ** 53 - 1) })),
  },
  maxRequestBytes: {
    name: "max-request-bytes",
    of: ["etcd"],
    placeholder: "BYTES",
    default: "1572864",
    help: "Largest write request; gRPC messages may be 512 KiB larger.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxRequestBytes),
  },
  maxTxnOps: {
    name: "max-txn-ops",
    of: ["etcd"],
    placeholder: "COUNT",
    default: "128",
    help: "Most operations, or compares, in one transaction.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.maxTxnOps),
  },
  watchProgressNotifyIntervalMs: {
    name: "watch-progress-notify-interval",
    of: ["etcd", "kine"],
    placeholder: DURATION,
    default: "10m",
    help:
      "Time between progress notifications of an idle watch that asked for them; 100ms at least.",
    parse: parseProgressInterval,
  },
  electionTimeoutMs: {
    name: "election-timeout",
    of: ["etcd"],
    placeholder: "MILLISECONDS",
    default: "1000",
    help:
      "Nothing is elected, but as in etcd the shortest lease follows from it: one and a half times as long, in whole " +
      "heartbeats, rounded up to seconds. At least five heartbeats.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.electionTimeoutMs),
  },
  heartbeatIntervalMs: {
    name: "heartbeat-interval",
    of: ["etcd"],
    placeholder: "MILLISECONDS",
    default: "100",
    help: "A heartbeat in the sense of `--election-timeout`; there are no others.",
    parse: (text) => parseInteger(text, CONFIG_BOUNDS.heartbeatIntervalMs),
  },
  warningUnaryRequestDurationMs: {
    name: "warning-unary-request-duration",
    of: ["etcd"],
    placeholder: DURATION,
    default: "300ms",
    help: "Calls that take longer are logged.",
    parse: parseWarningDuration,
  },
  featureGates: {
    name: "feature-gates",
    of: ["etcd"],
    placeholder: "NAME=true|false,…",
    default: "",
    help:
      `etcd's feature gates: ${
        Object.keys(FEATURE_GATES).map((name) => `\`${name}\``).join(", ")
      }, ` +
      "`AllAlpha`, `AllBeta`. All are known; `StopGRPCServiceOnDefrag` is the one that Rhino has a use for.",
    parse: parseFeatureGates,
  },
  emulatedEtcdVersion: {
    name: "emulated-etcd-version",
    of: ["kine"],
    placeholder: "VERSION",
    default: "3.7.1",
    help: "The etcd version that the server says it is. Clients choose features by it.",
    parse: parseVersion,
  },
  fastPath: {
    name: "fast-path",
    placeholder: TRUTH,
    default: "true",
    help:
      "Whether calls are served in front of the gRPC library; `false` sends all through it, which is slower, and for finding faults.",
    parse: parseTruth,
  },
} satisfies FlagGroup;

function parseProgressInterval(text: string): number {
  const { min, max } = CONFIG_BOUNDS.watchProgressNotifyIntervalMs;
  const ms = parseDurationMs(text, { min: 0, max });
  // As etcd: 0 is the default, and too little is raised rather than refused.
  return ms === 0 ? DEFAULT_CONFIG.watchProgressNotifyIntervalMs : Math.max(ms, min);
}

/** As etcd: 0 is the default. */
function parseWarningDuration(text: string): number {
  const ms = parseDurationMs(text, CONFIG_BOUNDS.warningUnaryRequestDurationMs);
  return ms === 0 ? DEFAULT_CONFIG.warningUnaryRequestDurationMs : ms;
}

function parseVersion(text: string): string {
  if (!isVersion(text)) throw new RangeError("expected a version such as 3.7.1");
  return text;
}
