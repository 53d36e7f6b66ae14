/**
 * A process that was given whole kinds of permissions (`deno task start` cannot know the configuration) serves in a thread
 * which has only those that its configuration needs, and gives up its own. What is left of it listens for signals.
 */

import type { Settled } from "../cli/settings_report.ts";
import { printError } from "../commands/terminal.ts";
import { BackendError } from "../../backends/contract.ts";
import type { Config } from "../config.ts";
import { type Permissions, permissionsOf } from "../permissions/permissions.ts";
import { THIS_PROCESS } from "../permissions/surroundings.ts";
import { EXIT_START_FAILED, STOP_MS_MAX, type StopSignal } from "./stopping.ts";
import { giveUpPermissions, threadPermissions } from "./thread_permissions.ts";

export type ToThread = { readonly order: Settled } | { readonly signal: StopSignal };
export type FromThread = { readonly isLoaded: true } | { readonly code: number };

/** For the thread's own limit to be told first. */
const STOP_GRACE_MS = 250;

const CODE = new URL("./serving_worker.ts", import.meta.url);

/**
 * Serves until the signal has come, and answers the exit code.
 *
 * @param code of the thread; a test's does more
 */
export async function serveInThread(
  order: Settled,
  stopped: Promise<StopSignal>,
  code: URL = CODE,
): Promise<number> {
  const permissions = await permissionsFor(order.config);
  const ended = Promise.withResolvers<number>();
  const thread = new Worker(code, {
    type: "module",
    name: "rhino-server",
    deno: { permissions: threadPermissions(permissions) },
  });
  const tell = (message: ToThread) => thread.postMessage(message);
  thread.onmessage = ({ data }: MessageEvent<FromThread>) => {
    if ("code" in data) return ended.resolve(data.code);
    giveUpPermissions();
    tell({ order });
  };
  thread.onerror = (event) => {
    event.preventDefault();
    printError(`Cannot serve: the server's thread died: ${event.message}\n`);
    ended.resolve(EXIT_START_FAILED);
  };
  stopped.then((signal) => {
    tell({ signal });
    // Else a thread that hangs would keep the process.
    setTimeout(() => ended.resolve(0), STOP_MS_MAX + STOP_GRACE_MS);
  });
  return await ended.promise;
}

async function permissionsFor(config: Config): Promise<Permissions> {
  try {
    return await permissionsOf(config, THIS_PROCESS);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    // The endpoint is malformed, which the thread will find too, and tell in the log.
    return await permissionsOf({ ...config, endpoint: "memory:" }, THIS_PROCESS);
  }
}
