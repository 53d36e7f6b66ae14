import assert from "node:assert/strict";
import { CONTRACT_VERSION } from "../../backends/contract.ts";
import { DEFAULT_CONFIG } from "../../src/config.ts";
import { parseOptions } from "../../src/library/options.ts";
import { mysql, postgres, type RhinoOptions, RhinoServer, sqlite } from "../../src/mod.ts";

const LOCAL = [{ scheme: "http", host: "127.0.0.1", port: 0 }] as const;

Deno.test("options have the defaults of the flags, but for where to listen", () => {
  assert.deepEqual(parseOptions({}).config, { ...DEFAULT_CONFIG, listenClientUrls: LOCAL });
  const given = { name: undefined, quotaBackendBytes: 1, featureGates: { LeaseCheckpoint: true } };
  assert.deepEqual(parseOptions(given).config, {
    ...DEFAULT_CONFIG,
    listenClientUrls: LOCAL,
    quotaBackendBytes: 1,
    featureGates: { ...DEFAULT_CONFIG.featureGates, LeaseCheckpoint: true },
  });
});

Deno.test("databases have the defaults that kine and the Rust Rhino have", () => {
  assert.equal(sqlite().endpoint, "./db/state.db");
  assert.equal(postgres().endpoint, "postgres://postgres:postgres@localhost/kubernetes");
  assert.equal(mysql().endpoint, "mysql://root@localhost/kubernetes");
  for (const options of [sqlite(), postgres(), mysql()]) {
    const { config } = parseOptions(options);
    assert.equal(config.compactIntervalMs, 300_000);
    assert.equal(config.compactMinRetain, 1_000);
    assert.equal(config.compactBatchSize, 1_000);
    assert.equal(config.maxConnections, 5);
  }
  const own = { compactIntervalMs: 1, compactMinRetain: 2, compactBatchSize: 3, maxConnections: 4 };
  const { config } = parseOptions(postgres({ dsn: "postgres://x/y", ...own }));
  const { endpoint, compactIntervalMs, compactMinRetain, compactBatchSize, maxConnections } =
    config;
  assert.equal(endpoint, "postgres://x/y");
  assert.deepEqual({ compactIntervalMs, compactMinRetain, compactBatchSize, maxConnections }, own);
});

Deno.test("addresses to listen on are texts, one or several", () => {
  const listen = (listenClientUrls: string | string[], more: RhinoOptions = {}) =>
    parseOptions({ listenClientUrls, ...more }).config.listenClientUrls;
  assert.deepEqual(listen("127.0.0.1:0"), LOCAL);
  assert.deepEqual(listen(":2379"), [{ scheme: "http", host: "0.0.0.0", port: 2379 }]);
  assert.deepEqual(listen(["[::1]:1", "unix:///run/rhino.sock"]), [
    { scheme: "http", host: "::1", port: 1 },
    { scheme: "unix", host: "/run/rhino.sock", port: 0 },
  ]);
  assert.deepEqual(listen("http://a:1,https://b:2").map(({ scheme }) => scheme), ["http", "https"]);
  const secure = listen(["a:1", "http://b:2"], { autoTls: true });
  assert.deepEqual(secure.map(({ scheme }) => scheme), ["https", "http"]);
});

Deno.test("modules by URL are told from modules that are there", () => {
  const module = { contractVersion: CONTRACT_VERSION, open: () => Promise.reject() };
  const backends = { redis: "https://example.org/mod.ts#sha256-abc", other: "./mod.ts", module };
  const { config, modules } = parseOptions({ backends });
  assert.deepEqual(config.backends, [
    { scheme: "redis", url: "https://example.org/mod.ts", integrity: "sha256-abc" },
    { scheme: "other", url: "./mod.ts", integrity: "" },
  ]);
  assert.deepEqual(modules, new Map([["module", module]]));
});

/** What the compiler would refuse, and what to read instead. */
const WRONG: readonly [options: unknown, error: string, message: string][] = [
  ["memory://", "TypeError", "the options are a string: expected an object"],
  [null, "TypeError", "the options are null: expected an object"],
  [{ endpont: "x" }, "TypeError", `there is no option "endpont": did you mean "endpoint"?`],
  [{ dsn: "x" }, "TypeError", `there is no option "dsn": did you mean "endpoint"?`],
  [
    { compact_interval: 300 },
    "TypeError",
    `there is no option "compact_interval": did you mean "compactIntervalMs"?`,
  ],
  [
    { "max-connections": 5 },
    "TypeError",
    `there is no option "max-connections": did you mean "maxConnections"?`,
  ],
  [{ port: 2379 }, "TypeError", `there is no option "port": did you mean "listenClientUrls"?`],
  [{ logLevel: "debug" }, "TypeError", `there is no option "logLevel": did you mean "log"?`],
  [{ zzzzzz: 1 }, "TypeError", `there is no option "zzzzzz"`],
  [{ endpoint: 5 }, "TypeError", "endpoint is a number: expected a string"],
  [{ endpoint: "" }, "RangeError", "endpoint is empty: expected a path or a URL"],
  [{ maxConnections: "5" }, "TypeError", "maxConnections is a string: expected a number"],
  [
    { maxConnections: 0 },
    "RangeError",
    "maxConnections is 0: expected a whole number from 1 to 1000",
  ],
  [
    { compactIntervalMs: 2 ** 31 },
    "RangeError",
    "compactIntervalMs is 2147483648: expected a whole number from 0 to 2147483647",
  ],
  [
    { compactMinRetain: 1.5 },
    "RangeError",
    "compactMinRetain is 1.5: expected a whole number from 0 to 9007199254740991",
  ],
  [{ sandbox: "true" }, "TypeError", "sandbox is a string: expected a boolean"],
  [{ cors: "*" }, "TypeError", "cors is a string: expected an array of strings"],
  [{ cors: [1] }, "TypeError", "cors has a number among its values: expected an array of strings"],
  [{ log: true }, "TypeError", "log is a boolean: expected a function"],
  [
    { closeGraceMs: -1 },
    "RangeError",
    "closeGraceMs is -1: expected a whole number from 0 to 2147483647",
  ],
  [
    { listenClientUrls: 2379 },
    "TypeError",
    "listenClientUrls is a number: expected a string or an array of strings",
  ],
  [{ listenClientUrls: [] }, "RangeError", "listenClientUrls is empty: expected one URL at least"],
  [
    { listenClientUrls: "localhost" },
    "RangeError",
    `listenClientUrls is "localhost": expected HOST:PORT such as 127.0.0.1:2379`,
  ],
  [
    { listenMetricsUrls: ["a:99999"] },
    "RangeError",
    `listenMetricsUrls is "a:99999": expected HOST:PORT such as 127.0.0.1:2379`,
  ],
  [{ metrics: "some" }, "RangeError", `metrics is "some": expected one of "basic", "extensive"`],
  [
    { tlsMinVersion: 1.2 },
    "TypeError",
    `tlsMinVersion is a number: expected one of "TLS1.2", "TLS1.3"`,
  ],
  [
    { autoCompaction: { mode: "periodic" } },
    "TypeError",
    "autoCompaction.periodMs is undefined: expected a number",
  ],
  [
    { autoCompaction: { mode: "daily" } },
    "RangeError",
    `autoCompaction.mode is "daily": expected one of "off", "periodic", "revision"`,
  ],
  [
    { featureGates: { LeaseCheckpoints: true } },
    "TypeError",
    `there is no option "featureGates.LeaseCheckpoints": did you mean "LeaseCheckpoint"?`,
  ],
  [
    { featureGates: { LeaseCheckpoint: 1 } },
    "TypeError",
    "featureGates.LeaseCheckpoint is a number: expected a boolean",
  ],
  [
    { heartbeatIntervalMs: 500 },
    "RangeError",
    "electionTimeoutMs is 1000: expected at least five times heartbeatIntervalMs, which is 500",
  ],
  [
    { emulatedEtcdVersion: "3" },
    "RangeError",
    `emulatedEtcdVersion is "3": expected a version such as 3.7.1`,
  ],
  [
    { backends: { redis: 5 } },
    "TypeError",
    "backends.redis is a number: expected a URL, or a module that exports open()",
  ],
  [
    { backends: { redis: {} } },
    "TypeError",
    "backends.redis is an object: expected a URL, or a module that exports open()",
  ],
  [
    { backends: { redis: { open() {}, contractVersion: 99 } } },
    "RangeError",
    `backends.redis was written for version 99 of the contract: expected ${CONTRACT_VERSION}`,
  ],
  [
    { backends: { sqlite: "./mod.ts" } },
    "RangeError",
    "backends.sqlite: Rhino serves sqlite: itself; choose another scheme",
  ],
  [
    { backends: { "Red is": "./mod.ts" } },
    "RangeError",
    `backends has "Red is": expected the scheme of a URL, such as redis`,
  ],
];

for (const [options, name, message] of WRONG) {
  Deno.test(`RhinoServer.start() says: ${message}`, async () => {
    // Of another type on purpose: what a caller without a compiler may give.
    await assert.rejects(RhinoServer.start(options as RhinoOptions), {
      name,
      message: `Invalid config: ${message}`,
    });
  });
}
