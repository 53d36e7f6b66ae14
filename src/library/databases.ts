/** Where the data lives, database by database, with the defaults that kine and the Rust Rhino have. */

import { DEFAULT_CONFIG } from "../config.ts";
import type { RhinoOptions } from "./options.ts";

/** What a database is told; a part of the options of a server. */
export interface DatabaseConfig {
  /** Where it is; an `endpoint` by the name that databases have for it. */
  readonly dsn?: string | undefined;
  /** Milliseconds between automatic compactions; 0 turns them off. Default: 300 000. */
  readonly compactIntervalMs?: number | undefined;
  /** Newest revisions that an automatic compaction keeps. Default: 1000. */
  readonly compactMinRetain?: number | undefined;
  /** Rows that one step of trimming looks at. Default: 1000. */
  readonly compactBatchSize?: number | undefined;
  /** Connections to the database server, all together. SQLite has none. Default: 5. */
  readonly maxConnections?: number | undefined;
}

/** The stores that are taken where none is named. */
export const DEFAULT_DSN = {
  sqlite: DEFAULT_CONFIG.endpoint,
  postgres: "postgres://postgres:postgres@localhost/kubernetes",
  mysql: "mysql://root@localhost/kubernetes",
} as const;

/**
 * Options for data in a SQLite file, which is made with its folder if it is missing.
 *
 * ```ts
 * import { RhinoServer, sqlite } from "@rhino/rhino";
 *
 * await using server = await RhinoServer.start(sqlite({ dsn: "./db/state.db", compactIntervalMs: 60_000 }));
 * ```
 */
export function sqlite(config: DatabaseConfig = {}): RhinoOptions {
  return withDsn(config, DEFAULT_DSN.sqlite);
}

/**
 * Options for data in a PostgreSQL database, which servers may share.
 *
 * ```ts ignore
 * await using server = await RhinoServer.start(postgres({ dsn: "postgres://rhino@db.internal/rhino" }));
 * ```
 */
export function postgres(config: DatabaseConfig = {}): RhinoOptions {
  return withDsn(config, DEFAULT_DSN.postgres);
}

/**
 * Options for data in a MySQL or MariaDB database, which servers may share.
 *
 * ```ts ignore
 * await using server = await RhinoServer.start(mysql({ dsn: "mysql://rhino@db.internal/rhino" }));
 * ```
 */
export function mysql(config: DatabaseConfig = {}): RhinoOptions {
  return withDsn(config, DEFAULT_DSN.mysql);
}

function withDsn({ dsn, ...rest }: DatabaseConfig, dsnOfNone: string): RhinoOptions {
  return { ...rest, endpoint: dsn ?? dsnOfNone };
}
