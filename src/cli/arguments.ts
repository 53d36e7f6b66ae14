/** From arguments to values, as Go's flag package reads them: one dash or two, `=` or a space. */

import { findFlag, flagNames, isKinesOwn, SWITCHES } from "./flags.ts";
import type { Dialect } from "./flags/flag.ts";
import type { Given } from "./given.ts";
import { nearest } from "../nearest.ts";
import { UsageError } from "./usage_error.ts";

type SwitchName = typeof SWITCHES[number]["name"];

export interface Arguments {
  /** In the order of the command line. */
  readonly given: readonly Given[];
  readonly switches: ReadonlySet<SwitchName>;
}

const DIALECTS: readonly Dialect[] = ["rhino", "etcd", "kine"];
const KINES_DIALECTS: readonly Dialect[] = ["kine", "rhino", "etcd"];

/**
 * @param options.isKine the environment is one for kine; a flag that only kine has says so too
 * @throws {UsageError} with one line that names the wrong flag
 */
export function readArguments(
  args: readonly string[],
  options: { readonly isKine: boolean },
): Arguments {
  const { tokens, switches } = tokensOf(args);
  const isKine = options.isKine || tokens.some(({ name }) => isKinesOwn(name));
  const given = tokens.map(({ name, text, origin }) => {
    const found = findFlag(name, isKine ? KINES_DIALECTS : DIALECTS);
    if (found === undefined) throw new UsageError(unknownFlag(origin));
    return { found, name, text, origin };
  });
  return { given, switches };
}

type Token = Omit<Given, "found">;

function tokensOf(args: readonly string[]): { tokens: Token[]; switches: Set<SwitchName> } {
  const tokens: Token[] = [];
  const switches = new Set<SwitchName>();
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const match = /^(--?)([^=-][^=]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) throw new UsageError(`unexpected argument "${arg}"`);
    const [, dashes = "", rawName = "", inline] = match;
    const name = rawName === "h" && dashes === "-" ? "help" : rawName;
    const isSwitch = SWITCHES.find((one) => one.name === name);
    if (isSwitch !== undefined) {
      if (inline !== undefined) throw new UsageError(`--${name} takes no value`);
      switches.add(isSwitch.name);
      continue;
    }
    const origin = dashes + name;
    tokens.push({ name, origin, text: inline ?? followingValue(origin, { name, rest }) });
  }
  return { tokens, switches };
}

/** The value apart from its flag; takes it from the rest. */
function followingValue(
  origin: string,
  { name, rest }: { name: string; rest: string[] },
): string {
  const found = findFlag(name, DIALECTS);
  if (found === undefined) throw new UsageError(unknownFlag(origin));
  const [next] = rest;
  if (found.isTruth && next !== "true" && next !== "false") return "true";
  // A flag in the place of a value means that the value was forgotten.
  if (next === undefined || next.startsWith("--")) throw new UsageError(`${origin} needs a value`);
  rest.shift();
  return next;
}

function unknownFlag(origin: string): string {
  const names = [
    ...DIALECTS.flatMap((dialect) => flagNames(dialect)),
    ...SWITCHES.map(({ name }) => name),
  ];
  const suggestion = nearest(origin.replace(/^--?/, "--"), names.map((name) => `--${name}`));
  return suggestion === undefined
    ? `unknown flag ${origin}; --help lists all`
    : `unknown flag ${origin}; did you mean ${suggestion}?`;
}
