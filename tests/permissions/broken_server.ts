/** Rhino as `deno task start` runs it, with a thread that does not do what it should: `hangs` or `dies`. */

import { parseCommand } from "../../src/cli/command.ts";
import { settled } from "../../src/cli/settings_report.ts";
import type { StopSignal } from "../../src/process/stopping.ts";
import { serveInThread } from "../../src/process/serving_thread.ts";

const [fault = ""] = Deno.args;
const command = parseCommand({ args: ["--endpoint", "memory:"], env: {} });
if (command.name !== "serve") throw new Error("it is to serve");

const stopped = Promise.withResolvers<StopSignal>();
Deno.addSignalListener("SIGTERM", () => stopped.resolve("SIGTERM"));
const code = new URL("./broken_worker.ts", import.meta.url);
code.hash = fault;
Deno.exit(await serveInThread(settled(command), stopped.promise, code));
