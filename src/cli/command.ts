/** From the command line and the environment to what the process shall do. Pure: both are handed in. */

import { parseArgs } from "node:util";
import { type Config, makeConfig } from "../config.ts";
import { redactSecrets } from "../log.ts";
import { ENV_PREFIX, type Flag, FLAGS, isSwitchable, SWITCHES, variableOf } from "./flags.ts";
import { nearest } from "./nearest.ts";

export type Command =
  | { readonly name: "help" | "version" }
  | { readonly name: "print-schema"; readonly config: Config }
  | ServeCommand;

export interface ServeCommand {
  readonly name: "serve";
  readonly config: Config;
  /** Names in the environment that look like ours but are not; worth a warning. */
  readonly unknownVariables: readonly string[];
}

export interface Invocation {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The operator's mistake, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Set by tests and tools of this repository rather than by operators. */
const FOREIGN_VARIABLES =
  /^RHINO_(TEST_|BENCH_|CRASH_|SEED$|RUNS$|UPDATES$|POSTGRES_DSN$|MYSQL_DSN$)/;

/**
 * What the invocation asks for. A flag wins over its environment variable, and the last of repeated flags over those
 * before it; an empty variable counts as not set.
 *
 * @throws {UsageError} with one line that names the wrong flag or value.
 */
export function parseCommand({ args, env }: Invocation): Command {
  const given = readFlags(args);
  for (const name of ["help", "version"] as const) {
    if (given.has(name)) return { name };
  }
  const config = makeConfig(readValues({ given, env }));
  if (given.has("print-schema")) return { name: "print-schema", config };
  return { name: "serve", config, unknownVariables: unknownVariables(env) };
}

function readValues(
  { given, env }: { given: ReadonlyMap<string, string>; env: Invocation["env"] },
): Partial<Config> {
  const values: Partial<Record<keyof Config, unknown>> = {};
  for (const flag of FLAGS) {
    const variable = variableOf(flag);
    const fromFlag = given.get(flag.name);
    const fromEnv = env[variable] || undefined;
    if (fromFlag !== undefined) {
      values[flag.key] = parseValue(flag, { text: fromFlag, origin: `--${flag.name}` });
    } else if (fromEnv !== undefined) {
      values[flag.key] = parseValue(flag, { text: fromEnv, origin: variable });
    }
  }
  // Each value was parsed by the flag of its key, so the types fit.
  return values as Partial<Config>;
}

/** A flag that may stand alone gets the value that this means, for the parser takes a string for it. */
function withTruths(args: readonly string[]): string[] {
  const completed: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    const next = args[at + 1];
    const isAlone = FLAGS.some((flag) => arg === `--${flag.name}` && isSwitchable(flag)) &&
      next !== "true" && next !== "false";
    completed.push(isAlone ? `${arg}=true` : arg);
  }
  return completed;
}

/** Name → text; a switch has an empty text. */
function readFlags(args: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  const { tokens } = parseArgs({
    args: withTruths(args),
    options: {
      ...Object.fromEntries(FLAGS.map(({ name }) => [name, { type: "string" as const }])),
      ...Object.fromEntries(SWITCHES.map(({ name }) => [name, { type: "boolean" as const }])),
      help: { type: "boolean", short: "h" },
    },
    // Not strict: its messages run over several lines and know no nearest flag.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") throw new UsageError(`unexpected argument "${token.value}"`);
    if (token.kind === "option") given.set(token.name, checkedText(token));
  }
  return given;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function checkedText({ name, rawName, value, inlineValue }: OptionToken): string {
  if (SWITCHES.some((known) => known.name === name)) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value`);
    return "";
  }
  if (!FLAGS.some((flag) => flag.name === name)) throw new UsageError(unknownFlag(rawName));
  // A flag in the place of a value means that the value was forgotten.
  if (value === undefined || (!inlineValue && value.startsWith("--"))) {
    throw new UsageError(`--${name} needs a value`);
  }
  return value;
}

function unknownFlag(rawName: string): string {
  const names = [...FLAGS, ...SWITCHES].map(({ name }) => `--${name}`);
  const suggestion = nearest(rawName, names);
  return suggestion === undefined
    ? `unknown flag ${rawName}; --help lists all`
    : `unknown flag ${rawName}; did you mean ${suggestion}?`;
}

function parseValue(flag: Flag, { text, origin }: { text: string; origin: string }): unknown {
  try {
    return flag.parse(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${origin} is "${redactSecrets(text)}": ${error.message}`);
  }
}

function unknownVariables(env: Readonly<Record<string, string>>): string[] {
  const known = new Set(FLAGS.map(variableOf));
  return Object.keys(env)
    .filter((name) => name.startsWith(ENV_PREFIX) && !known.has(name))
    .filter((name) => !FOREIGN_VARIABLES.test(name))
    .sort();
}
