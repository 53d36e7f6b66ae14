/** Arguments that belong to a subcommand; all others are the server's. */

import { UsageError } from "./usage_error.ts";

/** A flag of a subcommand's own. It goes before one of the server's with the same name. */
export interface OwnFlag {
  readonly name: string;
  /** Another name for it. */
  readonly alias?: string;
  /** What stands for the value; empty for a flag that stands alone. */
  readonly placeholder: string;
  readonly help: string;
}

export interface OwnArguments {
  /** By the flag's name; a flag that stands alone is "true". What was not given is not there. */
  readonly values: Readonly<Record<string, string>>;
  /** What is no flag, in order. */
  readonly operands: readonly string[];
  /** The server's own flags. */
  readonly rest: readonly string[];
}

/** @throws {UsageError} if a value or an operand is missing, or if there are too many operands */
export function readOwnArguments(
  args: readonly string[],
  { flags, operands: names }: {
    readonly flags: readonly OwnFlag[];
    readonly operands: readonly string[];
  },
): OwnArguments {
  const values: Record<string, string> = {};
  const operands: string[] = [];
  const left = [...args];
  for (; operands.length < names.length; operands.push(left.shift() ?? "")) {
    if (left[0] === undefined || left[0].startsWith("-")) break;
  }
  const rest: string[] = [];
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(arg);
    const flag = flags.find(({ name, alias = name }) => [name, alias].includes(match?.[1] ?? ""));
    if (flag === undefined) {
      rest.push(arg);
      continue;
    }
    const value = match?.[2] ?? (flag.placeholder === "" ? "true" : left.shift());
    if (value === undefined || value === "") throw new UsageError(`--${flag.name} needs a value`);
    values[flag.name] = value;
  }
  // Those that are in brackets may be missing.
  const missing = names[operands.length];
  const wantsHelp = rest.includes("--help") || rest.includes("-h");
  if (missing !== undefined && !missing.startsWith("[") && !wantsHelp) {
    throw new UsageError(`${missing} is missing`);
  }
  return { values, operands, rest };
}
