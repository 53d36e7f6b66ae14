/** What a test machine has to have installed for the databases. */

import { firstExisting, missingExecutables } from "./executables.ts";

const EXECUTABLES = {
  postgres: ["initdb", "postgres", "pg_basebackup", "psql"],
  mysql: ["mariadbd", "mariadb-install-db", "mariadb"],
  pgbouncer: ["pgbouncer"],
  galera: ["rsync"],
  redis: ["redis-server"],
} as const;

export type Installable = keyof typeof EXECUTABLES;

/** Galera is a library; where distributions put it. */
const GALERA_PATHS = [
  "/usr/lib/galera/libgalera_smm.so",
  "/usr/lib64/galera-4/libgalera_smm.so",
  "/usr/lib/galera-4/libgalera_smm.so",
];

/** The library's path, if it is installed. */
export function galeraLibrary(): string | undefined {
  return firstExisting(GALERA_PATHS);
}

/** What is missing for it, as text for a reader; undefined if all is there. */
export function missingFor(what: Installable): string | undefined {
  const missing = missingExecutables(EXECUTABLES[what]);
  if (what === "galera" && galeraLibrary() === undefined) missing.push("Galera's library");
  return missing.length === 0 ? undefined : missing.join(", ");
}

/** What is missing for any of them; undefined if all is there. */
export function missingForAny(): string | undefined {
  const names: readonly Installable[] = ["postgres", "mysql", "pgbouncer", "galera", "redis"];
  const missing = names.map(missingFor).filter((text) => text !== undefined);
  return missing.length === 0 ? undefined : missing.join(", ");
}
