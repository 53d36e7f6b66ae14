/**
 * What the service tests can run against: Rhino on each of its backends, and etcd. A new backend
 * is one more line in `TARGETS`.
 */

import { basename } from "node:path";
import { mysqlDatabase, postgresDatabase } from "./databases/shared_database.ts";
import type { TestDatabase } from "./databases/test_database.ts";
import { freePort } from "./free_port.ts";
import { oracleTools } from "./oracle.ts";
import { denoArgs } from "./rhino_command.ts";

/** Where one run of a server keeps its things. */
export interface RunPlace {
  /** A directory of the run's own; the server's data outlives restarts in it. */
  readonly dir: string;
  /** The port the server had before it was restarted. */
  readonly port: number | undefined;
  /** The database to use instead of one of the run's own. */
  readonly databaseUrl: string | undefined;
}

/** How to start a server. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Where clients reach it, if it does not say so itself in its ready line. */
  readonly address?: string;
}

/** Finds out how to start a target; what it set up for that, a database say, it must also undo. */
type Target = (place: RunPlace, cleanup: AsyncDisposableStack) => Launch | Promise<Launch>;

const TARGETS = {
  etcd: launchEtcd,
  memory: rhinoOn(() => "memory://"),
  sqlite: rhinoOn(({ dir, databaseUrl }) => databaseUrl ?? `sqlite://${dir}/state.db`),
  postgres: rhinoOnDatabase(postgresDatabase),
  mysql: rhinoOnDatabase(mysqlDatabase),
} satisfies Record<string, Target>;

export type TargetName = keyof typeof TARGETS;

/** The targets of this run: RHINO_TEST_TARGETS, comma separated; SQLite if it is not set. */
export function testTargets(): TargetName[] {
  const names = (Deno.env.get("RHINO_TEST_TARGETS") ?? "sqlite").split(",");
  return names.map((name) => name.trim()).filter((name) => name !== "").map(targetName);
}

export function launchTarget(
  name: TargetName,
  options: { readonly place: RunPlace; readonly cleanup: AsyncDisposableStack },
): Launch | Promise<Launch> {
  return TARGETS[name](options.place, options.cleanup);
}

function targetName(name: string): TargetName {
  if (Object.hasOwn(TARGETS, name)) return name as TargetName; // A key of the table: just checked.
  const known = Object.keys(TARGETS).join(", ");
  throw new RangeError(
    `Cannot run tests against "${name}" (RHINO_TEST_TARGETS): known are ${known}`,
  );
}

/** Rhino, with the data at a URL. */
function rhinoOn(
  endpointUrl: (place: RunPlace, cleanup: AsyncDisposableStack) => string | Promise<string>,
): Target {
  return async (place, cleanup) => ({
    command: Deno.execPath(),
    args: denoArgs([
      "--listen-address",
      `127.0.0.1:${place.port ?? 0}`,
      "--endpoint",
      await endpointUrl(place, cleanup),
      "--log-format",
      "json",
    ]),
  });
}

/** By the directory of the run; a server that starts again in it finds its database. */
const databases = new Map<string, TestDatabase>();

/** Rhino, with the data in a database of its own. */
function rhinoOnDatabase(create: () => Promise<TestDatabase>): Target {
  const launch = rhinoOn(async ({ dir, databaseUrl }, cleanup) => {
    if (databaseUrl !== undefined) return databaseUrl;
    const known = databases.get(dir);
    if (known !== undefined) return known.url;
    const database = await create();
    databases.set(dir, database);
    cleanup.defer(async () => {
      databases.delete(dir);
      await database.drop();
    });
    return database.url;
  });
  return async (place, cleanup) => {
    const { command, args } = await launch(place, cleanup);
    // Servers of one database are told apart by their names, also by what is left of one that was killed.
    return { command, args: [...args, `--name=${basename(place.dir)}`] };
  };
}

async function launchEtcd(place: RunPlace): Promise<Launch> {
  const { etcd } = await oracleTools();
  const address = `127.0.0.1:${place.port ?? await freePort()}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  return {
    command: etcd,
    address,
    args: [
      "--data-dir",
      `${place.dir}/etcd`,
      "--listen-client-urls",
      `http://${address}`,
      "--advertise-client-urls",
      `http://${address}`,
      "--listen-peer-urls",
      peerUrl,
      "--initial-advertise-peer-urls",
      peerUrl,
      "--initial-cluster",
      `default=${peerUrl}`,
      // Tests kill processes, not machines: what the kernel was given is safe.
      "--unsafe-no-fsync",
    ],
  };
}
