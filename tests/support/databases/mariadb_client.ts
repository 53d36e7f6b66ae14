/** Asks a MariaDB or MySQL server with the client `mariadb`. */

import { runCommand } from "./client_command.ts";
import { executable } from "./executables.ts";
import { databaseName, type TestDatabase, withDatabase } from "./test_database.ts";

/** Of dropping a database that a connection left behind still has a lock on; the default is a day. */
const LOCK_WAIT_TIMEOUT_S = 30;

/** What the client prints: a line a row, its columns separated by tabs. */
export async function queryMariadb(
  connection: MariadbConnection,
  sql: string,
): Promise<string> {
  const output = await runCommand(executable("mariadb"), {
    args: [
      // Has to be the first.
      "--no-defaults",
      "--batch",
      "--raw",
      "--skip-column-names",
      ...connection.args,
      `--execute=${sql}`,
    ],
    env: { MYSQL_PWD: connection.password },
  });
  return output.trimEnd();
}

export interface MariadbConnection {
  readonly args: readonly string[];
  readonly password: string;
}

/** How the client reaches what a `mysql://` URL names. */
export function connectionTo(url: string): MariadbConnection {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    args: [
      "--protocol=tcp",
      `--host=${hostname}`,
      `--port=${port === "" ? 3306 : port}`,
      `--user=${decodeURIComponent(username)}`,
      `--database=${decodeURIComponent(pathname.slice(1))}`,
    ],
    password: decodeURIComponent(password),
  };
}

/** Makes an empty database on the server that the URL leads to. */
export async function createMariadbDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = databaseName();
  const connection = connectionTo(serverUrl);
  await queryMariadb(connection, `CREATE DATABASE ${name}`);
  return {
    url: withDatabase(serverUrl, name),
    drop: async () => {
      const patience = `SET SESSION lock_wait_timeout = ${LOCK_WAIT_TIMEOUT_S}`;
      await queryMariadb(connection, `${patience}; DROP DATABASE IF EXISTS ${name}`);
    },
  };
}
