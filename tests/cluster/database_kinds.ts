/** The databases that several servers can share, and how a test gets one. */

import { type Installable, missingFor } from "../support/databases/installed.ts";
import { connectionTo, queryMariadb } from "../support/databases/mariadb_client.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";
import {
  mysqlDatabase,
  postgresDatabase,
  whyNoMysql,
  whyNoPostgres,
} from "../support/databases/shared_database.ts";
import type { TestDatabase } from "../support/databases/test_database.ts";

/** Named as the targets of the service tests are. */
export type DatabaseKind = "postgres" | "mysql";

export const DATABASE_KINDS: readonly DatabaseKind[] = ["postgres", "mysql"];

/** Makes an empty database on the server that the run shares. */
export function sharedDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === "postgres" ? postgresDatabase() : mysqlDatabase();
}

/** Why there is none; undefined if there is. */
export function whyNotShared(kind: DatabaseKind): string | undefined {
  return kind === "postgres" ? whyNoPostgres() : whyNoMysql();
}

/** Why a test that starts such servers itself cannot run here; undefined if it can. In CI it always can, or fails. */
export function whyNotInstalled(needs: readonly Installable[]): string | undefined {
  if (Deno.env.get("CI") === "true") return undefined;
  const missing = needs.map(missingFor).filter((text) => text !== undefined);
  return missing.length === 0 ? undefined : `needs ${missing.join(", ")}`;
}

/** Asks the database itself, as the user that Rhino is. */
export function query(kind: DatabaseKind, url: string, sql: string): Promise<string> {
  return kind === "postgres" ? queryPostgres(url, sql) : queryMariadb(connectionTo(url), sql);
}
