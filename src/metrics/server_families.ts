/** `etcd_server_*`: what this server is, and how its requests fare. */

import type { Family, Sample } from "./family.ts";
import { counter, gauge } from "./plain_families.ts";
import { one, type Scrape } from "./sources.ts";

/** etcd's feature gates, none of which changes anything here. */
const FEATURES = {
  ALPHA: [
    "AllAlpha",
    "CompactHashCheck",
    "InitialCorruptCheck",
    "LeaseCheckpoint",
    "LeaseCheckpointPersist",
    "PriorityRequest",
    "SetMemberLocalAddr",
    "StopGRPCServiceOnDefrag",
  ],
  BETA: ["AllBeta", "FastLeaseKeepAlive", "TxnModeWriteWithSharedBuffer"],
} as const;

function features(): Sample[] {
  return Object.entries(FEATURES).flatMap(([stage, names]) =>
    names.map((name) => ({ labels: { name, stage }, value: 0 }))
  );
}

function* clientRequests({ clientRequests }: Scrape): Iterable<Sample> {
  for (const { version, unary, stream } of clientRequests) {
    const labels = { client_api_version: version };
    if (unary > 0) yield { labels: { ...labels, type: "unary" }, value: unary };
    if (stream > 0) yield { labels: { ...labels, type: "stream" }, value: stream };
  }
}

function isLeader({ membership }: Scrape): boolean {
  return membership.leaderId === membership.self.id;
}

const NEVER = "never moves: there is no Raft here";

/** What this server is. */
export function identityFamilies(scrape: Scrape): Family[] {
  const { config: { emulatedEtcdVersion }, membership } = scrape;
  const clusterVersion = emulatedEtcdVersion.split(".").slice(0, 2).join(".");
  return [
    {
      name: "etcd_cluster_version",
      help: "Which version is running. 1 for 'cluster_version' label with current cluster version",
      type: "gauge",
      labels: ["cluster_version"],
      read: () => one(1, { cluster_version: clusterVersion }),
    },
    {
      name: "etcd_server_version",
      help: "Which version is running. 1 for 'server_version' label with current version.",
      note: "the etcd version that Rhino answers as; its own is in `rhino_build_info`",
      type: "gauge",
      labels: ["server_version"],
      read: () => one(1, { server_version: emulatedEtcdVersion }),
    },
    {
      name: "etcd_server_id",
      help: "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      type: "gauge",
      labels: ["server_id"],
      read: () => one(1, { server_id: membership.self.id.toString(16) }),
    },
  ];
}

/** Which part this server has among those of its store. */
export function leaderFamilies(scrape: Scrape): Family[] {
  const { facts, events } = scrape;
  return [
    gauge("etcd_server_has_leader", {
      help: "Whether or not a leader exists. 1 is existence, 0 is not.",
      note: "whether the store answers within a second",
      read: () => facts().hasLeader ? 1 : 0,
    }),
    gauge("etcd_server_is_leader", {
      help: "Whether or not this member is a leader. 1 if is, 0 otherwise.",
      note: "whether MemberList and Status call it so; it has no other meaning",
      read: () => isLeader(scrape) ? 1 : 0,
    }),
    gauge("etcd_server_is_learner", {
      help: "Whether or not this member is a learner. 1 if is, 0 otherwise.",
      note: "always 0",
      read: () => 0,
    }),
    counter("etcd_server_leader_changes_seen_total", {
      help: "The number of leader changes seen.",
      note:
        "1, and one more for each change of the leader, and of the database to one with another history",
      read: () => events.leaderChanges,
    }),
  ];
}

/** What it was told to do. */
export function settingFamilies(scrape: Scrape): Family[] {
  const { quotaBackendBytes } = scrape.config;
  return [
    gauge("etcd_server_quota_backend_bytes", {
      help: "Current backend storage quota size in bytes.",
      note: "`+Inf` without a quota, so that a ratio to it is 0",
      read: () => quotaBackendBytes === 0 ? Infinity : quotaBackendBytes,
    }),
    {
      name: "etcd_server_feature_enabled",
      help: "Whether or not a feature is enabled. 1 is enabled, 0 is not.",
      note: "always 0: etcd's feature gates change nothing here",
      type: "gauge",
      labels: ["name", "stage"],
      read: features,
    },
    gauge("etcd_debugging_auth_revision", {
      help: "The current revision of auth store.",
      read: () => scrape.authRevision?.() ?? 1,
    }),
  ];
}

/** How requests fare. */
export function requestFamilies(scrape: Scrape): Family[] {
  const { store } = scrape;
  return [
    {
      name: "etcd_server_client_requests_total",
      help: "The total number of client requests per client version.",
      note: "of some 30 versions; what else clients call themselves is `other`",
      type: "counter",
      labels: ["client_api_version", "type"],
      read: () => clientRequests(scrape),
    },
    gauge("etcd_server_proposals_committed_total", {
      help: "The total number of consensus proposals committed.",
      note: "group commits since the store was made, of all servers: Status' Raft index",
      read: () => store.head.index,
    }),
    gauge("etcd_server_proposals_applied_total", {
      help: "The total number of consensus proposals applied.",
      note: "the same as `etcd_server_proposals_committed_total`",
      read: () => store.head.index,
    }),
    gauge("etcd_server_proposals_pending", {
      help: "The current number of pending proposals to commit.",
      note: "requests that wait to be on disk",
      read: () => store.pending,
    }),
    counter("etcd_server_proposals_failed_total", {
      help: "The total number of failed proposals seen.",
      note: "requests that were given up because the store failed or took too long",
      read: () => store.failed,
    }),
    never("etcd_server_read_indexes_failed_total", {
      help: "The total number of failed read indexes seen.",
      type: "counter",
    }),
    never("etcd_server_slow_read_indexes_total", {
      help:
        "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
      type: "counter",
    }),
    never("etcd_server_heartbeat_send_failures_total", {
      help:
        "The total number of leader heartbeat send failures (likely overloaded from slow disk).",
      type: "counter",
    }),
    never("etcd_server_learner_promote_successes", {
      help: "The total number of successful learner promotions while this member is leader.",
      type: "counter",
    }),
    never("etcd_server_snapshot_apply_in_progress_total", {
      help: "1 if the server is applying the incoming snapshot. 0 if none.",
      type: "gauge",
    }),
  ];
}

function never(name: string, { help, type }: { help: string; type: "counter" | "gauge" }): Family {
  return { name, help, note: NEVER, type, labels: [], read: () => one(0) };
}

/** Answers of the health endpoints. */
export function healthFamilies({ recorders: { health } }: Scrape): Family[] {
  return [
    counter("etcd_server_health_success", {
      help: "The total number of successful health checks",
      read: () => health.successes,
    }),
    counter("etcd_server_health_failures", {
      help: "The total number of failed health checks",
      read: () => health.failures,
    }),
    {
      name: "etcd_server_healthcheck",
      help: "The result of each kind of healthcheck.",
      type: "gauge",
      labels: ["name", "type"],
      read: () =>
        [...health.checks.values()].map(({ last: { name, type, isOk } }) => ({
          labels: { name, type },
          value: isOk ? 1 : 0,
        })),
    },
    {
      name: "etcd_server_healthchecks_total",
      help: "The total number of each kind of healthcheck.",
      type: "counter",
      labels: ["name", "status", "type"],
      read: () =>
        [...health.checks.values()].flatMap(({ last: { name, type }, successes, failures }) => [
          ...(successes > 0 ? one(successes, { name, status: "success", type }) : []),
          ...(failures > 0 ? one(failures, { name, status: "error", type }) : []),
        ]),
    },
  ];
}
