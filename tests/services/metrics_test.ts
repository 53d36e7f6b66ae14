// GET /metrics: the names that dashboards and alerts made for etcd read, and that each moves when it should.

import assert from "node:assert/strict";
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import {
  type ParsedExposition,
  parseExposition,
  seriesName,
} from "../../src/metrics/testing/parsed_exposition.ts";
import { startMetrics } from "../../src/metrics/testing/metrics_rig.ts";
import { eventually } from "../support/polling.ts";
import { revisionOf } from "../support/readable.ts";
import { notRhino, serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { WatchSession } from "./watch_session.ts";

async function scrape({ endpoint }: ServiceTestContext): Promise<ParsedExposition> {
  const response = await fetch(`http://${endpoint.address}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return parseExposition(await response.text());
}

/** How much each series has grown since. */
function growth(before: ParsedExposition, after: ParsedExposition) {
  return (name: string, labels: Readonly<Record<string, string>> = {}): number => {
    const series = seriesName(name, labels);
    const value = after.values.get(series);
    assert.ok(value !== undefined, `${series} is missing`);
    return value - (before.values.get(series) ?? 0);
  };
}

function method(service: string, name: string, type = "unary") {
  return { grpc_method: name, grpc_service: `etcdserverpb.${service}`, grpc_type: type };
}

/** Those of etcd's mixin, of its Grafana dashboard, and of Kubernetes' alerts, but for what is about peers. */
const DASHBOARD_NAMES = [
  "etcd_cluster_version",
  "etcd_debugging_lease_granted_total",
  "etcd_debugging_lease_renewed_total",
  "etcd_debugging_lease_revoked_total",
  "etcd_debugging_mvcc_compact_revision",
  "etcd_debugging_mvcc_current_revision",
  "etcd_debugging_mvcc_db_compaction_keys_total",
  "etcd_debugging_mvcc_events_total",
  "etcd_debugging_mvcc_keys_total",
  "etcd_debugging_mvcc_pending_events_total",
  "etcd_debugging_mvcc_slow_watcher_total",
  "etcd_debugging_mvcc_watch_stream_total",
  "etcd_debugging_mvcc_watcher_total",
  "etcd_debugging_server_lease_expired_total",
  "etcd_disk_backend_commit_duration_seconds",
  "etcd_disk_wal_fsync_duration_seconds",
  "etcd_mvcc_db_total_size_in_bytes",
  "etcd_mvcc_db_total_size_in_use_in_bytes",
  "etcd_mvcc_delete_total",
  "etcd_mvcc_put_total",
  "etcd_mvcc_range_total",
  "etcd_mvcc_txn_total",
  "etcd_network_client_grpc_received_bytes_total",
  "etcd_network_client_grpc_sent_bytes_total",
  "etcd_server_client_requests_total",
  "etcd_server_feature_enabled",
  "etcd_server_has_leader",
  "etcd_server_health_failures",
  "etcd_server_health_success",
  "etcd_server_id",
  "etcd_server_is_leader",
  "etcd_server_leader_changes_seen_total",
  "etcd_server_proposals_applied_total",
  "etcd_server_proposals_committed_total",
  "etcd_server_proposals_failed_total",
  "etcd_server_proposals_pending",
  "etcd_server_quota_backend_bytes",
  "etcd_server_request_duration_seconds",
  "etcd_server_slow_apply_total",
  "etcd_server_version",
  "grpc_server_handled_total",
  "grpc_server_msg_received_total",
  "grpc_server_msg_sent_total",
  "grpc_server_started_total",
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "process_start_time_seconds",
];

serviceTest("Metrics: every name that dashboards read has a value", async (t) => {
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  const { families, values } = await scrape(t);
  const series = [...values.keys()];
  for (const name of DASHBOARD_NAMES) {
    const family = families.get(name);
    assert.ok(family !== undefined, `${name} is missing`);
    const first = family.type === "histogram" ? `${name}_count` : name;
    const hasSeries = series.some((id) => id === first || id.startsWith(`${first}{`));
    assert.ok(hasSeries, `${name} has no series`);
  }
});

serviceTest("Metrics: a server that serves says so", async (t) => {
  const { values } = await scrape(t);
  const { header, leader, version } = await t.client.maintenance.status({});
  const id = (header?.memberId ?? 0n).toString(16);
  assert.equal(values.get("etcd_server_has_leader"), 1);
  assert.equal(values.get("etcd_server_is_leader"), leader === header?.memberId ? 1 : 0);
  assert.equal(values.get(seriesName("etcd_server_id", { server_id: id })), 1);
  const served = { server_version: version };
  assert.equal(values.get(seriesName("etcd_server_version", served)), 1);
  const cluster = { cluster_version: version.split(".").slice(0, 2).join(".") };
  assert.equal(values.get(seriesName("etcd_cluster_version", cluster)), 1);
  const started = values.get("process_start_time_seconds") ?? 0;
  assert.ok(started > 1_600_000_000 && started <= Date.now() / 1_000 + 1, `${started}`);
});

serviceTest("Metrics: calls are counted by method, type and code", async (t) => {
  const before = await scrape(t);
  await t.client.kv.put({ key: t.key("a"), value: "x".repeat(1_000) });
  await t.client.kv.range({ key: t.key("a") });
  await assert.rejects(t.client.kv.put({ key: "" }));
  const grew = growth(before, await scrape(t));
  const put = method("KV", "Put");
  assert.equal(grew("grpc_server_started_total", put), 2);
  assert.equal(grew("grpc_server_handled_total", { ...put, grpc_code: "OK" }), 1);
  assert.equal(grew("grpc_server_handled_total", { ...put, grpc_code: "InvalidArgument" }), 1);
  assert.equal(grew("grpc_server_msg_received_total", put), 2);
  // Also where there is a status alone.
  assert.equal(grew("grpc_server_msg_sent_total", put), 2);
  assert.ok(grew("etcd_network_client_grpc_received_bytes_total") > 1_000);
  assert.ok(grew("etcd_network_client_grpc_sent_bytes_total") > 1_000);
  const unknown = { client_api_version: "unknown", type: "unary" };
  assert.equal(grew("etcd_server_client_requests_total", unknown), 3);
  const took = { type: "Range", success: "true" };
  assert.equal(grew("etcd_server_request_duration_seconds_count", took), 1);
});

serviceTest("Metrics: calls that come as JSON are counted as any others", async (t) => {
  const before = await scrape(t);
  const response = await fetch(`http://${t.endpoint.address}/v3/kv/range`, {
    method: "POST",
    body: JSON.stringify({ key: btoa(t.key("a")) }),
  });
  assert.equal(response.status, 200);
  await response.body?.cancel();
  const grew = growth(before, await scrape(t));
  const range = method("KV", "Range");
  assert.equal(grew("grpc_server_started_total", range), 1);
  assert.equal(grew("grpc_server_handled_total", { ...range, grpc_code: "OK" }), 1);
  assert.equal(grew("grpc_server_msg_received_total", range), 1);
  assert.ok(grew("etcd_network_client_grpc_received_bytes_total") > 0);
});

serviceTest("Metrics: probes are counted", async (t) => {
  const before = await scrape(t);
  for (const path of ["health", "livez", "readyz"]) {
    const response = await fetch(`http://${t.endpoint.address}/${path}`);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  const after = await scrape(t);
  const grew = growth(before, after);
  assert.equal(grew("etcd_server_health_success"), 1);
  assert.equal(grew("etcd_server_health_failures"), 0);
  const check = { type: "readyz", name: "linearizable_read" };
  assert.equal(after.values.get(seriesName("etcd_server_healthcheck", check)), 1);
  assert.equal(grew("etcd_server_healthchecks_total", { ...check, status: "success" }), 1);
});

serviceTest("Metrics: writes move what counts keys, revisions and commits", async (t) => {
  const before = await scrape(t);
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  await t.client.kv.put({ key: t.key("b"), value: "2" });
  await t.client.kv.range({ key: t.key("a") });
  const range = { request: { case: "requestRange" as const, value: { key: t.key("a") } } };
  const put = {
    request: { case: "requestPut" as const, value: { key: t.key("c"), value: "3" } },
  };
  await t.client.kv.txn({ success: [put, range] });
  await t.client.kv.deleteRange({ key: t.key("b") });
  // etcd counts a commit to the disk some time after it.
  await eventually("a commit is counted", async () => {
    const name = "etcd_disk_backend_commit_duration_seconds_count";
    return growth(before, await scrape(t))(name) > 0;
  });
  const after = await scrape(t);
  const grew = growth(before, after);
  assert.equal(grew("etcd_mvcc_put_total"), 3);
  assert.equal(grew("etcd_mvcc_delete_total"), 1);
  assert.ok(grew("etcd_mvcc_range_total") >= 2);
  assert.equal(grew("etcd_mvcc_txn_total"), 1);
  assert.equal(grew("etcd_debugging_mvcc_current_revision"), 4);
  assert.ok(grew("etcd_debugging_mvcc_total_put_size_in_bytes") > 0);
  assert.ok(grew("etcd_server_proposals_committed_total") >= 1);
  assert.ok(grew("etcd_server_proposals_applied_total") >= 1);
  // The etcd of the tests does without.
  const syncs = grew("etcd_disk_wal_fsync_duration_seconds_count");
  assert.ok(syncs >= 1 || t.target === "etcd");
  assert.equal(after.values.get("etcd_server_proposals_pending"), 0);
});

serviceTest("Metrics: watchers and what they are given are counted", async (t) => {
  const before = await scrape(t);
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  await t.client.kv.put({ key: t.key("b"), value: "2" });
  await session.events(id, 2);
  const grew = growth(before, await scrape(t));
  const watch = method("Watch", "Watch", "bidi_stream");
  assert.equal(grew("etcd_debugging_mvcc_watch_stream_total"), 1);
  assert.equal(grew("etcd_debugging_mvcc_watcher_total"), 1);
  assert.equal(grew("etcd_debugging_mvcc_events_total"), 2);
  assert.equal(grew("grpc_server_started_total", watch), 1);
  assert.equal(grew("grpc_server_handled_total", { ...watch, grpc_code: "OK" }), 0);
  // The one that was made, and one or two with events.
  assert.ok(grew("grpc_server_msg_sent_total", watch) >= 2);
});

serviceTest("Metrics: a watcher that has gone is counted no more", async (t) => {
  const before = await scrape(t);
  {
    using session = new WatchSession(t.client);
    await session.create({ ...t.all() });
  }
  await eventually("no watcher is left", async () => {
    const grew = growth(before, await scrape(t));
    return grew("etcd_debugging_mvcc_watcher_total") <= 0 &&
      grew("etcd_debugging_mvcc_watch_stream_total") <= 0;
  });
});

serviceTest("Metrics: leases are counted", async (t) => {
  const before = await scrape(t);
  const { ID } = await t.client.lease.leaseGrant({ TTL: 60 });
  using stream = t.client.lease.leaseKeepAlive();
  stream.send({ ID });
  await stream.next();
  await t.client.lease.leaseRevoke({ ID });
  const short = await t.client.lease.leaseGrant({ TTL: 2 });
  await eventually("the short lease is gone", async () => {
    const { leases } = await t.client.lease.leaseLeases({});
    return leases.every((lease) => lease.ID !== short.ID);
  });
  const grew = growth(before, await scrape(t));
  assert.equal(grew("etcd_debugging_lease_granted_total"), 2);
  assert.equal(grew("etcd_debugging_lease_renewed_total"), 1);
  assert.equal(grew("etcd_debugging_lease_revoked_total"), 2);
  assert.equal(grew("etcd_debugging_server_lease_expired_total"), 1);
  assert.equal(grew("etcd_debugging_lease_ttl_total_count"), 2);
});

serviceTest("Metrics: a compaction is counted", { fresh: true }, async (t) => {
  for (const value of ["1", "2", "3"]) await t.client.kv.put({ key: "a", value });
  const revision = revisionOf(await t.client.kv.range({ key: "a" }));
  const before = await scrape(t);
  await t.client.kv.compact({ revision, physical: true });
  const after = await scrape(t);
  const grew = growth(before, after);
  assert.equal(after.values.get("etcd_debugging_mvcc_compact_revision"), Number(revision));
  assert.equal(grew("etcd_debugging_mvcc_db_compaction_keys_total"), 2);
  assert.equal(grew("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count"), 1);
  assert.ok((after.values.get("etcd_debugging_mvcc_db_compaction_last") ?? 0) > 1_600_000_000);
  assert.equal(after.values.get("etcd_debugging_mvcc_keys_total"), 1);
});

serviceTest("Metrics: space, its quota, and upkeep are told", {
  fresh: true,
  flags: ["--quota-backend-bytes=1073741824"],
}, async (t) => {
  await t.client.kv.put({ key: "a", value: "x".repeat(100_000) });
  await t.client.maintenance.defragment({});
  await t.client.maintenance.hashKV({});
  const { values } = await scrape(t);
  const total = values.get("etcd_mvcc_db_total_size_in_bytes") ?? 0;
  const inUse = values.get("etcd_mvcc_db_total_size_in_use_in_bytes") ?? 0;
  assert.ok(total >= inUse && inUse > 0, `${total} ${inUse}`);
  assert.equal(values.get("etcd_server_quota_backend_bytes"), 2 ** 30);
  assert.equal(values.get("etcd_disk_backend_defrag_duration_seconds_count"), 1);
  assert.equal(values.get("etcd_disk_defrag_inflight"), 0);
  assert.equal(values.get("etcd_mvcc_hash_rev_duration_seconds_count"), 1);
});

serviceTest("Metrics: calls are timed by method where that was asked for", {
  flags: ["--metrics=extensive"],
}, async (t) => {
  const before = await scrape(t);
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  const grew = growth(before, await scrape(t));
  assert.equal(grew("grpc_server_handling_seconds_count", method("KV", "Put")), 1);
});

serviceTest("Metrics: a call that takes longer than it should is counted and logged", {
  fresh: true,
  flags: ["--warning-unary-request-duration=1ms"],
  skips: { etcd: "it takes a call for slow by another flag, that of applying" },
}, async (t) => {
  const before = await scrape(t);
  const values = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(20_000, "secret"));
  await eventually("a call has taken longer than a millisecond", async () => {
    await Promise.all(values.map((value, i) => t.client.kv.put({ key: t.key(`${i}`), value })));
    return growth(before, await scrape(t))("etcd_server_slow_apply_total") > 0;
  });
  await eventually("it is logged", () =>
    Promise.resolve(
      t.endpoint.output.split("\n").some((line) =>
        line.includes("apply request took too long") && line.includes("/etcdserverpb.KV/Put")
      ),
    ));
  assert.doesNotMatch(t.endpoint.output, /secret/);
});

serviceTest("Metrics: Rhino tells of its store", {
  skips: {
    etcd: "these are Rhino's own",
    memory: "it has no statements",
  },
}, async (t) => {
  const before = await scrape(t);
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  const after = await scrape(t);
  const grew = growth(before, after);
  assert.ok(grew("rhino_commit_requests_count") >= 1);
  const statements = [...after.values].filter(([id, value]) =>
    id.startsWith("rhino_sql_seconds_count") && value > 0
  );
  assert.ok(statements.some(([id]) => id.includes("append")), `${statements}`);
  assert.equal(after.values.get("rhino_compaction_lag_revisions"), 0);
  assert.equal(after.values.get("rhino_members"), 1);
});

serviceTest("Metrics: Rhino tells of alarms", {
  fresh: true,
  skips: { etcd: "it has no metric of them" },
}, async (t) => {
  const alarm = seriesName("rhino_alarms", { alarm: "NOSPACE" });
  assert.equal((await scrape(t)).values.get(alarm), 0);
  await t.client.maintenance.alarm({ action: Action.ACTIVATE, alarm: AlarmType.NOSPACE });
  assert.equal((await scrape(t)).values.get(alarm), 1);
});

serviceTest("Metrics: what has no meaning here is left out", {
  skips: { etcd: "it has it" },
}, async (t) => {
  const { families } = await scrape(t);
  const wrong = [...families.keys()].filter((name) => /^go_|_peer_|_snap_|grpc_proxy/.test(name));
  assert.deepEqual(wrong, []);
});

/** The names that docs/metrics.md says are left out; some end in a star. */
async function leftOut(): Promise<RegExp[]> {
  const text = await Deno.readTextFile(new URL("../../docs/metrics.md", import.meta.url));
  const [, section = ""] = text.split("## What etcd has and Rhino leaves out\n");
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([a-z_*]+)`/g)]
      .map(([, name = ""]) => new RegExp(`^${name.replace("*", ".*")}$`))
  );
}

serviceTest("Metrics: what etcd tells is told by Rhino in the same way, or said to be left out", {
  flags: ["--metrics=extensive"],
  skips: notRhino("etcd is what they are compared with"),
}, async (t) => {
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  await using rig = await startMetrics({ metrics: "extensive" });
  const own = new Map(rig.metrics.families.map((family) => [family.name, family]));
  const patterns = await leftOut();
  for (const [name, { type, help, labels }] of (await scrape(t)).families) {
    const family = own.get(name);
    const isLeftOut = patterns.some((pattern) => pattern.test(name));
    assert.equal(family === undefined, isLeftOut, `${name} is told and left out, or neither`);
    if (family === undefined) continue;
    assert.deepEqual([family.type, family.help], [type, help], name);
    for (const label of labels) assert.ok(family.labels.includes(label), `${name}: ${label}`);
  }
});
