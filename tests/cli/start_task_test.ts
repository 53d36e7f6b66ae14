/** The task `start` of the checkout: what it does before Rhino runs. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const AT_ONCE = 8;
const ROUNDS = 2;

/** What Rhino says of itself, or why the task failed. */
async function startForVersion(): Promise<string> {
  const args = ["task", "--quiet", "start", "--version"];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT })
    .output();
  return new TextDecoder().decode(success ? stdout : stderr);
}

Deno.test("deno task start: servers of one checkout may be started in the same instant", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const outputs = await Promise.all(Array.from({ length: AT_ONCE }, () => startForVersion()));
    for (const output of outputs) assert.match(output, /^rhino Version: /m);
  }
});
