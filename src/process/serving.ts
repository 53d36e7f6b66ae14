/** Serving, from the log's first line to its last. Signals and the process's end are `main.ts`'s. */

import { tmpdir } from "node:os";
import process from "node:process";
import { notifySupervisor } from "../cli/readiness.ts";
import { logSettings, type Settled } from "../cli/settings_report.ts";
import { startFailureText } from "../cli/start_failure.ts";
import { RHINO_VERSION } from "../cli/version.ts";
import { addressOf, isUnix } from "../client_urls.ts";
import { printError } from "../commands/terminal.ts";
import type { Config } from "../config.ts";
import { createLog, type Log } from "../log.ts";
import { errorText, redactSecrets } from "../log_text.ts";
import { openLogOutputs } from "../log_outputs.ts";
import type { RunningServer } from "../server.ts";
import { notifySocketIn, ownTemporaryFolder } from "../temporary_folder.ts";
import { EXIT_START_FAILED, STOP_MS_MAX, type StopSignal } from "./stopping.ts";

/** Serves until the signal has come, and answers the exit code. Whatever is still open then, the process's end closes. */
export async function serve(order: Settled, stopped: Promise<StopSignal>): Promise<number> {
  const { config } = order;
  const log = openLog(config);
  if (log === undefined) return EXIT_START_FAILED;
  logSettings(order, log);
  surviveDefects(log);
  const tooLate = Promise.withResolvers<number>();
  stopped.then(() => {
    setTimeout(() => {
      log("warn", "stopping took too long; open calls are cut", { limitMs: STOP_MS_MAX });
      tooLate.resolve(0);
    }, STOP_MS_MAX);
  });
  return await Promise.race([serveUntil(stopped, { config, log }), tooLate.promise]);
}

async function serveUntil(
  stopped: Promise<StopSignal>,
  { config, log }: { readonly config: Config; readonly log: Log },
): Promise<number> {
  const server = await start(config, log);
  if (server === undefined) return EXIT_START_FAILED;
  logServing(server, { config, log });
  const own = notifySocketIn(ownTemporaryFolder(tmpdir(), config));
  const supervisor = { socket: Deno.env.get("NOTIFY_SOCKET"), own, log };
  await notifySupervisor("READY=1", supervisor);
  const signal = await stopped;
  log("info", "stopping", { signal });
  await notifySupervisor("STOPPING=1", supervisor);
  await server[Symbol.asyncDispose]();
  log("info", "stopped");
  return 0;
}

/** Before there is a log, or where it would not show it. */
function tellFailure(reason: string): void {
  printError(`Cannot start: ${redactSecrets(reason)}\n`);
}

function openLog({ logLevel, logFormat, logOutputs, logRotation }: Config): Log | undefined {
  try {
    const write = openLogOutputs({ outputs: logOutputs, rotation: logRotation });
    return createLog({ level: logLevel, format: logFormat, write });
  } catch (error) {
    tellFailure(errorText(error));
    return undefined;
  }
}

async function start(config: Config, log: Log): Promise<RunningServer | undefined> {
  try {
    const { startServer } = await import("../server.ts");
    return await startServer(config, log);
  } catch (error) {
    const text = startFailureText(error);
    log("error", text);
    if (error instanceof Error) log("debug", "the start failed at", { error });
    // Whoever wants no errors in the log has to be told all the same.
    if (config.logLevel === "panic" || config.logLevel === "fatal") tellFailure(text);
    return undefined;
  }
}

/** etcd's words, for tools that look for them. */
function logServing(
  { address, urls }: RunningServer,
  { config, log }: { readonly config: Config; readonly log: Log },
): void {
  log("info", "ready to serve client requests", {
    address,
    endpoint: redactSecrets(config.endpoint),
    version: RHINO_VERSION,
    etcdVersion: config.emulatedEtcdVersion,
  });
  for (const url of urls.filter(({ serves }) => serves !== "metrics")) {
    const how = url.scheme === "https" || url.scheme === "unixs"
      ? "serving client traffic securely"
      : "serving client traffic insecurely; this is strongly discouraged!";
    log("info", how, { traffic: url.serves, address: isUnix(url) ? url.host : addressOf(url) });
  }
}

/** One call's defect must not end everybody's server; the log says that there is one to mend. */
function surviveDefects(log: Log): void {
  const report = (what: string) => (error: unknown) => {
    log("error", `defect: ${what}`, { error, stack: error instanceof Error ? error.stack : "" });
  };
  process.on("uncaughtException", report("uncaught exception"));
  process.on("unhandledRejection", report("unhandled rejection"));
}
