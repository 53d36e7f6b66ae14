/** The database server of a run: one for all that are compared, and a new database for each. */

import { statfsSync } from "node:fs";
import { MariadbServer } from "../tests/support/databases/mariadb_server.ts";
import { PostgresServer } from "../tests/support/databases/postgres_server.ts";
import type { TestDatabase } from "../tests/support/databases/test_database.ts";
import { STORE_TITLES, type StoreName } from "./stores.ts";

/** What PostgreSQL's and MariaDB's servers of the tests have in common. */
export interface DatabaseServer extends AsyncDisposable {
  readonly pid: number;
  createDatabase(): Promise<TestDatabase>;
  query(sql: string, options?: { readonly database?: string }): Promise<string>;
}

export interface DatabaseEngine extends AsyncDisposable {
  readonly store: Exclude<StoreName, "sqlite">;
  readonly server: DatabaseServer;
  /** Its version and settings, for the report. */
  readonly description: string;
}

/** statfs's number for tmpfs, of linux/magic.h. */
const TMPFS_TYPE = 0x01021994;

/**
 * The tests' servers with the databases' own defaults. More connections than by default are allowed, because kine opens
 * as many as it has requests.
 */
const POSTGRES_SETTINGS = { shared_buffers: "128MB", max_connections: "300" };
const MARIADB_SETTINGS = { "innodb-buffer-pool-size": "128M", "max-connections": "300" };

/** Starts a server that syncs each commit; undefined if the store needs none. */
export async function startEngine(store: StoreName): Promise<DatabaseEngine | undefined> {
  switch (store) {
    case "sqlite":
      return undefined;
    case "postgres":
      return await describe(store, {
        server: await PostgresServer.start({ settings: POSTGRES_SETTINGS }),
        settings: POSTGRES_SETTINGS,
        versionQuery: "SHOW server_version",
        dirQuery: "SHOW data_directory",
      });
    case "mysql":
      return await describe(store, {
        server: await MariadbServer.start({ settings: MARIADB_SETTINGS }),
        settings: MARIADB_SETTINGS,
        versionQuery: "SELECT version()",
        dirQuery: "SELECT @@datadir",
      });
  }
}

interface StartedServer {
  readonly server: DatabaseServer;
  readonly settings: Readonly<Record<string, string>>;
  readonly versionQuery: string;
  readonly dirQuery: string;
}

async function describe(
  store: DatabaseEngine["store"],
  { server, settings, versionQuery, dirQuery }: StartedServer,
): Promise<DatabaseEngine> {
  try {
    const version = await server.query(versionQuery);
    const { type } = statfsSync(await server.query(dirQuery));
    const settingsText = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
    const place = type === TMPFS_TYPE
      ? "; ITS FILES ARE IN MEMORY, where a sync costs nothing"
      : "";
    return {
      store,
      server,
      description: `${STORE_TITLES[store]} ${version}, one server for all, a database for each: ` +
        `every commit is synced, ${settingsText.join(", ")}${place}`,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
