/** The servers that are compared, and how each is started: every one with an fsync per commit. */

import { fileURLToPath } from "node:url";
import project from "../deno.json" with { type: "json" };
import { ORACLE_VERSION, oracleTools } from "../tests/support/oracle.ts";
import { buildProgram, requiredVersion } from "./go_build.ts";

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
  readonly launch: (place: Place) => Launch;
}

/**
 * Makes a server ready to be started, building it if need be.
 *
 * @throws {Error} if it cannot be built here.
 */
export function prepareServer(name: ServerName): Promise<Contender> {
  switch (name) {
    case "rhino":
      return Promise.resolve(prepareRhino());
    case "etcd":
      return prepareEtcd();
    case "kine":
      return prepareKine();
  }
}

function prepareRhino(): Contender {
  const start = startCommand();
  return {
    name: "rhino",
    description: `Rhino ${project.version}, as \`deno task start\` runs it, on SQLite: ` +
      "an fsync per group of commits",
    launch: ({ dir, port }) => ({
      command: start.command,
      args: [
        ...start.args,
        `--listen-address=127.0.0.1:${port}`,
        `--endpoint=sqlite://${dir}/state.db`,
      ],
    }),
  };
}

/** The task `start` of deno.json with paths that hold from anywhere. */
export function startCommand(): Launch {
  const [program, verb, ...rest] = project.tasks.start.command.split(" ");
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

/**
 * kine's own default but for `_synchronous`: that is NORMAL there, which syncs only now and then
 * and may lose the newest commits with the machine.
 */
const KINE_PARAMETERS = "_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL" +
  "&_txlock=immediate&_stmt_cache_size=20&cache=shared";

async function prepareKine(): Promise<Contender> {
  const version = await requiredVersion("kine", "github.com/k3s-io/kine");
  const kine = await buildProgram({
    module: "kine",
    packageName: "github.com/k3s-io/kine",
    executable: `kine-${version}`,
    needsC: true,
  });
  return {
    name: "kine",
    description: `kine ${version} on SQLite with \`_synchronous=FULL\` in place of its default ` +
      "NORMAL: an fsync per commit",
    launch: ({ dir, port }) => ({
      command: kine,
      args: [
        `--listen-address=127.0.0.1:${port}`,
        `--endpoint=sqlite://${dir}/state.db?${KINE_PARAMETERS}`,
        "--metrics-bind-address=0",
      ],
    }),
  };
}
