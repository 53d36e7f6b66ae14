/** From the environment to values: `RHINO_…`, etcd's `ETCD_…` and kine's `KINE_…`. */

import { findFlag, flagNames, isKinesOwn } from "./flags.ts";
import type { Dialect } from "./flags/flag.ts";
import type { Given } from "./given.ts";

export interface Environment {
  /** What overrides the others comes last. */
  readonly given: readonly Given[];
  /** Whether it was made for kine. */
  readonly isKine: boolean;
  /** Names that look like ours but are not; worth a warning. */
  readonly unknown: readonly string[];
}

/** Each prefix, and whose names follow it; later ones override. */
const PREFIXES: readonly (readonly [prefix: string, dialects: readonly Dialect[]])[] = [
  ["KINE_", ["kine"]],
  ["ETCD_", ["etcd"]],
  ["RHINO_", ["rhino", "etcd", "kine"]],
];

/** Set by tests and tools of this repository rather than by operators; the last is etcd's, and allows machines that it does not know. */
const FOREIGN_VARIABLES =
  /^(?:RHINO_(?:TEST_|BENCH_|CRASH_|SEED$|RUNS$|UPDATES$|POSTGRES_DSN$|MYSQL_DSN$)|ETCD_UNSUPPORTED_ARCH$)/;

/** The part of `Deno.env` that is used. */
type Variables = Pick<typeof Deno.env, "get" | "toObject">;

/** All variables that this process may see; of those that it must be given by name, the ones that it knows. */
export function readVariables(variables: Variables): Record<string, string> {
  try {
    return variables.toObject();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    const known = knownVariables().map((name) => [name, readVariable(name, variables)] as const);
    return Object.fromEntries(known.filter(([, text]) => text !== ""));
  }
}

function knownVariables(): string[] {
  return PREFIXES.flatMap(([prefix, dialects]) =>
    dialects.flatMap((dialect) =>
      flagNames(dialect).map((name) => prefix + name.toUpperCase().replaceAll("-", "_"))
    )
  );
}

function readVariable(name: string, variables: Variables): string {
  try {
    return variables.get(name) ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return "";
    throw error;
  }
}

/** An empty variable counts as not set. */
export function readEnvironment(env: Readonly<Record<string, string>>): Environment {
  const given: Given[] = [];
  const unknown: string[] = [];
  let isKine = false;
  for (const [prefix, dialects] of PREFIXES) {
    for (const variable of Object.keys(env).filter((one) => one.startsWith(prefix)).sort()) {
      const name = variable.slice(prefix.length).toLowerCase().replaceAll("_", "-");
      const text = env[variable] ?? "";
      const found = findFlag(name, dialects);
      if (found === undefined) {
        if (!FOREIGN_VARIABLES.test(variable)) unknown.push(variable);
      } else if (text !== "") {
        given.push({ found, name, text, origin: variable });
        isKine ||= prefix === "KINE_" && isKinesOwn(name);
      }
    }
  }
  return { given, isKine, unknown: unknown.sort() };
}
