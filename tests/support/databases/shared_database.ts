/**
 * Databases for tests, on servers that one run shares. `tests/with_databases.ts` starts these servers and tells where
 * they are; a server that runs anyway does as well.
 */

import { createMariadbDatabase } from "./mariadb_client.ts";
import { createPostgresDatabase } from "./postgres_client.ts";
import type { TestDatabase } from "./test_database.ts";

/** URLs of the servers, with a user who may make databases. */
export const POSTGRES_VARIABLE = "RHINO_POSTGRES_DSN";
export const MYSQL_VARIABLE = "RHINO_MYSQL_DSN";

/** Makes an empty PostgreSQL database; whoever asks for it drops it. */
export async function postgresDatabase(): Promise<TestDatabase> {
  return await createPostgresDatabase(serverUrl(POSTGRES_VARIABLE));
}

/** Makes an empty MariaDB or MySQL database; whoever asks for it drops it. */
export async function mysqlDatabase(): Promise<TestDatabase> {
  return await createMariadbDatabase(serverUrl(MYSQL_VARIABLE));
}

/**
 * Why tests that need PostgreSQL cannot run here, or undefined if they can. In CI they always can: there a missing
 * server has to fail the run, not to thin it out.
 */
export function whyNoPostgres(): string | undefined {
  return whyNot(POSTGRES_VARIABLE);
}

/** The same for MariaDB and MySQL. */
export function whyNoMysql(): string | undefined {
  return whyNot(MYSQL_VARIABLE);
}

function whyNot(variable: string): string | undefined {
  if (Deno.env.get("CI") === "true" || addressIn(variable) !== undefined) return undefined;
  return `needs a database server: ${variable} is not set, "deno task test" sets it`;
}

function serverUrl(variable: string): string {
  const url = addressIn(variable);
  if (url !== undefined) return url;
  throw new Error(
    `Cannot make a database: ${variable} is not set. Put "deno run -A tests/with_databases.ts" before the command, ` +
      "or set it to the URL of a server that runs",
  );
}

function addressIn(variable: string): string | undefined {
  const url = Deno.env.get(variable);
  return url === "" ? undefined : url;
}
