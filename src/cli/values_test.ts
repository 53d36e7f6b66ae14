import assert from "node:assert/strict";
import {
  parseClientUrls,
  parseDurationMs,
  parseInteger,
  parseListenUrls,
  parseTruth,
} from "./values.ts";

const ANY = { min: 0, max: 2 ** 31 - 1 };

Deno.test("parseDurationMs() takes plain seconds and Go's notation", () => {
  const cases: readonly (readonly [text: string, ms: number])[] = [
    ["0", 0],
    ["300", 300_000],
    ["0.5", 500],
    ["300s", 300_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["500ms", 500],
    ["1.5h", 5_400_000],
    ["1m0.1s", 60_100],
    ["1500us", 2],
    ["1µs", 1],
    ["1ns", 1],
    ["0s", 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDurationMs(text, ANY), ms, text);
});

Deno.test("parseDurationMs() refuses what is no duration, and what is out of bounds", () => {
  for (const text of ["", "abc", "5 m", "-1", "-5m", "5d", "m", "1h30", "1e3", "0x10", ".5s"]) {
    assert.throws(
      () => parseDurationMs(text, ANY),
      { name: "RangeError", message: "expected seconds or a duration such as 300s" },
      text,
    );
  }
  assert.throws(() => parseDurationMs("600h", ANY), { message: "expected at most 596h" });
  assert.throws(() => parseDurationMs("50ms", { min: 100, max: 1_000 }), {
    message: "expected at least 100ms",
  });
});

Deno.test("parseInteger() takes safe whole numbers within bounds alone", () => {
  assert.equal(parseInteger("1572864", { min: 0, max: 2_000_000 }), 1_572_864);
  assert.equal(parseInteger("-1", { min: -1, max: 1 }), -1);
  for (const text of ["", "1.5", "1e3", "12k", "9007199254740993", " 1"]) {
    assert.throws(() => parseInteger(text, ANY), { message: "expected a whole number" }, text);
  }
  assert.throws(() => parseInteger("0", { min: 1, max: 9 }), { message: "expected at least 1" });
  assert.throws(() => parseInteger("10", { min: 1, max: 9 }), { message: "expected at most 9" });
});

Deno.test("parseListenUrls() takes names, addresses of both kinds, a port alone, and URLs", () => {
  const cases: readonly (readonly [text: string, host: string, port: number])[] = [
    ["0.0.0.0:2379", "0.0.0.0", 2379],
    ["localhost:0", "localhost", 0],
    ["[::1]:2379", "::1", 2379],
    [":2379", "0.0.0.0", 2379],
    ["http://a:1", "a", 1],
  ];
  for (const [text, host, port] of cases) {
    assert.deepEqual(parseListenUrls(text), [{ scheme: "http", host, port }], text);
  }
  for (const text of ["", "2379", "localhost", "localhost:", "::1:2379", "a:70000", "a:b"]) {
    assert.throws(
      () => parseListenUrls(text),
      { message: "expected HOST:PORT such as 127.0.0.1:2379" },
      text,
    );
  }
});

Deno.test("parseListenUrls() takes Unix sockets, with all that follows for the path", () => {
  assert.deepEqual(parseListenUrls("unix:///run/kine.sock:2379, https://a:1,unixs://localhost:0"), [
    { scheme: "unix", host: "/run/kine.sock:2379", port: 0 },
    { scheme: "https", host: "a", port: 1 },
    { scheme: "unixs", host: "localhost:0", port: 0 },
  ]);
});

Deno.test("parseTruth() takes what Go takes", () => {
  for (const text of ["1", "t", "T", "true", "TRUE", "True"]) assert.equal(parseTruth(text), true);
  for (const text of ["0", "f", "F", "false", "FALSE"]) assert.equal(parseTruth(text), false);
  for (const text of ["", "yes", "on", "2"]) {
    assert.throws(() => parseTruth(text), { message: "expected one of true, false" }, text);
  }
});

Deno.test("parseClientUrls() takes URLs of scheme, host and port", () => {
  assert.deepEqual(parseClientUrls("http://10.0.0.1:2379, https://[::1]:2380,unix://a.sock"), [
    "http://10.0.0.1:2379",
    "https://[::1]:2380",
    "unix://a.sock",
  ]);
  for (
    const text of ["10.0.0.1:2379", "http://a", "http://a:1/path", "ftp://a:1", "http://u:p@a:1"]
  ) {
    assert.throws(() => parseClientUrls(text), { name: "RangeError" }, text);
  }
});
