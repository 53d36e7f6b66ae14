/** The command line of the benchmark. */

import { parseArgs } from "node:util";
import { isServerName, SERVER_NAMES, type ServerName } from "./servers.ts";
import { FULL_SIZES, QUICK_SIZES, type Sizes } from "./sizes.ts";

export interface Options {
  readonly rounds: number;
  readonly servers: readonly ServerName[];
  readonly sizes: Sizes;
  /** Whether the sizes are those that the bars are stated for. */
  readonly isFull: boolean;
  /** Whether bench/report.md is to be written. */
  readonly report: boolean;
  readonly help: boolean;
}

const DEFAULT_ROUNDS = 3;

/** @throws {TypeError | RangeError} that says what is wrong with which flag. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      rounds: { type: "string" },
      servers: { type: "string", default: SERVER_NAMES.join(",") },
      ...sizeFlags(),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  const sizes = readSizes(values.quick ? QUICK_SIZES : FULL_SIZES, given);
  return {
    rounds: readCount("rounds", values.rounds) ?? (values.quick ? 1 : DEFAULT_ROUNDS),
    servers: readServers(values.servers),
    sizes,
    isFull: sizeNames().every((name) => sizes[name] === FULL_SIZES[name]),
    report: values.report,
    help: values.help,
  };
}

export function helpText(): string {
  const sizes = sizeNames().map((name) => `  --${flagName(name)} N (${FULL_SIZES[name]})`);
  return [
    "deno task bench [FLAGS]: Rhino, etcd and kine on the same work, as ratios",
    "",
    `  --rounds N (${DEFAULT_ROUNDS}; 1 with --quick)`,
    `  --servers NAMES (${SERVER_NAMES.join(",")})`,
    "  --quick   small sizes, some 20 s: shows that it works, and no more",
    "  --report  write bench/report.md",
    ...sizes,
    "",
  ].join("\n");
}

function readSizes(defaults: Sizes, given: Readonly<Record<string, unknown>>): Sizes {
  const sizes: Record<keyof Sizes, number> = { ...defaults };
  for (const name of sizeNames()) {
    const flag = flagName(name);
    sizes[name] = readCount(flag, given[flag]) ?? sizes[name];
  }
  for (const name of ["creates", "memoryKeys"] as const) {
    const least = name === "creates" ? sizes.clients : sizes.listKeys;
    if (sizes[name] < least) {
      throw new RangeError(`--${flagName(name)} must be at least ${least}: ${sizes[name]}`);
    }
  }
  return sizes;
}

function readCount(flag: string, text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`--${flag} must be a whole number from 1: ${text}`);
  }
  return count;
}

function readServers(text: string): ServerName[] {
  const names = text.split(",");
  const unknown = names.find((name) => !isServerName(name));
  if (unknown !== undefined) {
    throw new RangeError(`--servers must be some of ${SERVER_NAMES.join(",")}: ${unknown}`);
  }
  return names.filter(isServerName);
}

function sizeFlags(): Record<string, { readonly type: "string" }> {
  return Object.fromEntries(sizeNames().map((name) => [flagName(name), { type: "string" }]));
}

function sizeNames(): (keyof Sizes)[] {
  return Object.keys(FULL_SIZES) as (keyof Sizes)[]; // A literal of that type, nothing else in it.
}

function flagName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
