import assert from "node:assert/strict";
import { logFiles, parseLogOutputs, parseLogRotation } from "./log_settings.ts";

Deno.test("parseLogOutputs() takes streams and files, and refuses what only stands alone", () => {
  assert.deepEqual(parseLogOutputs("stderr, /var/log/etcd.log,stderr"), [
    "stderr",
    "/var/log/etcd.log",
  ]);
  assert.deepEqual(parseLogOutputs("systemd/journal"), ["systemd/journal"]);
  assert.deepEqual(logFiles(["stdout", "a.log", "default"]), ["a.log"]);
  for (const text of ["default,stderr", "a.log,systemd/journal"]) {
    assert.throws(() => parseLogOutputs(text), { message: /to be the only output$/ }, text);
  }
});

Deno.test("parseLogRotation() reads lumberjack's names, and leaves out what it does not know", () => {
  assert.deepEqual(parseLogRotation(`{"MaxSize": 5, "maxbackups": 2, "compress": true, "x": 1}`), {
    maxSize: 5,
    maxAge: 0,
    maxBackups: 2,
    localTime: false,
    compress: true,
  });
  const wrong: readonly (readonly [json: string, message: string])[] = [
    ["{", "expected JSON"],
    ["[]", "expected a JSON object"],
    [`{"maxsize": "5"}`, "expected another value of maxsize"],
    [`{"maxage": -1}`, "expected another value of maxage"],
    [`{"compress": 1}`, "expected another value of compress"],
  ];
  for (const [json, message] of wrong) {
    assert.throws(() => parseLogRotation(json), { name: "RangeError", message }, json);
  }
});
