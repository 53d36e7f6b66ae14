/** What follows from several settings together, through the door that the process uses. */

import assert from "node:assert/strict";
import { parseCommand, type ServeCommand } from "./command.ts";

function serve(args: readonly string[], env: Record<string, string> = {}): ServeCommand {
  const command = parseCommand({ args, env });
  assert.equal(command.name, "serve");
  return command;
}

function refusal(args: readonly string[]): string {
  try {
    parseCommand({ args, env: {} });
  } catch (error) {
    if (error instanceof Error && error.name === "UsageError") return error.message;
    throw error;
  }
  return "none";
}

function urls(list: ServeCommand["config"]["listenClientUrls"]): string[] {
  return list.map(({ scheme, host, port }) => `${scheme}://${host}:${port}`);
}

Deno.test("the data is where etcd would have it, unless an endpoint is given", () => {
  const cases: readonly (readonly [args: string[], endpoint: string, folder?: string])[] = [
    [[], "./db/state.db"],
    [["--data-dir=/var/lib/etcd/"], "/var/lib/etcd/rhino.db", "/var/lib/etcd"],
    [["--data-dir=/"], "//rhino.db", "/"],
    [["--name", "m1"], "m1.etcd/rhino.db", "m1.etcd"],
    [["--name", "m1", "--data-dir=d"], "d/rhino.db", "d"],
    [["--data-dir=d", "--endpoint=memory://"], "memory://"],
    [["--endpoint=sqlite://"], "./db/state.db"],
    [["--data-dir="], "./db/state.db"],
  ];
  for (const [args, endpoint, folder] of cases) {
    const { config, etcdFolder } = serve(args);
    assert.deepEqual([config.endpoint, etcdFolder], [endpoint, folder], args.join(" "));
  }
});

Deno.test("a server that is started as etcd listens on localhost unless told otherwise", () => {
  assert.deepEqual(urls(serve([]).config.listenClientUrls), ["http://0.0.0.0:2379"]);
  assert.deepEqual(urls(serve(["--data-dir=d"]).config.listenClientUrls), [
    "http://localhost:2379",
  ]);
  assert.deepEqual(
    urls(
      serve(["--data-dir=d", "--listen-client-urls=http://a:1,https://b:2"]).config
        .listenClientUrls,
    ),
    ["http://a:1", "https://b:2"],
  );
  assert.deepEqual(
    urls(serve(["--name=m1", "--endpoint=memory://"]).config.listenClientUrls),
    ["http://0.0.0.0:2379"],
  );
});

Deno.test("an address without a scheme is TLS where there is a certificate", () => {
  const tls = ["--server-cert-file=c", "--server-key-file=k"];
  const listen = (...args: string[]) => urls(serve([...tls, ...args]).config.listenClientUrls);
  assert.deepEqual(listen(), ["https://0.0.0.0:2379"]);
  assert.deepEqual(listen("--listen-address=a:1,http://b:2"), ["https://a:1", "http://b:2"]);
  assert.deepEqual(listen("--listen-address=unix://a.sock"), ["unix://a.sock:0"]);
});

Deno.test("cert-file is the server's to etcd and the database's to kine", () => {
  const files = (args: string[], env: Record<string, string> = {}) => {
    const { certFile, keyFile, endpoint } =
      serve(["--endpoint=postgres://h/d", ...args], env).config;
    return [certFile, keyFile, endpoint.replace("postgres://h/d", "")];
  };
  const pair = ["--cert-file=c", "--key-file=k"];
  const database = "?sslmode=verify-full&sslcert=c&sslkey=k";
  assert.deepEqual(files(pair), ["c", "k", ""]);
  assert.deepEqual(files([], { ETCD_CERT_FILE: "c", ETCD_KEY_FILE: "k" }), ["c", "k", ""]);
  assert.deepEqual(files([], { RHINO_CERT_FILE: "c", RHINO_KEY_FILE: "k" }), ["c", "k", ""]);
  assert.deepEqual(files([], { KINE_CERT_FILE: "c", KINE_KEY_FILE: "k" }), ["", "", database]);
  assert.deepEqual(files([...pair, "--server-cert-file=s", "--server-key-file=t"]), [
    "s",
    "t",
    database,
  ]);
  assert.deepEqual(files([...pair, "--metrics-bind-address=0"]), ["", "", database]);
  assert.deepEqual(files(pair, { KINE_SERVER_CERT_FILE: "s" }), ["s", "", database]);
});

Deno.test("kine's place for metrics is one more URL, with TLS if the server has it", () => {
  const metrics = (...args: string[]) => urls(serve(args).config.listenMetricsUrls);
  assert.deepEqual(metrics("--metrics-bind-address=:8080"), ["http://0.0.0.0:8080"]);
  assert.deepEqual(metrics("--metrics-bind-address=0"), []);
  const tls = ["--metrics-bind-address=:8080", "--server-cert-file=c"];
  assert.deepEqual(metrics(...tls), ["https://0.0.0.0:8080"]);
  assert.deepEqual(metrics(...tls, "--metrics-ignore-tls-config"), ["http://0.0.0.0:8080"]);
});

Deno.test("names of kine and of Rhino in Rust set the same values", () => {
  const { config } = serve([
    "--datastore-max-open-connections=7",
    "--compact-retention=9",
    "--compaction-batch-limit=11",
    "--debug",
  ]);
  assert.deepEqual(
    [config.maxConnections, config.compactMinRetain, config.compactBatchSize, config.logLevel],
    [7, 9, 11, "debug"],
  );
  assert.equal(serve(["--datastore-max-open-connections=0"]).config.maxConnections, 5);
});

Deno.test("variables: Rhino's go before etcd's, and those before kine's", () => {
  const env = { KINE_LISTEN_ADDRESS: "a:1", ETCD_LISTEN_CLIENT_URLS: "http://b:2" };
  assert.deepEqual(urls(serve([], env).config.listenClientUrls), ["http://b:2"]);
  const all = { ...env, RHINO_LISTEN_ADDRESS: "c:3" };
  assert.deepEqual(urls(serve([], all).config.listenClientUrls), ["http://c:3"]);
  assert.deepEqual(urls(serve(["-listen-address", "d:4"], all).config.listenClientUrls), [
    "http://d:4",
  ]);
});

Deno.test("variables that their prefix does not have are told, and not taken", () => {
  const { unknownVariables, config } = serve([], {
    ETCD_ENDPOINT: "memory://",
    ETCD_PORT: "tcp://10.0.0.1:2379",
    KINE_NAME: "a",
  });
  assert.deepEqual(unknownVariables, ["ETCD_ENDPOINT", "ETCD_PORT", "KINE_NAME"]);
  assert.deepEqual([config.endpoint, config.name], ["./db/state.db", "default"]);
});

Deno.test("auto-compaction-retention is read as etcd reads it", () => {
  const automatic = (...args: string[]) => serve(args).config.autoCompaction;
  assert.equal(automatic(), null);
  assert.equal(automatic("--auto-compaction-mode=revision"), null);
  assert.deepEqual(automatic("--auto-compaction-retention=0"), { mode: "off" });
  assert.deepEqual(automatic("--auto-compaction-retention=0s"), { mode: "off" });
  const hour = { mode: "periodic", periodMs: 3_600_000 };
  assert.deepEqual(automatic("--auto-compaction-retention=1"), hour);
  assert.deepEqual(automatic("--auto-compaction-retention=1h"), hour);
  assert.deepEqual(automatic("--auto-compaction-retention=1000h"), {
    mode: "periodic",
    periodMs: 3_600_000_000,
  });
  assert.deepEqual(
    automatic("--auto-compaction-mode=revision", "--auto-compaction-retention=1000"),
    { mode: "revision", revisions: 1_000 },
  );
  assert.match(refusal(["--auto-compaction-retention=x"]), /^--auto-compaction-retention is "x": /);
  assert.match(
    refusal(["--auto-compaction-mode=revision", "--auto-compaction-retention=5m"]),
    /^--auto-compaction-retention is "5m": expected a whole number$/,
  );
});

Deno.test("settings that contradict each other are refused, in etcd's words where it has some", () => {
  const cases: readonly (readonly [args: string[], message: string])[] = [
    [
      ["--election-timeout=499"],
      "--election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]",
    ],
    [
      ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
      "min version (TLS1.3) is greater than max version (TLS1.2)",
    ],
    [
      ["--tls-min-version=TLS1.3", "--cipher-suites=A"],
      "cipher suites cannot be configured when only TLS1.3 is enabled",
    ],
    [["--enable-log-rotation"], "--enable-log-rotation needs exactly one file in --log-outputs"],
    [["--logger=capnslog"], '--logger is "capnslog": expected one of zap'],
    [["--discovery-fallback=proxy"], '--discovery-fallback is "proxy": expected one of exit'],
    [["--pre-vote=maybe"], '--pre-vote is "maybe": expected one of true, false'],
    [["--feature-gates=X=true"], '--feature-gates is "X=true": unrecognized feature gate: X'],
  ];
  for (const [args, message] of cases) assert.equal(refusal(args), message);
});

Deno.test("flags without effect are taken, alone or with values, and told", () => {
  const { ignored } = serve([
    "--pre-vote",
    "--initial-cluster",
    "a=http://b:1",
    "-initial-cluster-state=existing",
    "--peer-auto-tls",
    "false",
    "--wal-dir=",
    "--poll-batch-size=500",
  ], { ETCD_DISCOVERY_SRV: "example.com" });
  assert.deepEqual(ignored.map(({ name }) => name), [
    "discovery-srv",
    "pre-vote",
    "initial-cluster",
    "initial-cluster-state",
    "peer-auto-tls",
    "wal-dir",
    "poll-batch-size",
  ]);
});
