/** The thread that serves, with the permissions of its configuration; see `serving_thread.ts`. */

/// <reference lib="deno.worker" />

import type { Settled } from "../cli/settings_report.ts";
import { printError } from "../commands/terminal.ts";
import { errorText } from "../log_text.ts";
import { serve } from "./serving.ts";
import type { FromThread, ToThread } from "./serving_thread.ts";
import { EXIT_START_FAILED, type StopSignal } from "./stopping.ts";

const stopped = Promise.withResolvers<StopSignal>();

self.onmessage = ({ data }: MessageEvent<ToThread>) => {
  if ("signal" in data) stopped.resolve(data.signal);
  else serveOrder(data.order);
};

tell({ isLoaded: true });

async function serveOrder(order: Settled): Promise<void> {
  // A defect before there is a log, which nobody else would tell of.
  const code = await serve(order, stopped.promise).catch((error) => {
    printError(`Cannot serve: ${errorText(error)}\n`);
    return EXIT_START_FAILED;
  });
  tell({ code });
}

function tell(message: FromThread): void {
  self.postMessage(message);
}
