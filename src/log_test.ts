import assert from "node:assert/strict";
import { createLog, type LogOptions } from "./log.ts";
import { errorText, redactSecrets } from "./log_text.ts";

function collect(options: Omit<LogOptions, "write">) {
  const lines: string[] = [];
  return { lines, log: createLog({ ...options, write: (line) => void lines.push(line) }) };
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

Deno.test("log: a JSON line holds level, time, message and fields", () => {
  const { lines, log } = collect({ level: "info", format: "json" });
  log("info", "ready", { address: "127.0.0.1:1", id: 2n ** 63n, urls: ["a"], msg: "x" });
  assert.equal(lines.length, 1);
  const { ts, ...rest } = JSON.parse(lines[0] ?? "");
  assert.match(ts, new RegExp(`^${TIME}$`));
  assert.deepEqual(rest, {
    level: "info",
    msg: "ready",
    address: "127.0.0.1:1",
    id: "9223372036854775808",
    urls: ["a"],
    msg_: "x",
  });
});

Deno.test("log: a plain line is for people, and one line whatever is in it", () => {
  const { lines, log } = collect({ level: "info", format: "plain" });
  log("warn", "ready\nto serve", { address: "127.0.0.1:1", path: "a b", text: "x\ny", count: 3 });
  assert.match(
    lines[0] ?? "",
    new RegExp(
      `^${TIME} WARN ready\\\\u000ato serve address=127.0.0.1:1 path="a b" text="x\\\\ny" count=3\n$`,
    ),
  );
});

Deno.test("log: a console line is etcd's: time, level, message and fields, with tabs between", () => {
  const { lines, log } = collect({ level: "info", format: "console" });
  log("info", "ready\tto serve", { address: "127.0.0.1:1", count: 3 });
  log("warn", "done");
  assert.match(
    lines[0] ?? "",
    new RegExp(`^${TIME}\tinfo\tready\\\\u0009to serve\t{"address":"127.0.0.1:1","count":3}\n$`),
  );
  assert.match(lines[1] ?? "", new RegExp(`^${TIME}\twarn\tdone\n$`));
});

Deno.test("log: at etcd's levels above errors there are no lines", () => {
  for (const level of ["panic", "fatal"] as const) {
    const { lines, log } = collect({ level, format: "plain" });
    log("error", "a");
    assert.deepEqual(lines, []);
  }
});

Deno.test("log: lines below the level are left out", () => {
  const { lines, log } = collect({ level: "warn", format: "plain" });
  log("debug", "a");
  log("info", "b");
  log("warn", "c");
  log("error", "d");
  assert.deepEqual(lines.map((line) => line.split(" ").slice(1).join(" ")), [
    "WARN c\n",
    "ERROR d\n",
  ]);
});

Deno.test("log: an error is its message, and has its stack at debug alone", () => {
  const error = new Error("no room", { cause: new Error("disk full") });
  for (const level of ["info", "debug"] as const) {
    const { lines, log } = collect({ level, format: "json" });
    log("error", "failed", { error });
    const line = JSON.parse(lines[0] ?? "");
    assert.equal(line.error, "no room: disk full");
    assert.equal("stack" in line, level === "debug");
  }
});

Deno.test("log: no password gets into a line", () => {
  const { lines, log } = collect({ level: "debug", format: "json" });
  const url = "postgres://user:hunter2@host:5432/db?sslpassword=hunter2";
  log("info", `Cannot open ${url}`, { url, urls: [url], error: new Error(`bad ${url}`) });
  assert.ok(!lines.join("").includes("hunter2"), lines.join(""));
});

Deno.test("redactSecrets() cuts out passwords and leaves the rest", () => {
  const cases: readonly (readonly [text: string, redacted: string])[] = [
    ["postgres://u:p@h/db", "postgres://u:xxxxx@h/db"],
    ["postgres://u:p@ss/w:rd@h:5432/db", "postgres://u:xxxxx@h:5432/db"],
    ["mysql://:p@tcp(h:3306)/db", "mysql://:xxxxx@tcp(h:3306)/db"],
    ['Cannot open "a://u:p@h": b', 'Cannot open "a://u:xxxxx@h": b'],
    ["a://h/db?user=u&password=p&x=1", "a://h/db?user=u&password=xxxxx&x=1"],
    ["a://h/db?authToken=p", "a://h/db?authToken=xxxxx"],
    ["http://127.0.0.1:2379", "http://127.0.0.1:2379"],
    ["postgres://u@h/db", "postgres://u@h/db"],
    ["./db/state.db", "./db/state.db"],
  ];
  for (const [text, redacted] of cases) assert.equal(redactSecrets(text), redacted);
});

Deno.test("errorText() is one line, with causes that add something", () => {
  const cause = new Error("disk full");
  assert.equal(errorText(new Error("a\n  b", { cause })), "a b: disk full");
  assert.equal(errorText(new Error("no: disk full", { cause })), "no: disk full");
  assert.equal(errorText("text"), "text");
  const ring = new Error("ring");
  ring.cause = ring;
  assert.equal(errorText(ring), "ring");
});
