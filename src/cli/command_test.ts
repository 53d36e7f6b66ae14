import assert from "node:assert/strict";
import { DEFAULT_CONFIG } from "../config.ts";
import { parse } from "yaml";
import { parseCommand, UsageError } from "./command.ts";
import { FLAGS, variableOf } from "./flags.ts";
import { DEFAULT_SETTINGS } from "./flags/flag.ts";

function configOf(args: readonly string[], env: Record<string, string> = {}) {
  const command = parseCommand({ args, env });
  assert.equal(command.name, "serve");
  return command.config;
}

function assertRefused(
  invocation: { args?: readonly string[]; env?: Record<string, string> },
  message: string,
): void {
  assert.throws(
    () => parseCommand({ args: [], env: {}, ...invocation }),
    (error) => error instanceof UsageError && error.message === message,
    message,
  );
}

Deno.test("parseCommand() serves with the defaults when nothing is said", () => {
  assert.deepEqual(configOf([]), DEFAULT_CONFIG);
});

Deno.test("each flag's default parses to the setting's default", () => {
  for (const flag of FLAGS.filter((one) => one.default !== "")) {
    assert.deepEqual(flag.parse(flag.default), DEFAULT_SETTINGS[flag.key], flag.name);
  }
});

Deno.test("parseCommand() takes values apart from the flag and joined to it", () => {
  const config = configOf([
    "--listen-address",
    "127.0.0.1:0",
    "--endpoint=sqlite:///data/state.db?a=b",
    "--compact-interval=0",
    "--quota-backend-bytes",
    "-1",
    "--watch-progress-notify-interval=10ms",
  ]);
  assert.deepEqual(config.listenClientUrls, [{ scheme: "http", host: "127.0.0.1", port: 0 }]);
  assert.equal(config.endpoint, "sqlite:///data/state.db?a=b");
  assert.equal(config.compactIntervalMs, 0);
  assert.equal(config.quotaBackendBytes, 0);
  assert.equal(config.watchProgressNotifyIntervalMs, 100);
});

Deno.test("parseCommand() lets the last of repeated flags win, and a flag over its variable", () => {
  const env = { RHINO_NAME: "from-env", RHINO_LOG_LEVEL: "debug", RHINO_CORS: "" };
  const config = configOf(["--name=first", "--name=second"], env);
  assert.equal(config.name, "second");
  assert.equal(config.logLevel, "debug");
  assert.deepEqual(config.cors, ["*"], "an empty variable is not set");
});

Deno.test("parseCommand() reads each flag from its environment variable", () => {
  const checked = FLAGS.filter(({ placeholder }) => /^(DURATION|COUNT|true)/.test(placeholder));
  assert.ok(checked.length > 20);
  for (const flag of checked) {
    const variable = variableOf(flag);
    assert.throws(
      () => parseCommand({ args: [], env: { [variable]: " " } }),
      { name: "UsageError", message: new RegExp(`^${variable} is " ": `) },
    );
  }
});

Deno.test("parseCommand() names a wrong flag, and the one that was probably meant", () => {
  assertRefused(
    { args: ["--listen-adress=:1"] },
    "unknown flag --listen-adress; did you mean --listen-address?",
  );
  assertRefused({ args: ["--hlep"] }, "unknown flag --hlep; did you mean --help?");
  assertRefused({ args: ["--xyzzy"] }, "unknown flag --xyzzy; --help lists all");
  assertRefused(
    { args: ["-listen-adress", ":1"] },
    "unknown flag -listen-adress; did you mean --listen-address?",
  );
  assertRefused({ args: ["-x"] }, "unknown flag -x; --help lists all");
  assertRefused({ args: ["--constructor=1"] }, "unknown flag --constructor; --help lists all");
  assertRefused({ args: ["serve"] }, 'unexpected argument "serve"');
});

Deno.test("parseCommand() names a wrong value and what was expected", () => {
  assertRefused(
    { args: ["--compact-interval", "abc"] },
    '--compact-interval is "abc": expected seconds or a duration such as 300s',
  );
  assertRefused(
    { env: { RHINO_LOG_FORMAT: "xml" } },
    'RHINO_LOG_FORMAT is "xml": expected one of plain, json, console',
  );
  assertRefused({ args: ["--endpoint"] }, "--endpoint needs a value");
  assertRefused({ args: ["--endpoint", "--name=a"] }, "--endpoint needs a value");
  assertRefused({ args: ["--version=3"] }, "--version takes no value");
  assertRefused(
    { args: ["--max-request-bytes", "0"] },
    '--max-request-bytes is "0": expected at least 1',
  );
  assertRefused(
    { args: ["--listen-address", "http://user:hunter2@host:1"] },
    '--listen-address is "http://user:xxxxx@host:1": expected HOST:PORT such as 127.0.0.1:2379',
  );
});

Deno.test("parseCommand() answers --help and --version whatever else is right", () => {
  assert.deepEqual(parseCommand({ args: ["--name=a", "--help"], env: {} }), { name: "help" });
  assert.deepEqual(parseCommand({ args: ["-h"], env: {} }), { name: "help" });
  assert.deepEqual(parseCommand({ args: ["-version"], env: {} }), { name: "version" });
  assert.deepEqual(parseCommand({ args: ["--version"], env: {} }), { name: "version" });
});

Deno.test("parseCommand() tells of variables that only look like ours", () => {
  const env = { RHINO_ENDPIONT: "x", RHINO_NAME: "a", RHINO_TEST_TARGETS: "etcd", HOME: "/" };
  const command = parseCommand({ args: [], env });
  assert.equal(command.name, "serve");
  assert.deepEqual(command.unknownVariables, ["RHINO_ENDPIONT"]);
});

Deno.test("parseCommand() adds up what a repeatable flag is given, and a flag replaces its variable", () => {
  const redis = { scheme: "redis", url: "https://example.org/mod.ts", integrity: "sha256-ab" };
  const local = { scheme: "xy", url: "./mod.ts", integrity: "" };
  const args = [
    "--backend=redis=https://example.org/mod.ts#sha256-ab",
    "-backend",
    "xy=./mod.ts",
  ];
  const env = { RHINO_BACKEND: " XY=./mod.ts  zz=npm:a@1.0.0 " };
  assert.deepEqual(configOf(args, env).backends, [redis, local]);
  assert.deepEqual(configOf([], env).backends, [
    local,
    { scheme: "zz", url: "npm:a@1.0.0", integrity: "" },
  ]);
  const readFile = () => "backend: [redis=https://example.org/mod.ts#sha256-ab, xy=./mod.ts]";
  const command = parseCommand({
    args: ["--config-file=c"],
    env: {},
    readFile,
    parseYaml: parse,
  });
  assert.ok(command.name === "serve");
  assert.deepEqual(command.config.backends, [redis, local]);
  assertRefused(
    { args: ["--backend=redis"] },
    '--backend is "redis": expected SCHEME=URL, such as redis=https://example.org/mod.ts',
  );
});
