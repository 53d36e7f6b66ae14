/** Takes connections of a database, and has it give out no more. */

import { executable } from "../support/databases/executables.ts";
import { connectionTo } from "../support/databases/mariadb_client.ts";
import type { DatabaseKind } from "./database_kinds.ts";
import type { DatabaseServer } from "./database_server.ts";
import { eventually } from "../support/polling.ts";

const CLIENTS = 5;

/**
 * Rhino's user can open no more connections from now on, until it is disposed of; those that are open stay. The limit is the
 * user's, so that whoever looks after the database still gets in.
 */
export async function exhaustConnections(
  kind: DatabaseKind,
  database: DatabaseServer,
): Promise<AsyncDisposable> {
  const limit = (count: number | null) =>
    database.query(
      kind === "postgres"
        ? `ALTER ROLE rhino CONNECTION LIMIT ${count ?? -1}`
        : `ALTER USER rhino@'%' WITH MAX_USER_CONNECTIONS ${count ?? 0}`,
    );
  // MariaDB counts only those that came under a limit; PostgreSQL counts all, so that these would not get in.
  if (kind === "mysql") await limit(CLIENTS);
  const before = await countConnections(kind, database);
  const hogs = Array.from({ length: CLIENTS }, () => idleClient(kind, database.url()));
  await eventually("all have connected", async () => {
    return await countConnections(kind, database) >= before + CLIENTS;
  });
  if (kind === "postgres") await limit(CLIENTS);
  return {
    async [Symbol.asyncDispose]() {
      await limit(null);
      for (const hog of hogs) hog.kill("SIGKILL");
      await Promise.all(hogs.map((hog) => hog.status));
    },
  };
}

async function countConnections(kind: DatabaseKind, database: DatabaseServer): Promise<number> {
  const sql = kind === "postgres"
    ? "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rhino'"
    : "SELECT count(*) FROM information_schema.processlist WHERE user = 'rhino'";
  return Number(await database.query(sql));
}

/** Waits for commands that never come; when it is killed, the server sees its connection end. */
function idleClient(kind: DatabaseKind, url: string): Deno.ChildProcess {
  const streams = { stdin: "piped", stdout: "null", stderr: "null" } as const;
  if (kind === "postgres") {
    const args = ["--no-psqlrc", `--dbname=${url}`];
    return new Deno.Command(executable("psql"), { args, ...streams }).spawn();
  }
  const { args, password } = connectionTo(url);
  return new Deno.Command(executable("mariadb"), {
    args: ["--no-defaults", ...args],
    env: { MYSQL_PWD: password },
    ...streams,
  }).spawn();
}
