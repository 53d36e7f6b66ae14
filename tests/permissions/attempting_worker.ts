/** The server's thread, which also tries what must be refused, and tells what came of it. */

/// <reference lib="deno.worker" />

import "../../src/process/serving_worker.ts";
import { tryAll } from "./attempts.ts";

// The first message is the order to serve; the process has given up its permissions by then.
self.addEventListener("message", async () => {
  new BroadcastChannel("attempts").postMessage(await tryAll());
}, { once: true });
