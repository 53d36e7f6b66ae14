/**
 * Every flag, in one table. From it come the parsing, `--help`, the environment variables and docs/configuration.md.
 */

import { AUTH } from "./flags/auth.ts";
import { COMPACTION } from "./flags/compaction.ts";
import { type Dialect, type Flag, type FlagTable, type Settings, TRUTH } from "./flags/flag.ts";
import { HTTP } from "./flags/http.ts";
import { LIMITS } from "./flags/limits.ts";
import { LISTENING } from "./flags/listening.ts";
import { LOGGING } from "./flags/logging.ts";
import { STORAGE } from "./flags/storage.ts";
import { TLS } from "./flags/tls.ts";
import { IGNORED, type IgnoredFlag } from "./ignored.ts";

const TABLE: FlagTable = {
  ...STORAGE,
  ...LISTENING,
  ...COMPACTION,
  ...LIMITS,
  ...TLS,
  ...AUTH,
  ...HTTP,
  ...LOGGING,
};

/** In the order of `--help`. */
export const FLAGS: readonly Flag[] = Object.entries(TABLE).map(([key, flag]) => // `Object.entries` gives up the key's type; the table's type has checked it.
({ ...flag, key: key as keyof Settings }));

/** Flags that ask for something else than serving. They have no environment variable. */
export const SWITCHES = [
  { name: "help", help: "Print this and exit." },
  {
    name: "version",
    help: "Print the versions of the etcd that Rhino answers as, and of Rhino, and exit.",
  },
  {
    name: "print-schema",
    help:
      "Print the SQL that makes the tables in the database server of `--endpoint`, and exit. Nothing is connected to.",
  },
] as const;

/** What a name means to somebody. */
export type NamedFlag =
  | { readonly flag: Flag; readonly isTruth: boolean; readonly parse: Flag["parse"] }
  | { readonly ignored: IgnoredFlag; readonly isTruth: boolean };

const BY_NAME: Readonly<Record<Dialect, ReadonlyMap<string, NamedFlag>>> = {
  rhino: namesOf("rhino"),
  etcd: namesOf("etcd"),
  kine: namesOf("kine"),
};

/** The flag of the name, as the first of the dialects has it that knows it. */
export function findFlag(name: string, dialects: readonly Dialect[]): NamedFlag | undefined {
  for (const dialect of dialects) {
    const found = BY_NAME[dialect].get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every name that somebody has for a flag, those without effect included. */
export function flagNames(dialect: Dialect): string[] {
  return [...BY_NAME[dialect].keys()];
}

/** Names of kine that Rhino has as its own. */
const SHARED_WITH_KINE: ReadonlySet<string> = new Set([
  "listen-address",
  "endpoint",
  "emulated-etcd-version",
  "compact-interval",
  "compact-min-retain",
  "compact-batch-size",
]);

/** Names that only kine has: beside one of them, names mean what they mean to kine. */
export function isKinesOwn(name: string): boolean {
  return BY_NAME.kine.has(name) && !BY_NAME.etcd.has(name) && !SHARED_WITH_KINE.has(name);
}

function namesOf(dialect: Dialect): Map<string, NamedFlag> {
  const names = new Map<string, NamedFlag>();
  for (const flag of FLAGS) {
    const isTruth = isSwitchable(flag);
    if (dialect === "rhino" || flag.of?.includes(dialect)) {
      names.set(flag.name, { flag, isTruth, parse: flag.parse });
    }
    for (const alias of (flag.also ?? []).filter(({ of }) => of.includes(dialect))) {
      names.set(alias.name, { flag, isTruth, parse: alias.parse ?? flag.parse });
    }
  }
  for (const ignored of IGNORED.filter(({ of }) => of === dialect)) {
    names.set(ignored.name, { ignored, isTruth: ignored.isTruth });
  }
  return names;
}

/** Whether the flag may stand alone. */
export function isSwitchable({ placeholder }: Pick<Flag, "placeholder">): boolean {
  return placeholder === TRUTH;
}

/** `compact-interval` → `RHINO_COMPACT_INTERVAL`. */
export function variableOf(flag: Pick<Flag, "name">): string {
  return "RHINO_" + flag.name.toUpperCase().replaceAll("-", "_");
}
