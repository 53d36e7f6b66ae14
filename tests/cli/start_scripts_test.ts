/** Command lines and variables of etcd's and kine's start scripts, as they are but for folders, and ports, which are free ones. */

import assert from "node:assert/strict";
import { EtcdClient } from "../support/etcd_client.ts";
import { makeCertificates, whyNoCertificates } from "../support/certificates.ts";
import { freePorts } from "../support/free_port.ts";
import { probe } from "../support/tls_probe.ts";
import { RhinoProcess, runRhino, temporaryFolder } from "./rhino_process.ts";

async function assertServes(rhino: RhinoProcess): Promise<void> {
  using client = new EtcdClient(await rhino.address());
  await client.kv.put({ key: "a", value: "1" });
  const { kvs } = await client.kv.range({ key: "a" });
  assert.equal(kvs.length, 1);
}

function linesOf(rhino: RhinoProcess, level: "INFO" | "WARN" | "ERROR"): string[] {
  return rhino.lines.filter((line) => line.includes(` ${level} `));
}

Deno.test("etcd.service: variables alone", async () => {
  await using folder = await temporaryFolder();
  await using rhino = new RhinoProcess({
    args: [],
    cwd: folder.path,
    env: {
      ETCD_DATA_DIR: `${folder.path}/var`,
      ETCD_NAME: "machine",
      // The unit has no address: etcd's own could be in use here.
      ETCD_LISTEN_CLIENT_URLS: "http://127.0.0.1:0",
    },
  });
  await assertServes(rhino);
  assert.ok((await Deno.stat(`${folder.path}/var/rhino.db`)).isFile);
  assert.deepEqual(linesOf(rhino, "WARN"), []);
  assert.equal(
    linesOf(rhino, "INFO").filter((line) => line.includes("serving client traffic insecurely"))
      .length,
    1,
  );
});

Deno.test({
  name: "kubeadm's manifest: TLS, health for probes, and what has no effect named once",
  ignore: whyNoCertificates() !== undefined,
  fn: runAsKubeadmDoes,
});

async function runAsKubeadmDoes(): Promise<void> {
  await using folder = await temporaryFolder();
  await using certificates = await makeCertificates();
  const { server: { cert, key }, authority, alice } = certificates;
  const [port, metricsPort] = await freePorts(2);
  await using rhino = new RhinoProcess({
    args: [
      `--advertise-client-urls=https://127.0.0.1:${port}`,
      `--cert-file=${cert}`,
      "--client-cert-auth=true",
      `--data-dir=${folder.path}/etcd`,
      "--feature-gates=InitialCorruptCheck=true",
      "--initial-advertise-peer-urls=https://10.0.0.1:2380",
      "--initial-cluster=node-1=https://10.0.0.1:2380",
      `--key-file=${key}`,
      `--listen-client-urls=https://127.0.0.1:${port}`,
      `--listen-metrics-urls=http://127.0.0.1:${metricsPort}`,
      "--listen-peer-urls=https://10.0.0.1:2380",
      "--name=node-1",
      "--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt",
      "--peer-client-cert-auth=true",
      "--peer-key-file=/etc/kubernetes/pki/etcd/peer.key",
      "--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
      "--snapshot-count=10000",
      `--trusted-ca-file=${authority.cert}`,
      "--watch-progress-notify-interval=5s",
    ],
  });
  await rhino.address();
  await rhino.line("serving client traffic securely");
  const client = { port: port ?? 0, ca: authority.cert };
  assert.equal((await probe({ ...client, client: alice })).isServed, true);
  assert.equal((await probe(client)).isServed, false, "without a certificate");
  // As the kubelet asks.
  for (const path of ["/readyz", "/livez"]) {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}${path}`);
    assert.equal(answer.status, 200, await answer.text());
  }
  const ignored = rhino.lines.filter((line) => line.includes("without effect"));
  assert.equal(ignored.length, 1);
  assert.match(ignored[0] ?? "", /--initial-cluster, --listen-peer-urls/);
  assert.match(ignored[0] ?? "", /--peer-trusted-ca-file/);
  assert.ok(!ignored[0]?.includes("--name"));
  assert.deepEqual(linesOf(rhino, "ERROR"), []);
}

Deno.test("Procfile of etcd: single dashes, and booleans that stand alone", async () => {
  await using folder = await temporaryFolder();
  await using rhino = new RhinoProcess({
    cwd: folder.path,
    args: [
      "-name",
      "infra1",
      "-listen-client-urls",
      "http://127.0.0.1:0",
      "-advertise-client-urls",
      "http://127.0.0.1:0",
      "-pre-vote",
      "-unsafe-no-fsync",
      "-initial-cluster-state",
      "new",
    ],
  });
  await assertServes(rhino);
  assert.ok((await Deno.stat(`${folder.path}/infra1.etcd/rhino.db`)).isFile);
});

Deno.test("kine's command line and variables", async () => {
  await using folder = await temporaryFolder();
  await using rhino = new RhinoProcess({
    args: [
      `--endpoint=sqlite://${folder.path}/state.db?_journal=WAL&cache=shared`,
      "--listen-address=127.0.0.1:0",
      "--metrics-bind-address=0",
      "--compact-interval=5m",
      "--compact-interval-jitter=10",
      "--datastore-max-idle-connections=5",
      "--poll-batch-size=500",
      "--slow-sql-threshold=1s",
      "--watch-progress-notify-interval=5s",
    ],
    env: { KINE_COMPACT_MIN_RETAIN: "500", KINE_CERT_FILE: "/not/there.pem" },
  });
  await assertServes(rhino);
  assert.ok((await Deno.stat(`${folder.path}/state.db`)).isFile);
});

Deno.test("kine behind a Unix socket, as k0s starts it", async () => {
  await using folder = await temporaryFolder();
  const socket = `${folder.path}/kine.sock:2379`;
  await using rhino = new RhinoProcess({
    args: [
      `--endpoint=sqlite://${folder.path}/db/state.db?mode=rwc&_journal=WAL`,
      `--listen-address=unix://${socket}`,
      "--metrics-bind-address=0",
    ],
  });
  await rhino.address();
  const { code, stdout } = await runRhino({
    args: ["health", `--listen-address=unix://${socket}`],
  });
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(`${socket} http://localhost/health is healthy: 200 `), stdout);
});

Deno.test("etcd's config file", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/etcd.conf.yml`;
  await Deno.writeTextFile(
    file,
    `# This is the configuration file for the etcd server.
name: 'm1'
data-dir: ${folder.path}/data
wal-dir:
snapshot-count: 10000
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 0
listen-peer-urls: http://localhost:2380
listen-client-urls: http://127.0.0.1:0
max-snapshots: 5
cors:
advertise-client-urls: http://127.0.0.1:0
discovery-fallback: 'proxy'
proxy: 'off'
initial-cluster-state: 'new'
strict-reconfig-check: false
enable-pprof: true
client-transport-security:
  cert-file:
  client-cert-auth: false
  auto-tls: false
log-level: debug
logger: zap
log-outputs: [stderr]
force-new-cluster: false
auto-compaction-mode: periodic
auto-compaction-retention: "1"
cipher-suites: []
tls-min-version: 'TLS1.2'
grpc-keepalive-interval: 7200000000000
`,
  );
  await using rhino = new RhinoProcess({
    args: ["--config-file", file, "--listen-client-urls=http://192.0.2.1:1"],
    env: { ETCD_NAME: "other", ETCD_NONSENSE: "1" },
  });
  await assertServes(rhino);
  assert.ok((await Deno.stat(`${folder.path}/data/rhino.db`)).isFile);
  assert.match(
    await rhino.line("loaded server configuration"),
    /ignored=\["ETCD_NAME","--listen-client-urls"\]/,
  );
  assert.deepEqual(linesOf(rhino, "WARN").map((line) => line.split(" WARN ")[1]), [
    "unknown environment variable name=ETCD_NONSENSE",
    `unknown keys in the config file names=["proxy"]`,
  ]);
});

Deno.test("etcd's own data in the folder is told of, and not touched", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(`${folder.path}/member/snap`, { recursive: true });
  await Deno.writeTextFile(`${folder.path}/member/snap/db`, "etcd's");
  const args = [`--data-dir=${folder.path}`, "--listen-client-urls=http://127.0.0.1:0"];
  {
    await using rhino = new RhinoProcess({ args });
    await rhino.line("WARN etcd's own data in this folder is not read: the store begins empty");
    await rhino.address();
  }
  assert.equal(await Deno.readTextFile(`${folder.path}/member/snap/db`), "etcd's");
  await using again = new RhinoProcess({ args });
  await again.address();
  assert.deepEqual(linesOf(again, "WARN"), []);
});
