import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseCommand } from "./command.ts";

function serve(text: string, { args = [], env = {} }: {
  args?: readonly string[];
  env?: Record<string, string>;
} = {}) {
  const readFile = (path: string) => {
    if (path !== "etcd.yaml") throw new Error("No such file");
    return text;
  };
  const command = parseCommand({
    args: ["--config-file=etcd.yaml", ...args],
    env,
    readFile,
    parseYaml: parse,
  });
  assert.equal(command.name, "serve");
  return command;
}

function refusal(text: string): string {
  try {
    serve(text);
  } catch (error) {
    if (error instanceof Error && error.name === "UsageError") return error.message;
    throw error;
  }
  return "none";
}

Deno.test("config file: etcd's keys, sections and lists", () => {
  const { config, file, ignored } = serve(`
name: m1
data-dir: /data
listen-client-urls: https://10.0.0.1:2379,http://127.0.0.1:2379
quota-backend-bytes: 1000000
auto-compaction-retention: 1
election-timeout: 2000
log-outputs: [stderr, a.log]
cipher-suites:
- A
- B
client-transport-security:
  cert-file: c.pem
  key-file: k.pem
  Client-Cert-Auth: yes
  trusted-ca-file: ca.pem
  allowed-hostname: [a, b]
  skip-client-san-verification: false
peer-transport-security:
  cert-file: p.pem
socket-options:
  reuse-port: true
initial-cluster: m1=https://10.0.0.1:2380
discovery-config:
  token: x
wal-dir:
  `);
  assert.equal(config.endpoint, "/data/rhino.db");
  assert.deepEqual(config.listenClientUrls, [
    { scheme: "https", host: "10.0.0.1", port: 2379 },
    { scheme: "http", host: "127.0.0.1", port: 2379 },
  ]);
  assert.deepEqual(
    [config.name, config.certFile, config.keyFile, config.trustedCaFile, config.clientCertAuth],
    ["m1", "c.pem", "k.pem", "ca.pem", true],
  );
  assert.deepEqual(config.clientCertAllowedHostnames, ["a", "b"]);
  assert.deepEqual(config.cipherSuites, ["A", "B"]);
  assert.deepEqual(config.logOutputs, ["stderr", "a.log"]);
  assert.deepEqual(config.autoCompaction, { mode: "periodic", periodMs: 3_600_000 });
  assert.deepEqual(
    [config.quotaBackendBytes, config.electionTimeoutMs, config.socketReusePort],
    [1_000_000, 2_000, true],
  );
  assert.deepEqual(ignored.map(({ name }) => name), [
    "peer-cert-file",
    "initial-cluster",
    "discovery",
  ]);
  assert.deepEqual(file?.unknownKeys, ["client-transport-security.skip-client-san-verification"]);
});

Deno.test("config file: numbers are nanoseconds where etcd's are, and seconds in Rhino's own keys", () => {
  const { config } = serve(`{
    "watch-progress-notify-interval": 60000000000,
    "grpc-keepalive-min-time": "3s",
    "auth-token-ttl": 60,
    "compact-interval": 30,
    "corrupt-check-time": 1000
  }`);
  assert.deepEqual(
    [
      config.watchProgressNotifyIntervalMs,
      config.grpcKeepaliveMinTimeMs,
      config.authTokenTtlMs,
      config.compactIntervalMs,
    ],
    [60_000, 3_000, 60_000, 30_000],
  );
});

Deno.test("config file: etcd's flags and variables do not count beside it, Rhino's own do", () => {
  const { config, file, ignored } = serve("name: from-file", {
    args: ["--max-txn-ops=1", "--initial-cluster=x", "--endpoint=memory://", "--max-connections=7"],
    env: { ETCD_NAME: "from-env", RHINO_NAME: "from-env", RHINO_FAST_PATH: "false" },
  });
  assert.deepEqual(
    [config.name, config.maxTxnOps, config.endpoint, config.maxConnections, config.fastPath],
    ["from-file", 128, "memory://", 7, false],
  );
  assert.deepEqual(file?.overridden, [
    "ETCD_NAME",
    "RHINO_NAME",
    "--max-txn-ops",
    "--initial-cluster",
  ]);
  assert.deepEqual(ignored, []);
});

Deno.test("config file: named by a variable, empty, or with data in etcd's folder", () => {
  const command = parseCommand({
    args: [],
    env: { ETCD_CONFIG_FILE: "etcd.yaml" },
    readFile: () => "",
    parseYaml: parse,
  });
  assert.equal(command.name, "serve");
  assert.equal(command.config.endpoint, "default.etcd/rhino.db");
  assert.deepEqual(command.config.listenClientUrls, [
    { scheme: "http", host: "localhost", port: 2379 },
  ]);
});

Deno.test("config file: mistakes are told in one line, with the key", () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ["a: [", /^etcd\.yaml is not YAML: .+$/],
    ["- a", /^etcd\.yaml: expected keys with values$/],
    ["max-txn-ops: x", /^etcd\.yaml: max-txn-ops is "x": expected a whole number$/],
    ["max-txn-ops: {a: 1}", /^etcd\.yaml: max-txn-ops: expected a value$/],
    ["client-transport-security: 1", /^etcd\.yaml: client-transport-security: expected keys/],
    [
      "client-transport-security: {allowed-cn: [a]}",
      /^etcd\.yaml: client-transport-security\.allowed-cn is not supported$/,
    ],
    [`name: ${"a".repeat(1024 * 1024)}`, /^etcd\.yaml is too long for a config file$/],
  ];
  for (const [text, message] of cases) assert.match(refusal(text), message);
  assert.throws(
    () => parseCommand({ args: ["--config-file=no.yaml"], env: {} }),
    { message: /^Cannot read the config file "no\.yaml": / },
  );
});
