/** A server as a process: how it becomes ready, what it reads from the environment, how it ends. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { HealthCheckResponse_ServingStatus as Serving } from "../../gen/grpc/health/v1/health_pb.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { RhinoProcess, temporaryFolder } from "./rhino_process.ts";

/** What the issue asks for, and what supervisors give at least. */
const STOP_MS_MAX = 5_000;

const IN_MEMORY = ["--listen-address", "127.0.0.1:0", "--endpoint", "memory://"];

Deno.test("without an endpoint the data is in ./db/state.db", async () => {
  await using folder = await temporaryFolder();
  await using rhino = new RhinoProcess({
    args: ["--listen-address=127.0.0.1:0"],
    cwd: folder.path,
  });
  await rhino.address();
  assert.ok((await Deno.stat(`${folder.path}/db/state.db`)).isFile);
});

Deno.test("the permissions of deno task start are enough for every kind of work on the file", async () => {
  await using folder = await temporaryFolder();
  await using rhino = new RhinoProcess({
    // A machine with much to do is slow, and that is warned about.
    args: ["--listen-address=127.0.0.1:0", "--warning-unary-request-duration=1h"],
    cwd: folder.path,
  });
  using client = new EtcdClient(await rhino.address());
  // More than a checkpoint starts at, so that its thread is started too.
  const value = new Uint8Array(1_000_000);
  for (let count = 0; count < 10; count++) await client.kv.put({ key: "a", value });
  await client.kv.compact({ revision: 11n, physical: true });
  await client.maintenance.defragment({});
  await client.maintenance.status({});
  assert.deepEqual(rhino.lines.filter((line) => / (WARN|ERROR) /.test(line)), []);
});

Deno.test("environment variables configure the server, and unknown ones are warned about", async () => {
  await using rhino = new RhinoProcess({
    args: [],
    env: {
      RHINO_LISTEN_ADDRESS: "127.0.0.1:0",
      RHINO_ENDPOINT: "memory://",
      RHINO_COMPACT_INTERVALL: "5m",
    },
  });
  assert.match(await rhino.address(), /^127\.0\.0\.1:\d+$/);
  const warnings = rhino.lines.filter((line) => line.includes(" WARN "));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /unknown environment variable name=RHINO_COMPACT_INTERVALL$/);
});

Deno.test("a JSON log is one JSON object a line, and the ready line has the address", async () => {
  await using rhino = new RhinoProcess({ args: [...IN_MEMORY, "--log-format", "json"] });
  await rhino.line("ready to serve client requests");
  const lines = rhino.lines.map((line) => JSON.parse(line));
  const ready = lines.find(({ msg }) => msg === "ready to serve client requests");
  assert.match(ready.address, /^127\.0\.0\.1:\d+$/);
  for (const { level, ts } of lines) {
    assert.equal(level, "info");
    assert.ok(!Number.isNaN(Date.parse(ts)));
  }
});

Deno.test("--election-timeout gives the shortest lease, as in etcd", async () => {
  await using rhino = new RhinoProcess({ args: [...IN_MEMORY, "--election-timeout=5000"] });
  using client = new EtcdClient(await rhino.address());
  assert.equal((await client.lease.leaseGrant({ TTL: 1n })).TTL, 8n);
});

Deno.test("--auto-compaction-retention compacts to where the history was one period ago", async () => {
  await using rhino = new RhinoProcess({ args: [...IN_MEMORY, "--auto-compaction-retention=1s"] });
  using client = new EtcdClient(await rhino.address());
  for (let value = 0; value < 5; value++) await client.kv.put({ key: "a", value: `${value}` });
  const line = await rhino.line("INFO compacted");
  const revision = Number(/revision=(\d+)/.exec(line)?.[1]);
  assert.ok(revision >= 1 && revision <= 6, line);
});

Deno.test("--socket-reuse-port lets two servers listen on one port", async () => {
  await using first = new RhinoProcess({ args: [...IN_MEMORY, "--socket-reuse-port"] });
  const address = await first.address();
  const args = ["--endpoint=memory://", "--listen-address", address, "--socket-reuse-port"];
  await using second = new RhinoProcess({ args });
  assert.equal(await second.address(), address);
});

Deno.test("--feature-gates=StopGRPCServiceOnDefrag: no service while the store is defragmented", async () => {
  const args = ["--feature-gates=StopGRPCServiceOnDefrag=true", ...IN_MEMORY];
  await using rhino = new RhinoProcess({ args });
  using client = new EtcdClient(await rhino.address());
  using stream = client.health.watch({});
  assert.equal((await stream.next()).status, Serving.SERVING);
  await client.maintenance.defragment({});
  assert.equal((await stream.next()).status, Serving.NOT_SERVING);
  assert.equal((await stream.next()).status, Serving.SERVING);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} ends an idle server with code 0`, async () => {
    await using rhino = new RhinoProcess({ args: IN_MEMORY });
    await rhino.address();
    rhino.kill(signal);
    const status = await rhino.status();
    assert.deepEqual([status.code, status.signal], [0, null]);
    assert.match(rhino.lines.at(-1) ?? "", /INFO stopped$/);
  });
}

Deno.test("SIGTERM ends a server with open watch streams within 5 s with code 0", async () => {
  await using folder = await temporaryFolder();
  await using rhino = new RhinoProcess({
    args: ["--listen-address", "127.0.0.1:0", "--endpoint", `${folder.path}/state.db`],
  });
  const address = await rhino.address();
  using client = new EtcdClient(address);
  await openWatch(client);
  // A connection that never says anything must not hold the server either.
  const silent = connect(Number(address.split(":").at(-1)), "127.0.0.1");
  silent.on("error", () => {});
  const start = performance.now();
  rhino.kill("SIGTERM");
  const status = await rhino.status();
  const stopMs = performance.now() - start;
  silent.destroy();
  assert.deepEqual([status.code, status.signal], [0, null]);
  assert.ok(stopMs < STOP_MS_MAX, `${stopMs} ms`);
});

Deno.test("a second signal ends the server at once, with the signal's code", async () => {
  await using rhino = new RhinoProcess({ args: IN_MEMORY });
  await rhino.address();
  // Both wait while the process stands still, so that the second comes before the first is dealt with.
  for (const signal of ["SIGSTOP", "SIGTERM", "SIGINT", "SIGCONT"] as const) rhino.kill(signal);
  const { code } = await rhino.status();
  assert.ok(code === 130 || code === 143, `${code}`);
});

async function openWatch(client: EtcdClient): Promise<void> {
  const watch = client.watch.watch();
  watch.send({ requestUnion: { case: "createRequest", value: { key: "a" } } });
  assert.equal((await watch.next()).created, true);
}
