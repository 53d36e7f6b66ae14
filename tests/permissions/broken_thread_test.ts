/** What becomes of the process when the thread that serves does not do what it should. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { cleanEnv } from "../cli/rhino_process.ts";
import { denoArgs } from "../support/rhino_command.ts";

const PROGRAM = fileURLToPath(new URL("./broken_server.ts", import.meta.url));

function start(fault: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: denoArgs([fault]).map((arg) => arg.endsWith("src/main.ts") ? PROGRAM : arg),
    env: cleanEnv(),
    clearEnv: true,
    stdin: "null",
    stderr: "piped",
  }).spawn();
}

Deno.test("a thread that dies ends the process with one line and code 1", async () => {
  const { code, stderr } = await start("dies").output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /Cannot serve: the server's thread died: .*it broke\n$/,
  );
});

Deno.test("a thread that hangs keeps nobody from stopping the process", async () => {
  const child = start("hangs");
  const reader = child.stderr.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /^ready to serve/);
  const askedAt = performance.now();
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  assert.ok(performance.now() - askedAt < 10_000);
  await reader.cancel();
});
