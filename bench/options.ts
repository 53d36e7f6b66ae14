/** The command line of the benchmark. */

import { parseArgs } from "node:util";
import { isServerName, SERVER_NAMES, type ServerName } from "./servers.ts";
import {
  FULL_GROWTH,
  FULL_SIZES,
  type GrowthSizes,
  QUICK_GROWTH,
  QUICK_SIZES,
  type Sizes,
} from "./sizes.ts";
import { isStoreName, STORE_NAMES, type StoreName } from "./stores.ts";

export interface Options {
  readonly store: StoreName;
  readonly rounds: number;
  readonly servers: readonly ServerName[];
  /** kine's connections to a database server; 0 for its own default. */
  readonly kineConnections: number;
  readonly sizes: Sizes;
  /** Whether the sizes are those that the bars are stated for. */
  readonly isFull: boolean;
  /** Of a run that looks at how the store grows; undefined for one that compares servers. */
  readonly growth: GrowthSizes | undefined;
  /** Whether bench/report.md is to be written. */
  readonly report: boolean;
  readonly help: boolean;
}

const DEFAULT_ROUNDS = 3;

/** etcd has a store of its own, which says nothing of a database server. */
const DEFAULT_SERVERS = {
  sqlite: "rhino,etcd,kine",
  postgres: "rhino,kine",
  mysql: "rhino,kine",
} as const satisfies Record<StoreName, string>;

/** @throws {TypeError | RangeError} that says what is wrong with which flag. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      growth: { type: "boolean", default: false },
      store: { type: "string", default: "sqlite" },
      rounds: { type: "string" },
      servers: { type: "string" },
      keys: { type: "string" },
      "kine-connections": { type: "string" },
      ...sizeFlags(),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  checkKind(values.growth, given);
  const store = readStore(values.store);
  const sizes = readSizes(values.quick ? QUICK_SIZES : FULL_SIZES, given);
  return {
    store,
    rounds: readCount("rounds", values.rounds) ?? (values.quick ? 1 : DEFAULT_ROUNDS),
    servers: readServers(values.servers ?? DEFAULT_SERVERS[store]),
    kineConnections: readCount("kine-connections", values["kine-connections"], 0) ?? 0,
    sizes,
    isFull: sizeNames().every((name) => sizes[name] === FULL_SIZES[name]),
    growth: values.growth
      ? readGrowth(values.quick ? QUICK_GROWTH : FULL_GROWTH, { given, clients: sizes.clients })
      : undefined,
    report: values.report,
    help: values.help,
  };
}

export function helpText(): string {
  const sizes = sizeNames().map((name) => `  --${flagName(name)} N (${FULL_SIZES[name]})`);
  return [
    "deno task bench [FLAGS]: Rhino, etcd and kine on the same work, as ratios",
    "",
    `  --store NAME (sqlite), one of ${STORE_NAMES.join(",")}: where they keep their data`,
    `  --rounds N (${DEFAULT_ROUNDS}; 1 with --quick)`,
    `  --servers NAMES (${DEFAULT_SERVERS.sqlite}; without etcd on a database server)`,
    "  --kine-connections N (0, its own default, which is no limit)",
    "  --quick   small sizes, some 20 s: shows that it works, and no more",
    "  --report  write the run's section of bench/report.md",
    ...sizes,
    "",
    "deno task bench --growth [FLAGS]: how the store grows while Rhino updates the same keys and compacts",
    "",
    `  --updates N (${FULL_GROWTH.updates})`,
    `  --keys N (${FULL_GROWTH.keys})`,
    "  --store, --quick, --report, --clients, --value-bytes as above",
    "",
  ].join("\n");
}

function checkKind(isGrowth: boolean, given: Readonly<Record<string, unknown>>): void {
  if (!isGrowth && given.keys !== undefined) {
    throw new TypeError("--keys is a flag of --growth only");
  }
  const foreign = ["servers", "rounds", "kine-connections"].find((flag) =>
    given[flag] !== undefined
  );
  if (isGrowth && foreign !== undefined) {
    throw new TypeError(`--${foreign} has no meaning with --growth: Rhino alone runs, once`);
  }
}

function readStore(text: string): StoreName {
  if (isStoreName(text)) return text;
  throw new RangeError(`--store must be one of ${STORE_NAMES.join(",")}: ${text}`);
}

function readGrowth(
  defaults: GrowthSizes,
  { given, clients }: {
    readonly given: Readonly<Record<string, unknown>>;
    readonly clients: number;
  },
): GrowthSizes {
  const keys = readCount("keys", given.keys) ?? defaults.keys;
  // Each client updates keys of its own.
  if (keys < clients) throw new RangeError(`--keys must be at least ${clients}: ${keys}`);
  return { keys, updates: readCount("updates", given.updates) ?? defaults.updates };
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

function readCount(flag: string, text: unknown, least = 1): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < least) {
    throw new RangeError(`--${flag} must be a whole number from ${least}: ${text}`);
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
