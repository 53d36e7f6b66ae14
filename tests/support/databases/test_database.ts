/** A database that a test has for itself. */

export interface TestDatabase {
  /** For Rhino's `--endpoint`, and for any other client. */
  readonly url: string;
  /** Removes it, whoever is connected. */
  drop(): Promise<void>;
}

/** A name no other test has. MariaDB's user of the tests has its rights on names with this beginning. */
export function databaseName(): string {
  return `rhino_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
}

/** The URL with another database in it; what else it says stays. */
export function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
