/** What kine takes as an endpoint. */

/**
 * kine's own default but for `_synchronous`: that is NORMAL there, which syncs only now and then and may lose the newest
 * commits with the machine.
 */
const SQLITE_PARAMETERS = "_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL" +
  "&_txlock=immediate&_stmt_cache_size=20&cache=shared";

/** An endpoint for the database that a `postgres://` or `mysql://` URL names, or else for a SQLite file in the folder. */
export function kineEndpoint({ dir, databaseUrl }: {
  readonly dir: string;
  readonly databaseUrl?: string | undefined;
}): string {
  if (databaseUrl === undefined) return `sqlite://${dir}/state.db?${SQLITE_PARAMETERS}`;
  const { protocol, username, password, host, pathname } = new URL(databaseUrl);
  if (protocol === "postgres:") return `${databaseUrl}?sslmode=disable`;
  // As Go's driver wants it; what it takes is not encoded.
  const account = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `mysql://${account}@tcp(${host})${pathname}`;
}
