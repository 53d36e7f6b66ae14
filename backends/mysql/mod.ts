/**
 * The door of the backend for MariaDB (10.6 and later) and MySQL (8.0 and later).
 *
 * Run with MariaDB 10.11, alone and as a Galera cluster; there a turn holds off the servers at its own node only. MySQL was
 * not at hand: the statements keep to what its manual says too, but nobody has seen it run them. What differs there, and so
 * wants a look first: `caching_sha2_password` and its public key without TLS; `SKIP LOCKED`; `ROW_COUNT()` within the insert
 * that guards an append (`takeSlot`); an append as one query of several statements (the suite runs that on MariaDB), and
 * what becomes of it in a group with several primaries, which may end a transaction between two of them, as Galera does;
 * `information_schema_stats_expiry`; plans (`tests/contract/mysql_plans_test.ts` reads MySQL's as well); errors 3101 and 4031.
 */

import type { Backend, OpenOptions } from "../contract.ts";
import { MysqlBackend } from "./backend.ts";
import { parseLocation } from "./location.ts";
import { openStore, removeStore } from "./opening.ts";
import { schemaText } from "./schema.ts";

/** The version of the contract that this module was written for. */
export const contractVersion = 1;

/** Opens `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, also with the scheme `mariadb:` and with several hosts. */
export async function open(endpoint: string, options: OpenOptions): Promise<Backend> {
  return new MysqlBackend({ opened: await openStore(endpoint, options), options });
}

/** Drops the tables and views; the database stays. */
export async function remove(endpoint: string, options: OpenOptions): Promise<void> {
  await removeStore(endpoint, options);
}

/** The SQL that makes the tables, for whoever does not let servers do so. */
export function schemaSql(endpoint: string): string {
  parseLocation(endpoint);
  return schemaText();
}
