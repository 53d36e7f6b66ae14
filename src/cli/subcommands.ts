/** What Rhino does besides serving: the first argument names it. */

import type { Config } from "../config.ts";
import type { OwnArguments, OwnFlag } from "./own_arguments.ts";

export interface Subcommand {
  /** Names of what stands behind it, in order, before any flag; in brackets if it may be missing. */
  readonly operands: readonly string[];
  /** One sentence or two. */
  readonly help: string;
  /** Besides the server's. */
  readonly flags: readonly OwnFlag[];
}

/** Flags of those that may have to show a certificate. */
const CERTIFICATE_FLAGS = [
  { name: "cert", placeholder: "PATH", help: "Certificate to show to it." },
  { name: "key", placeholder: "PATH", help: "Its key." },
] as const;

/** Flags of those that ask a server. */
const SERVER_FLAGS = [
  {
    name: "endpoint",
    alias: "endpoints",
    placeholder: "URL",
    help: "Server to ask; without it, the one that the flags and variables describe.",
  },
  {
    name: "cacert",
    placeholder: "PATH",
    help: "Authority of its certificate, which otherwise is not checked.",
  },
  ...CERTIFICATE_FLAGS,
] as const;

export const SUBCOMMANDS = {
  conformance: {
    operands: ["ENDPOINT"],
    help:
      "Hold the backend of the endpoint to everything that Rhino expects of one, and print what became of each fact; end " +
      "with code 0 if all hold and 1 if not. Each fact gets a new store at the endpoint, which is removed behind it: the " +
      "endpoint must name a store that is not there yet, or that is empty, and nobody else may use it meanwhile.",
    flags: [
      { name: "filter", placeholder: "TEXT", help: "Only facts whose name has this in it." },
      {
        name: "seed",
        placeholder: "NUMBER",
        help:
          "Seed of the facts that roll dice, to see a failure again; without it, three are tried.",
      },
      { name: "fail-fast", placeholder: "", help: "End with the first fact that fails." },
      { name: "json", placeholder: "", help: "Print one JSON object in the end instead." },
    ],
  },
  health: {
    operands: [],
    help:
      "Ask the server that the flags and variables describe, or the one of `--endpoint URL`, for `/health`; print one line, " +
      "and end with code 0 if it is well and 1 if not. It is looked for in `--listen-metrics-urls` first, where no client " +
      "certificate is asked for.",
    flags: SERVER_FLAGS,
  },
  status: {
    operands: [],
    help:
      "Show in the terminal what a server does: revision, rates, latencies, compaction, watchers, members. In a terminal it " +
      "is shown anew every second until Ctrl+C; elsewhere, once. It asks where `rhino health` does, for `/metrics`.",
    flags: [
      ...SERVER_FLAGS,
      {
        name: "interval",
        placeholder: "DURATION",
        help: "Time over which rates and latencies are taken, 1s without it.",
      },
      { name: "once", placeholder: "", help: "Show it once, also in a terminal." },
    ],
  },
  permissions: {
    operands: [],
    help:
      "Print the flags with which `deno run` gives a server of these flags and variables what it needs of the machine, and " +
      "nothing else; one a line, quoted for a shell where that is needed. Nothing is connected to.",
    flags: [
      {
        name: "json",
        placeholder: "",
        help: "Print one list of strings, as images and other files have them.",
      },
    ],
  },
  migrate: {
    operands: ["FROM", "[TO]"],
    help:
      "Copy FROM into the new store TO (or the one of `--endpoint`), read it back, and print one line with what it holds. " +
      "FROM is a store of Rhino's, a snapshot of etcd (a file), the URL of a running etcd, or a database of kine's. " +
      "See docs/migrating.md.",
    flags: [
      {
        name: "source",
        placeholder: "KIND",
        help: "What FROM is: `rhino`, `etcd` or `kine`. Default: found out by looking at it.",
      },
      { name: "user", placeholder: "NAME:PASSWORD", help: "Who to log in as at a running etcd." },
      {
        name: "cacert",
        placeholder: "PATH",
        help: "Authority of its certificate; without it, the system's.",
      },
      ...CERTIFICATE_FLAGS,
    ],
  },
  check: {
    operands: ["[STORE]"],
    help:
      "Read all of STORE (or the store of `--endpoint`) and tell what in it does not hold, a line each; end with code 0 if " +
      "all does and 1 if not. On a shared database servers may run meanwhile. See docs/migrating.md.",
    flags: [],
  },
} as const satisfies Readonly<Record<string, Subcommand>>;

export type SubcommandName = keyof typeof SUBCOMMANDS;

/** A subcommand that was asked for. */
export interface SubcommandCall {
  readonly name: SubcommandName;
  readonly own: OwnArguments;
  /** What the server's flags and variables say. */
  readonly config: Config;
  /** Path of the config file that they name. */
  readonly configFile: string | undefined;
}

export function isSubcommand(name: string | undefined): name is SubcommandName {
  return name !== undefined && Object.hasOwn(SUBCOMMANDS, name);
}
