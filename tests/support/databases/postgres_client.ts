/** Asks a PostgreSQL server with `psql`. */

import { setTimeout } from "node:timers/promises";
import { runCommand } from "./client_command.ts";
import { executable } from "./executables.ts";
import { databaseName, type TestDatabase, withDatabase } from "./test_database.ts";

const DROP_ATTEMPTS_MAX = 50;
const DROP_PAUSE_MS = 200;

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
    drop: () => dropPostgresDatabase(serverUrl, name),
  };
}

/** FORCE ends connections of servers that a test left behind. An autovacuum is not ours to end: it is waited for. */
export async function dropPostgresDatabase(serverUrl: string, name: string): Promise<void> {
  for (let attempt = 1;; attempt++) { // Ends when it is gone, or after DROP_ATTEMPTS_MAX.
    try {
      await queryPostgres(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      return;
    } catch (error) {
      if (attempt === DROP_ATTEMPTS_MAX) throw error;
      await setTimeout(DROP_PAUSE_MS);
    }
  }
}
