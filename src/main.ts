/** argv → config → serve → wait for a signal → drain. The process's own matters are here, and nothing else. */

import process from "node:process";
import { type Command, parseCommand, type ServeCommand, UsageError } from "./cli/command.ts";
import { helpText } from "./cli/help.ts";
import { notifySupervisor } from "./cli/readiness.ts";
import { logSettings } from "./cli/settings_report.ts";
import { startFailureText } from "./cli/start_failure.ts";
import type { SubcommandCall } from "./cli/subcommands.ts";
import { RHINO_VERSION, versionText } from "./cli/version.ts";
import { addressOf, isUnix } from "./client_urls.ts";
import { print, printError } from "./commands/terminal.ts";
import type { Config } from "./config.ts";
import { createLog, errorText, type Log, redactSecrets } from "./log.ts";
import { openLogOutputs } from "./log_outputs.ts";
import type { RunningServer } from "./server.ts";

const EXIT_START_FAILED = 1;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** The shell's convention for a process that a signal ended. */
const EXIT_SIGNAL = { SIGTERM: 143, SIGINT: 130 } as const;

type StopSignal = keyof typeof EXIT_SIGNAL;

/**
 * Longest time from the first signal to the end. What is acknowledged is on disk, so to end before everybody has
 * hung up loses nothing; to be killed by an impatient supervisor would lose the log's last lines.
 */
const STOP_MS_MAX = 4_500;

async function main(): Promise<void> {
  const command = readCommand();
  switch (command.name) {
    case "help":
      return print(helpText());
    case "version":
      return print(versionText());
    case "print-schema":
      return await printSchema(command.config);
    case "serve":
      return await serve(command);
    default:
      Deno.exit(await runCommand(command));
  }
}

function readCommand(): Command {
  try {
    return parseCommand({
      args: Deno.args,
      env: Deno.env.toObject(),
      readFile: (path) => Deno.readTextFileSync(path),
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return endStart(error.message, EXIT_USAGE);
  }
}

/** Before there is a log, or where it would not show it. */
function endStart(reason: string, code: number): never {
  printError(`Cannot start: ${redactSecrets(reason)}\n`);
  Deno.exit(code);
}

async function printSchema(config: Config): Promise<void> {
  try {
    const { schemaSql } = await import("../backends/registry.ts");
    print(await schemaSql(config));
  } catch (error) {
    printError(`Cannot print the schema: ${errorText(error)}\n`);
    Deno.exit(EXIT_USAGE);
  }
}

/** The exit code of what is not serving. */
async function runCommand(call: SubcommandCall): Promise<number> {
  try {
    const { runSubcommand } = await import("./commands/runners.ts");
    return await runSubcommand(call);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    printError(`Cannot run rhino ${call.name}: ${errorText(error)}\n`);
    return isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function serve(command: ServeCommand): Promise<void> {
  const { config } = command;
  const log = openLog(config);
  logSettings(command, log);
  surviveDefects(log);
  const stopped = stopSignal(log);
  const server = await start(config, log);
  logServing(server, { config, log });
  const supervisor = { socket: Deno.env.get("NOTIFY_SOCKET"), log };
  await notifySupervisor("READY=1", supervisor);
  const signal = await stopped;
  log("info", "stopping", { signal });
  await notifySupervisor("STOPPING=1", supervisor);
  await server[Symbol.asyncDispose]();
  log("info", "stopped");
  // Not left to the event loop: a connection that hangs would keep it going.
  Deno.exit(0);
}

function openLog({ logLevel, logFormat, logOutputs, logRotation }: Config): Log {
  try {
    const write = openLogOutputs({ outputs: logOutputs, rotation: logRotation });
    return createLog({ level: logLevel, format: logFormat, write });
  } catch (error) {
    return endStart(errorText(error), EXIT_START_FAILED);
  }
}

async function start(config: Config, log: Log): Promise<RunningServer> {
  try {
    // Imported only now, so that a usage error or `--help` waits for no library.
    const { startServer } = await import("./server.ts");
    return await startServer(config, log);
  } catch (error) {
    const text = startFailureText(error);
    log("error", text);
    if (error instanceof Error) log("debug", "the start failed at", { error });
    // Whoever wants no errors in the log has to be told all the same.
    const isQuiet = config.logLevel === "panic" || config.logLevel === "fatal";
    if (isQuiet) endStart(text, EXIT_START_FAILED);
    Deno.exit(EXIT_START_FAILED);
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

/** Resolves with the first signal to stop; a second one, or too long a stop, ends the process at once. */
function stopSignal(log: Log): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      if (stopping) Deno.exit(EXIT_SIGNAL[signal]);
      stopping = true;
      setTimeout(() => {
        log("warn", "stopping took too long; open calls are cut", { limitMs: STOP_MS_MAX });
        Deno.exit(0);
      }, STOP_MS_MAX);
      resolve(signal);
    });
  }
  return promise;
}

/** One call's defect must not end everybody's server; the log says that there is one to mend. */
function surviveDefects(log: Log): void {
  const report = (what: string) => (error: unknown) => {
    log("error", `defect: ${what}`, { error, stack: error instanceof Error ? error.stack : "" });
  };
  process.on("uncaughtException", report("uncaught exception"));
  process.on("unhandledRejection", report("unhandled rejection"));
}

if (import.meta.main) await main();
