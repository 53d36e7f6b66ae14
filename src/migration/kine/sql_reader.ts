/** Reads tables of others in one snapshot of their database. */

/** A cell: an integer or text as it comes, bytes, or null. */
export type Cell = number | string | Uint8Array | null;

export interface SqlReader extends AsyncDisposable {
  /** The rows of one statement without parameters, all as of the moment in which the reader was opened. */
  rows(statement: string): Promise<readonly (readonly Cell[])[]>;
}

/**
 * Opens the database of the endpoint, to read only.
 *
 * @throws {Error} that says why it cannot be opened
 */
export async function openSqlReader(scheme: string, endpoint: string): Promise<SqlReader> {
  switch (scheme) {
    case "postgres":
    case "postgresql":
      return await (await import("./postgres_reader.ts")).openPostgres(endpoint);
    case "mysql":
    case "mariadb":
      return await (await import("./mysql_reader.ts")).openMysql(endpoint);
    default:
      return (await import("./sqlite_reader.ts")).openSqlite(endpoint);
  }
}
