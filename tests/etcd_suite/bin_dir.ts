/**
 * A folder with `etcd`, `etcdctl` and `etcdutl`, as etcd's own tests want it. Its `etcd` is etcd itself, or a script that
 * becomes Rhino with the same flags.
 */

import { buildKine } from "../../bench/go_build.ts";
import { kineEndpoint } from "../../bench/kine_endpoint.ts";
import { executable } from "../support/databases/executables.ts";
import { dropPostgresDatabase, queryPostgres } from "../support/databases/postgres_client.ts";
import { POSTGRES_VARIABLE } from "../support/databases/shared_database.ts";
import { oracleTools } from "../support/oracle.ts";
import { denoArgs } from "../support/rhino_command.ts";
import type { TargetName } from "../support/targets.ts";

/** kine can be measured by the same tests; it is made for Kubernetes' requests, and most of them fail there. */
export type SuiteTarget = TargetName | "kine";

/** By this variable a server is known as one that the script became. */
const MARK = "RHINO_TEST_BIN_DIR";

export interface BinDir extends AsyncDisposable {
  readonly path: string;
}

/** How the script of a target finds the data: shell text that adds to the arguments, and what is to be undone. */
interface Storage {
  readonly script: string;
  readonly undo?: () => Promise<void>;
}

const STORAGES: { readonly [target in TargetName]?: () => Storage } = {
  sqlite: fileStorage,
  postgres: postgresStorage,
};

/**
 * Makes the folder; disposing of it ends the servers that a test left behind.
 *
 * @throws {RangeError} if the suite cannot run on the target
 */
export async function makeBinDir(target: SuiteTarget): Promise<BinDir> {
  const tools = await oracleTools();
  const path = await Deno.makeTempDir({ prefix: "rhino-suite-" });
  await Deno.symlink(tools.etcdctl, `${path}/etcdctl`);
  await Deno.symlink(tools.etcdutl, `${path}/etcdutl`);
  await Deno.mkdir(`${path}/pids`);
  const { script, undo } = await serverOf(target, tools.etcd);
  const begin = `: >${quoted(path)}/pids/$$\nexport ${MARK}=${quoted(path)}`;
  await Deno.writeTextFile(`${path}/etcd`, `#!/bin/sh\n${begin}\n${script}\n`, { mode: 0o755 });
  return {
    path,
    async [Symbol.asyncDispose]() {
      endLeftovers(path);
      await undo?.();
      await Deno.remove(path, { recursive: true });
    },
  };
}

/** What the script does to become the target's server. */
async function serverOf(target: SuiteTarget, etcd: string): Promise<Storage> {
  if (target === "etcd") return { script: `exec ${quoted(etcd)} "$@"` };
  if (target === "kine") return { script: startKine((await buildKine()).path) };
  const { script, ...rest } = storageOf(target);
  return { script: `${script}\n${startRhino()}`, ...rest };
}

/** kine on SQLite, in plain text, with etcd's line when its port is open. */
function startKine(path: string): string {
  const { script: oneServer } = fileStorage();
  return `${oneServer}
for flag; do
  case $flag in --listen-client-urls=*) address=\${flag#*://} ;; esac
done
if [ -n "$version" ]; then echo "etcd Version: 3.7.1"; exit; fi
mkdir -p "$dir"
(
  for try in $(seq 200); do
    if bash -c "exec 3<>/dev/tcp/127.0.0.1/\${address##*:}" 2>/dev/null; then
      echo "ready to serve client requests" >&2
      exit
    fi
    sleep 0.1
  done
) &
exec ${quoted(path)} --listen-address="$address" --metrics-bind-address=0 --endpoint="${
    kineEndpoint({ dir: "$dir" })
  }"`;
}

function storageOf(target: TargetName): Storage {
  const storage = STORAGES[target];
  if (storage !== undefined) return storage();
  throw new RangeError(
    `Cannot run etcd's own tests on "${target}": known are etcd, ${
      Object.keys(STORAGES).join(", ")
    }`,
  );
}

/** The tests hand on no variables but PATH and etcd's, so all is written into the script. */
function startRhino(): string {
  const denoDir = Deno.env.get("DENO_DIR");
  const home = Deno.env.get("HOME") ?? "/";
  const deno = [Deno.execPath(), ...denoArgs()];
  return [
    `export HOME=${quoted(home)}`,
    ...denoDir === undefined ? [] : [`export DENO_DIR=${quoted(denoDir)}`],
    `exec ${deno.map(quoted).join(" ")} "$@"`,
  ].join("\n");
}

/** Sets `dir` to the data's folder, and `several` if the server is to be one of several. */
const READ_FLAGS = `
for flag; do
  case $flag in
    --data-dir=*) dir=\${flag#*=} ;;
    --initial-cluster=*,*) several=yes ;;
    --version) version=yes ;;
  esac
done`;

/** A file in the data directory. Several servers cannot share one, and three stores are no cluster. */
function fileStorage(): Storage {
  return {
    script: `${READ_FLAGS}
if [ -n "$several" ]; then
  echo "A SQLite file has one server: this cluster cannot be" >&2
  exit 1
fi`,
  };
}

/** A database for each cluster: servers of one share it. Whoever comes first makes it. */
function postgresStorage(): Storage {
  const url = Deno.env.get(POSTGRES_VARIABLE);
  if (!url) {
    throw new Error(`Cannot run etcd's own tests on PostgreSQL: ${POSTGRES_VARIABLE} is not set`);
  }
  const prefix = `suite_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}_`;
  const urlOf = new URL(url);
  urlOf.pathname = "/DATABASE";
  return {
    script: `${READ_FLAGS}
if [ -z "$version" ]; then
  [ -z "$several" ] || dir=$(dirname "$dir")
  name=${prefix}$(printf %s "$dir" | cksum | cut -d' ' -f1)
  # Fails if it is there already, of another member or from before a restart.
  ${quoted(executable("psql"))} --no-psqlrc --quiet --dbname=${quoted(url)} \\
    --command="CREATE DATABASE $name TEMPLATE template0" 2>/dev/null
  set -- "$@" "--endpoint=$(printf %s ${quoted(urlOf.href)} | sed "s/DATABASE/$name/")"
fi`,
    undo: () => dropDatabases(url, prefix),
  };
}

async function dropDatabases(url: string, prefix: string): Promise<void> {
  const found = await queryPostgres(
    url,
    `SELECT datname FROM pg_database WHERE starts_with(datname, '${prefix}')`,
  );
  for (const name of found.split("\n").filter((line) => line !== "")) {
    await dropPostgresDatabase(url, name);
  }
}

/** Ends what the folder's script became, as far as it still runs: each wrote its number down. */
function endLeftovers(path: string): void {
  for (const { name } of Deno.readDirSync(`${path}/pids`)) {
    const pid = Number(name);
    if (isOurs(pid, path)) Deno.kill(pid, "SIGKILL");
  }
}

/** A number may have gone to another process meanwhile. */
function isOurs(pid: number, path: string): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/environ`).includes(`${MARK}=${path}\0`);
  } catch {
    return false; // It has ended.
  }
}

/** As one word of the shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
