/** argv → config → serve → wait for a signal → drain. The process's own matters are here, and nothing else. */

import { type Command, parseCommand, type ServeCommand, UsageError } from "./cli/command.ts";
import { yamlParserFor } from "./cli/config_file.ts";
import { readVariables } from "./cli/environment.ts";
import { helpText } from "./cli/help.ts";
import { settled } from "./cli/settings_report.ts";
import type { SubcommandCall } from "./cli/subcommands.ts";
import { versionText } from "./cli/version.ts";
import { print, printError } from "./commands/terminal.ts";
import type { Config } from "./config.ts";
import { errorText, redactSecrets } from "./log_text.ts";
import type { StopSignal } from "./process/stopping.ts";
import { hasTooMuch } from "./process/thread_permissions.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** The shell's convention for a process that a signal ended. */
const EXIT_SIGNAL = { SIGTERM: 143, SIGINT: 130 } as const satisfies Record<StopSignal, number>;

async function main(): Promise<void> {
  const command = await readCommand();
  switch (command.name) {
    case "help":
      return print(helpText());
    case "version":
      return print(versionText());
    case "print-schema":
      return await printSchema(command.config);
    case "serve":
      // Not left to the event loop: a connection that hangs would keep it going.
      return Deno.exit(await serve(command));
    default:
      return Deno.exit(await runCommand(command));
  }
}

async function readCommand(): Promise<Command> {
  const { args } = Deno;
  const env = readVariables(Deno.env);
  try {
    return parseCommand({
      args,
      env,
      parseYaml: await yamlParserFor([...args, ...Object.keys(env)]),
      readFile: (path) => Deno.readTextFileSync(path),
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return endStart(error.message, EXIT_USAGE);
  }
}

function endStart(reason: string, code: number): never {
  printError(`Cannot start: ${redactSecrets(reason)}\n`);
  Deno.exit(code);
}

/** Some libraries ask for things as soon as they are loaded. */
function endWithoutPermission(error: unknown): never {
  if (!(error instanceof Deno.errors.NotCapable)) throw error;
  const hint = "`rhino permissions` prints all the flags of Deno that it needs";
  return endStart(`${errorText(error)}; ${hint}`, EXIT_FAILED);
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

/** The configuration may need less than the process was given; then a thread with just that serves. */
async function serve(command: ServeCommand): Promise<number> {
  const order = settled(command);
  const stopped = stopSignal();
  if (!hasTooMuch()) {
    // Imported only now, so that a usage error or `--help` waits for no library.
    const { serve } = await import("./process/serving.ts").catch(endWithoutPermission);
    return await serve(order, stopped);
  }
  const { serveInThread } = await import("./process/serving_thread.ts");
  return await serveInThread(order, stopped);
}

/** Resolves with the first signal to stop; a second one ends the process at once. */
function stopSignal(): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      if (stopping) Deno.exit(EXIT_SIGNAL[signal]);
      stopping = true;
      resolve(signal);
    });
  }
  return promise;
}

if (import.meta.main) await main();
