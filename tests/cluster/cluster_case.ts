/** `clusterTest`: one fact about several servers on one database, checked on each kind of database. */

import type { Installable } from "../support/databases/installed.ts";
import {
  DATABASE_KINDS,
  type DatabaseKind,
  query,
  sharedDatabase,
  whyNotInstalled,
  whyNotShared,
} from "./database_kinds.ts";
import { Servers } from "./servers.ts";

export interface ClusterTestOptions {
  /** Servers at the start: 3 unless told otherwise. */
  readonly count?: number;
  /** Servers and a database of the test's own: where it kills some, or begins with an empty store. */
  readonly fresh?: boolean;
  /** More flags; only with `fresh`. */
  readonly flags?: readonly string[];
}

export interface ClusterTestContext {
  readonly kind: DatabaseKind;
  readonly servers: Servers;
  readonly databaseUrl: string;
  /** A key that no other test of the file uses; those of a test begin alike. */
  key(name: string): string;
  /** Asks the database itself. */
  query(sql: string): Promise<string>;
}

type Run = (context: ClusterTestContext) => Promise<void>;

interface Cluster extends AsyncDisposable {
  readonly servers: Servers;
  readonly databaseUrl: string;
}

const COUNT = 3;
const shared = new Map<DatabaseKind, Promise<Cluster>>();
let testsRegistered = 0;

Deno.test.afterAll(async () => {
  const clusters = await Promise.allSettled(shared.values());
  shared.clear();
  for (const cluster of clusters) {
    if (cluster.status === "fulfilled") await cluster.value[Symbol.asyncDispose]();
  }
});

/** Registers a test for each kind of database. */
export function clusterTest(fact: string, options: ClusterTestOptions, run: Run): void {
  const prefix = `t${++testsRegistered}/`;
  for (const kind of DATABASE_KINDS) {
    registerTest(`Cluster on ${kind}: ${fact}`, whyNotShared(kind), async () => {
      const key = (name: string) => prefix + name;
      if (!options.fresh) {
        return await runOn(kind, { cluster: await sharedCluster(kind), key, run });
      }
      await using cluster = await startCluster(kind, options);
      await runOn(kind, { cluster, key, run });
    });
  }
}

/** Registers a test that starts database servers itself. */
export function ownDatabaseTest(
  name: string,
  { needs }: { readonly needs: readonly Installable[] },
  run: () => Promise<void>,
): void {
  registerTest(name, whyNotInstalled(needs), run);
}

function registerTest(name: string, whyNot: string | undefined, fn: () => Promise<void>): void {
  Deno.test({
    name: whyNot === undefined ? name : `${name} (ignored: ${whyNot})`,
    ignore: whyNot !== undefined,
    // Servers that tests share live longer than one of them.
    sanitizeOps: false,
    sanitizeResources: false,
    fn,
  });
}

async function runOn(
  kind: DatabaseKind,
  { cluster, key, run }: {
    readonly cluster: Cluster;
    readonly key: (name: string) => string;
    readonly run: Run;
  },
): Promise<void> {
  const { servers, databaseUrl } = cluster;
  await servers.explain(() => {
    return run({ kind, servers, databaseUrl, key, query: (sql) => query(kind, databaseUrl, sql) });
  });
}

function sharedCluster(kind: DatabaseKind): Promise<Cluster> {
  let cluster = shared.get(kind);
  if (cluster === undefined) {
    cluster = startCluster(kind, {});
    shared.set(kind, cluster);
  }
  return cluster;
}

async function startCluster(
  kind: DatabaseKind,
  { count = COUNT, flags = [] }: Omit<ClusterTestOptions, "fresh">,
): Promise<Cluster> {
  const database = await sharedDatabase(kind);
  try {
    const urls = Array.from({ length: count }, () => database.url);
    const servers = await Servers.start({ kind, urls, flags });
    return {
      servers,
      databaseUrl: database.url,
      async [Symbol.asyncDispose]() {
        await servers[Symbol.asyncDispose]();
        await database.drop();
      },
    };
  } catch (error) {
    await database.drop();
    throw error;
  }
}
