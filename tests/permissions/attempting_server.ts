/**
 * Rhino as `deno task start` runs it, whose thread, and what is left of the process, try what must be refused. Prints both
 * outcomes as lines of JSON, once the server has been told to stop by them.
 */

import { parseCommand } from "../../src/cli/command.ts";
import { settled } from "../../src/cli/settings_report.ts";
import type { StopSignal } from "../../src/process/stopping.ts";
import { serveInThread } from "../../src/process/serving_thread.ts";
import { hasTooMuch } from "../../src/process/thread_permissions.ts";
import { tryAll } from "./attempts.ts";

const command = parseCommand({ args: Deno.args, env: {} });
if (command.name !== "serve" || !hasTooMuch()) throw new Error("it is to serve, with too much");

const stopped = Promise.withResolvers<StopSignal>();
const channel = new BroadcastChannel("attempts");
channel.onmessage = async ({ data }) => {
  const lines = [data, await tryAll()].map((outcomes) => `${JSON.stringify(outcomes)}\n`);
  Deno.stdout.writeSync(new TextEncoder().encode(lines.join("")));
  stopped.resolve("SIGTERM");
};
const code = new URL("./attempting_worker.ts", import.meta.url);
Deno.exit(await serveInThread(settled(command), stopped.promise, code));
