/** Where the servers that are compared keep their data. */

export const STORE_NAMES = ["sqlite", "postgres", "mysql"] as const;

export type StoreName = typeof STORE_NAMES[number];

export function isStoreName(name: string): name is StoreName {
  return (STORE_NAMES as readonly string[]).includes(name);
}

/** For the reader. Of the databases that speak MySQL's protocol it is MariaDB that is measured. */
export const STORE_TITLES = {
  sqlite: "SQLite",
  postgres: "PostgreSQL",
  mysql: "MariaDB",
} as const satisfies Record<StoreName, string>;
