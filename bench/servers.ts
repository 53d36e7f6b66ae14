/** The servers that are compared, and how each is started: every one with an fsync per commit. */

import { fileURLToPath } from "node:url";
import project from "../deno.json" with { type: "json" };
import { DEFAULT_CONFIG } from "../src/config.ts";
import { ORACLE_VERSION, oracleTools } from "../tests/support/oracle.ts";
import { buildKine } from "./go_build.ts";
import { kineEndpoint } from "./kine_endpoint.ts";
import { STORE_TITLES, type StoreName } from "./stores.ts";

const REPOSITORY = fileURLToPath(new URL("../", import.meta.url));

export const SERVER_NAMES = ["rhino", "etcd", "kine"] as const;

export type ServerName = typeof SERVER_NAMES[number];

export function isServerName(name: string): name is ServerName {
  return (SERVER_NAMES as readonly string[]).includes(name);
}

/** Where one run of a server keeps its data and listens. */
export interface Place {
  readonly dir: string;
  readonly port: number;
  /** A database of its own, for those that keep their data in a database server. */
  readonly databaseUrl?: string | undefined;
  /** More flags, for Rhino only. */
  readonly flags?: readonly string[] | undefined;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

/** A server that can be started here. */
export interface Contender {
  readonly name: ServerName;
  /** Its version and how it keeps data, for the report. */
  readonly description: string;
  /** Whether it keeps its data in the store that is measured; etcd has its own. */
  readonly usesStore: boolean;
  readonly launch: (place: Place) => Launch;
}

/** Rhino's default number of connections to a database server. */
const CONNECTIONS = DEFAULT_CONFIG.maxConnections;

export interface Setting {
  readonly store: StoreName;
  /** kine's connections to a database server; 0 for its own default, which is no limit. */
  readonly kineConnections: number;
}

/**
 * Makes a server ready to be started, building it if need be.
 *
 * @throws {Error} if it cannot be built here.
 */
export function prepareServer(name: ServerName, setting: Setting): Promise<Contender> {
  switch (name) {
    case "rhino":
      return Promise.resolve(prepareRhino(setting.store));
    case "etcd":
      return prepareEtcd();
    case "kine":
      return prepareKine(setting);
  }
}

export function prepareRhino(store: StoreName): Contender {
  const start = startCommand();
  const connections = store === "sqlite" ? "" : ` with ${CONNECTIONS} connections, its default`;
  return {
    name: "rhino",
    description: `Rhino ${project.version}, as \`deno task start\` runs it, on ` +
      `${STORE_TITLES[store]}${connections}: an fsync per group of commits`,
    usesStore: true,
    launch: ({ dir, port, databaseUrl, flags = [] }) => ({
      command: start.command,
      args: [
        ...start.args,
        `--listen-address=127.0.0.1:${port}`,
        `--endpoint=${databaseUrl ?? `sqlite://${dir}/state.db`}`,
        ...flags,
      ],
    }),
  };
}

/** What the task `start` of deno.json runs in the end, with paths that hold from anywhere. */
export function startCommand(): Launch {
  const command = project.tasks.start.command.split(" && ").at(-1) ?? "";
  // The task's own copy of the lock file is for modules of somebody else.
  const [program, verb, ...rest] = command.split(" ").filter((word) => !word.startsWith("--lock="));
  const main = rest.pop();
  if (program !== "deno" || verb !== "run" || main === undefined) {
    throw new Error(`Cannot start Rhino: the task is not "deno run … MAIN"`);
  }
  return {
    command: Deno.execPath(),
    args: [verb, `--config=${REPOSITORY}deno.json`, ...rest, `${REPOSITORY}${main}`],
  };
}

async function prepareEtcd(): Promise<Contender> {
  const { etcd } = await oracleTools();
  return {
    name: "etcd",
    description: `etcd ${ORACLE_VERSION}, one member: an fsync per group of commits`,
    usesStore: false,
    launch: ({ dir, port }) => {
      const clientUrl = `http://127.0.0.1:${port}`;
      // Any free port does: a single member calls no peer.
      const peerUrl = "http://127.0.0.1:0";
      return {
        command: etcd,
        args: [
          `--data-dir=${dir}`,
          `--listen-client-urls=${clientUrl}`,
          `--advertise-client-urls=${clientUrl}`,
          `--listen-peer-urls=${peerUrl}`,
          `--initial-advertise-peer-urls=${peerUrl}`,
          `--initial-cluster=default=${peerUrl}`,
        ],
      };
    },
  };
}

async function prepareKine({ store, kineConnections }: Setting): Promise<Contender> {
  const { path: kine, version } = await buildKine();
  return {
    name: "kine",
    description: `kine ${version} on ${STORE_TITLES[store]} ` +
      `${kineManner(store, kineConnections)}: an fsync per commit`,
    usesStore: true,
    launch: ({ dir, port, databaseUrl }) => ({
      command: kine,
      args: [
        `--listen-address=127.0.0.1:${port}`,
        `--endpoint=${kineEndpoint({ dir, databaseUrl })}`,
        "--metrics-bind-address=0",
        ...(databaseUrl === undefined || kineConnections === 0
          ? []
          : [`--datastore-max-open-connections=${kineConnections}`]),
      ],
    }),
  };
}

function kineManner(store: StoreName, connections: number): string {
  if (store === "sqlite") return "with `_synchronous=FULL` in place of its default NORMAL";
  if (connections === 0) return "with its default of connections, which is no limit and keeps 20";
  return `with ${connections} connections in place of its default, which is no limit`;
}
