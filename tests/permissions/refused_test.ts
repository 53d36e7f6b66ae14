/** What a server does not need is refused to it, however it was started. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { cleanEnv } from "../cli/rhino_process.ts";
import { denoArgs } from "../support/rhino_command.ts";
import { type Outcomes, REFUSED } from "./attempts.ts";
import { flagsFor } from "./restricted_server.ts";

const PROGRAM = new URL("./attempting_program.ts", import.meta.url);
const SERVER = new URL("./attempting_server.ts", import.meta.url);

const SECRETS = { AWS_SECRET_ACCESS_KEY: "secret" };

/** Runs a program of this folder in place of Rhino, and answers the lines that it prints, with the log. */
async function run(
  url: URL,
  { args, permissions, cwd }: {
    readonly args: readonly string[];
    readonly permissions?: readonly string[];
    readonly cwd: string;
  },
): Promise<{ outcomes: Outcomes[]; log: string }> {
  const program = fileURLToPath(url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: denoArgs(args, permissions).map((arg) => arg.endsWith("src/main.ts") ? program : arg),
    cwd,
    env: cleanEnv(SECRETS),
    clearEnv: true,
    stdin: "null",
  }).output();
  const [text = "", log = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, log);
  return {
    outcomes: text.trim().split("\n").map((line) => JSON.parse(line)),
    log,
  };
}

function refused(name: string, test: (folder: string) => Promise<void>): void {
  Deno.test(`permissions: ${name}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "rhino-rights-" });
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const STORES = { memory: "memory://", sqlite: "db/state.db", postgres: "postgres://u:p@h/d" };

for (const [store, endpoint] of Object.entries(STORES)) {
  refused(`the flags for a store of ${store} refuse all else`, async (cwd) => {
    const args = ["--endpoint", endpoint, "--listen-address", "127.0.0.1:0"];
    const permissions = await flagsFor({ args, cwd });
    const { outcomes } = await run(PROGRAM, { args: [], permissions, cwd });
    assert.deepEqual(outcomes, [REFUSED]);
  });
}

refused("a server that was given whole kinds keeps only what it needs", async (cwd) => {
  const args = ["--endpoint", "db/state.db", "--listen-address", "127.0.0.1:0"];
  const { outcomes: [thread, process], log } = await run(SERVER, { args, cwd });
  assert.deepEqual(thread, REFUSED);
  assert.deepEqual(process, REFUSED);
  assert.match(log, /ready to serve client requests/);
  assert.match(log, /stopped/);
});
