/** From the command line, the environment and a config file to what the process shall do. Pure: all are handed in. */

import type { Config } from "../config.ts";
import { readArguments } from "./arguments.ts";
import { type ParseYaml, readConfigFile } from "./config_file.ts";
import { readEnvironment } from "./environment.ts";
import { findFlag } from "./flags.ts";
import type { Given } from "./given.ts";
import { readOwnArguments } from "./own_arguments.ts";
import { type ResolvedSettings, resolveSettings } from "./settings.ts";
import { isSubcommand, type SubcommandCall, SUBCOMMANDS } from "./subcommands.ts";
import { UsageError } from "./usage_error.ts";

export { UsageError };

export type Command =
  | { readonly name: "help" | "version" }
  | { readonly name: "print-schema"; readonly config: Config }
  | SubcommandCall
  | ServeCommand;

export interface ServeCommand extends ResolvedSettings {
  readonly name: "serve";
  /** Names in the environment that look like ours but are not; worth a warning. */
  readonly unknownVariables: readonly string[];
  readonly file: {
    readonly path: string;
    /** Keys in it that mean nothing; worth a warning. */
    readonly unknownKeys: readonly string[];
    /** Flags and variables that have no effect because of it. */
    readonly overridden: readonly string[];
  } | undefined;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Reads a config file. @throws {Error} that says why it cannot */
  readonly readFile?: (path: string) => string;
  /** Needed where there is a config file. */
  readonly parseYaml?: ParseYaml | undefined;
}

/**
 * What the invocation asks for. A flag wins over its environment variable, and the last of repeated flags over those
 * before it; an empty variable counts as not set. With a config file, etcd's flags and variables do not count.
 *
 * @throws {UsageError} with one line that names the wrong flag or value.
 */
export function parseCommand(
  { args, env, readFile = noFiles, parseYaml = noFiles }: Invocation,
): Command {
  const [first] = args;
  const subcommand = isSubcommand(first) ? first : undefined;
  const own = subcommand && readOwnArguments(args.slice(1), SUBCOMMANDS[subcommand]);
  const environment = readEnvironment(env);
  const { given, switches } = readArguments(own?.rest ?? args, environment);
  for (const name of ["help", "version"] as const) {
    if (switches.has(name)) return { name };
  }
  const said = [...environment.given, ...given];
  const file = readFrom(said, { readFile, parseYaml });
  const resolved = resolveSettings([...(file?.given ?? []), ...(file?.remaining ?? said)]);
  if (subcommand && own) {
    return { name: subcommand, own, config: resolved.config, configFile: file?.path };
  }
  if (switches.has("print-schema")) return { name: "print-schema", config: resolved.config };
  return { name: "serve", ...resolved, unknownVariables: environment.unknown, file };
}

function readFrom(
  said: readonly Given[],
  { readFile, parseYaml }: { readFile: (path: string) => string; parseYaml: ParseYaml },
) {
  const path = said.findLast(({ name }) => name === "config-file")?.text ?? "";
  if (path === "") return undefined;
  const { given, unknown } = readConfigFile({ path, text: textOf(path, readFile) }, parseYaml);
  const isEtcds = ({ name }: Given) =>
    name !== "config-file" && findFlag(name, ["etcd"]) !== undefined;
  return {
    path,
    given,
    unknownKeys: unknown,
    remaining: said.filter((one) => !isEtcds(one)),
    overridden: said.filter(isEtcds).map(({ origin }) => origin),
  };
}

function textOf(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot read the config file "${path}": ${reason}`);
  }
}

function noFiles(): never {
  throw new Error("there are no files here");
}
