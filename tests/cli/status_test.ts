/** `rhino status` of a live server: in a pipe, in a terminal, and of one that is not there. */

import assert from "node:assert/strict";
import { EtcdClient } from "../support/etcd_client.ts";
import { denoArgs } from "../support/rhino_command.ts";
import { cleanEnv, RhinoProcess, runRhino } from "./rhino_process.ts";

const SERVER = ["--listen-address=127.0.0.1:0", "--endpoint=memory://", "--name=first"];

/** Puts each of ten keys. */
async function putTen(client: EtcdClient): Promise<void> {
  for (let key = 0; key < 10; key++) await client.kv.put({ key: `k${key}`, value: "v" });
}

/** Puts until it is told to stop. */
async function putting(client: EtcdClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await putTen(client);
}

Deno.test("status shows what a server does while it does it", async () => {
  await using server = new RhinoProcess({ args: SERVER });
  const address = await server.address();
  using client = new EtcdClient(address);
  // So that the ten are there, however busy the machine is.
  await putTen(client);
  const stop = new AbortController();
  const writing = putting(client, stop.signal);
  const args = ["status", "--endpoint", address, "--interval=500ms"];
  const { code, stdout, stderr } = await runRhino({ args });
  stop.abort();
  await writing;
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = new Map(
    stdout.split("\n").map((line) => [line.slice(0, 13).trim(), line.slice(13)]),
  );
  assert.match(
    stdout,
    new RegExp(`^Rhino \\S+ as etcd 3\\.7\\.1 at http://${address}, up \\d+ s\n`),
  );
  assert.match(lines.get("revision") ?? "", /^[\d,]+, [\d.,]+\/s in [\d.,]+ commits\/s$/);
  assert.match(lines.get("compacted") ?? "", /^never; [\d,]+ revisions kept$/);
  assert.match(lines.get("size") ?? "", /^10 keys, /);
  assert.match(lines.get("Put") ?? "", /^ +[1-9][\d.,]* +[\d.]+ ms +[\d.]+ ms$/);
  assert.match(lines.get("Txn") ?? "", /^ +0 +- +-$/);
  assert.match(lines.get("alarms") ?? "", /^none$/);
  assert.match(
    lines.get("members") ?? "",
    new RegExp(`^[0-9a-f]+ {2}first {2}http://${address} {2}\\(this one\\)$`),
  );
});

Deno.test("status in a terminal goes on until it is interrupted", async () => {
  await using server = new RhinoProcess({ args: SERVER });
  const args = ["status", "--interval=100ms", "--endpoint", await server.address()];
  const command = [Deno.execPath(), ...denoArgs(args)].map((word) => `'${word}'`).join(" ");
  // What gives it a terminal.
  const child = new Deno.Command("script", {
    args: ["-qec", command, "/dev/null"],
    env: cleanEnv(),
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (output.split("\x1b[H").length > 3) break;
  }
  child.kill("SIGTERM");
  await child.status;
  assert.ok(output.includes("\x1b[H\x1b[JRhino "), output);
});

Deno.test("status of a server that is not there is one line", async () => {
  const { code, stdout, stderr } = await runRhino({ args: ["status", "--endpoint=127.0.0.1:1"] });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^Cannot show the status of http:\/\/127\.0\.0\.1:1: [^\n]+\n$/);
  const refused = await runRhino({ args: ["status", "--interval=1ms"] });
  assert.deepEqual([refused.code, refused.stderr], [
    2,
    'Cannot run rhino status: --interval is "1ms": expected at least 100ms\n',
  ]);
});
