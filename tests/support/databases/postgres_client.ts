/** Asks a PostgreSQL server with `psql`. */

import { runCommand } from "./client_command.ts";
import { executable } from "./executables.ts";
import { databaseName, type TestDatabase, withDatabase } from "./test_database.ts";

/** What psql prints: a line a row, its columns separated by `|`. Several statements are one transaction. */
export async function queryPostgres(url: string, sql: string): Promise<string> {
  const output = await runCommand(executable("psql"), {
    args: [
      "--no-psqlrc",
      "--quiet",
      "--no-align",
      "--tuples-only",
      "--set=ON_ERROR_STOP=1",
      `--dbname=${url}`,
      `--command=${sql}`,
    ],
  });
  return output.trimEnd();
}

/**
 * Makes an empty database on the server that the URL leads to. A schema would be made faster, but advisory locks and
 * notifications are the database's, so two stores in one would get into each other's way.
 */
export async function createPostgresDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = databaseName();
  // Not template1: what somebody put there for all new databases is not ours.
  await queryPostgres(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
  return {
    url: withDatabase(serverUrl, name),
    drop: async () => {
      // FORCE ends connections of servers that a test left behind.
      await queryPostgres(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}
