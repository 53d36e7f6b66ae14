import assert from "node:assert/strict";
import { unavailable } from "../mvcc/testing/engine.ts";
import { CODE_NAMES } from "./call_counts.ts";
import { seriesName } from "./testing/parsed_exposition.ts";
import { startMetrics } from "./testing/metrics_rig.ts";

const FACTS = { peer: "", requestMessage: undefined, responseMessage: undefined };
const PUT = "/etcdserverpb.KV/Put";

Deno.test("metrics of a server at rest are valid, each family with what it says of itself", async () => {
  await using rig = await startMetrics({ metrics: "extensive" });
  rig.calls.observe(PUT, "unary").finished(0, 1, FACTS);
  const { families } = await rig.scrape();
  assert.deepEqual([...families.keys()], rig.metrics.families.map(({ name }) => name));
  for (const { name, help, type, labels } of rig.metrics.families) {
    const parsed = families.get(name);
    assert.deepEqual([parsed?.help, parsed?.type], [help, type], name);
    for (const label of parsed?.labels ?? []) assert.ok(labels.includes(label), `${name} ${label}`);
  }
});

Deno.test("a method has its series from the start, with every code", async () => {
  await using rig = await startMetrics();
  rig.calls.observe(PUT, "unary");
  rig.calls.observe("/etcdserverpb.Watch/Watch", "bidi");
  const { values, families } = await rig.scrape();
  const method = { grpc_method: "Put", grpc_service: "etcdserverpb.KV", grpc_type: "unary" };
  for (const grpc_code of CODE_NAMES) {
    const series = seriesName("grpc_server_handled_total", { ...method, grpc_code });
    assert.equal(values.get(series), 0, series);
  }
  const watch = { grpc_method: "Watch", grpc_service: "etcdserverpb.Watch" };
  const series = { ...watch, grpc_type: "bidi_stream" };
  assert.equal(values.get(seriesName("grpc_server_started_total", series)), 0);
  assert.equal(families.has("grpc_server_handling_seconds"), false);
});

Deno.test("calls are counted by code, timed, and told of when they are slow", async () => {
  await using rig = await startMetrics({ metrics: "extensive" });
  const put = rig.calls.observe(PUT, "unary");
  put.started();
  put.received(10);
  put.sent(20);
  put.finished(0, 2, FACTS);
  put.started();
  put.finished(8, 301, FACTS);
  const { values } = await rig.scrape();
  const method = { grpc_method: "Put", grpc_service: "etcdserverpb.KV", grpc_type: "unary" };
  const value = (name: string, labels = {}) => values.get(seriesName(name, labels));
  const handled = (grpc_code: string) =>
    value("grpc_server_handled_total", { ...method, grpc_code });
  assert.deepEqual([handled("OK"), handled("ResourceExhausted")], [1, 1]);
  assert.equal(value("grpc_server_started_total", method), 2);
  assert.equal(value("grpc_server_handling_seconds_count", method), 2);
  assert.equal(value("etcd_network_client_grpc_received_bytes_total"), 10);
  assert.equal(value("etcd_network_client_grpc_sent_bytes_total"), 20);
  const failed = { type: "Put", success: "false" };
  assert.equal(value("etcd_server_request_duration_seconds_count", failed), 1);
  assert.equal(value("etcd_server_slow_apply_total"), 1);
  assert.deepEqual(rig.slow.map(({ path, code }) => [path, code]), [[PUT, 8]]);
});

Deno.test("calls that wait for others are not slow", async () => {
  await using rig = await startMetrics();
  rig.calls.observe("/v3lockpb.Lock/Lock", "unary").finished(0, 60_000, FACTS);
  rig.calls.observe("/etcdserverpb.Watch/Watch", "bidi").finished(1, 60_000, FACTS);
  assert.deepEqual(rig.slow, []);
});

Deno.test("keys, revisions, puts and deletes follow the store", async () => {
  await using rig = await startMetrics();
  await rig.engine.put("a", "12345");
  await rig.engine.put("b");
  const { values } = await rig.scrape();
  assert.equal(values.get("etcd_mvcc_put_total"), 2);
  assert.equal(values.get("etcd_debugging_mvcc_current_revision"), 3);
  assert.equal(values.get("etcd_debugging_mvcc_keys_total"), 2);
  assert.equal(values.get("etcd_server_proposals_committed_total"), 2);
  assert.ok((values.get("etcd_debugging_mvcc_total_put_size_in_bytes") ?? 0) >= 7);
});

Deno.test("a store that is away is no leader, and metrics are told all the same", async () => {
  let isAway = false;
  await using rig = await startMetrics({}, (real) => ({
    head: () => isAway ? Promise.reject(unavailable()) : real.head(),
    size: () => isAway ? Promise.reject(unavailable()) : real.size(),
  }));
  await rig.engine.put("a");
  assert.equal((await rig.scrape()).values.get("etcd_server_has_leader"), 1);
  isAway = true;
  rig.engine.disk.nowMs += 60_000;
  const { values } = await rig.scrape();
  assert.equal(values.get("etcd_server_has_leader"), 0);
  assert.ok((values.get("etcd_mvcc_db_total_size_in_bytes") ?? 0) > 0);
});

Deno.test("without a quota the share of it that is used is 0, with one it is told", async () => {
  await using none = await startMetrics();
  assert.equal((await none.scrape()).values.get("etcd_server_quota_backend_bytes"), Infinity);
  await using some = await startMetrics({ quotaBackendBytes: 1_000 });
  assert.equal((await some.scrape()).values.get("etcd_server_quota_backend_bytes"), 1_000);
});

Deno.test("scrapes at the same time share one answer", async () => {
  await using rig = await startMetrics();
  const [first, second] = await Promise.all([rig.metrics.render(), rig.metrics.render()]);
  assert.equal(first, second);
  assert.notEqual(await rig.metrics.render(), first);
});

Deno.test("health answers are counted", async () => {
  await using rig = await startMetrics();
  const { health } = rig.recorders;
  for (const isOk of [true, false]) {
    health.observe({ type: "health", name: "", isOk });
    health.observe({ type: "readyz", name: "data_corruption", isOk });
  }
  const { values } = await rig.scrape();
  const check = { type: "readyz", name: "data_corruption" };
  assert.equal(values.get("etcd_server_health_success"), 1);
  assert.equal(values.get("etcd_server_health_failures"), 1);
  assert.equal(values.get(seriesName("etcd_server_healthcheck", check)), 0);
  const failed = seriesName("etcd_server_healthchecks_total", { ...check, status: "error" });
  assert.equal(values.get(failed), 1);
});

Deno.test("names that clients and backends make up do not become series without end", async () => {
  await using rig = await startMetrics();
  for (let number = 0; number < 1_000; number++) {
    rig.clientRequests.count("unary", `client-${number}`);
    rig.recorders.statements.onStatement(`statement-${number}`, 1);
  }
  rig.clientRequests.count("stream", "x".repeat(1_000));
  const series = [...(await rig.scrape()).values].filter(([id]) =>
    id.startsWith("etcd_server_client_requests_total") || id.startsWith("rhino_sql_seconds_count")
  );
  assert.ok(series.length < 150, String(series.length));
  const sum = series.reduce((sum, [, value]) => sum + value, 0);
  assert.equal(sum, 2_001);
});
