/** SQL transactions that never stay open: one left behind would make every later one fail to begin. */

import type { Database } from "./driver.ts";

/** Runs reads inside one transaction, which takes SQLite's locks once for all its statements. Synchronous. */
export function inReadTransaction<T>(database: Database, call: (database: Database) => T): T {
  database.query.begin.run();
  return finish(database, call);
}

/** Runs changes inside one transaction: all of them, or none if something is thrown. Synchronous. */
export function inWriteTransaction<T>(database: Database, call: (database: Database) => T): T {
  database.query.beginWrite.run();
  return finish(database, call);
}

function finish<T>(database: Database, call: (database: Database) => T): T {
  try {
    const answer = call(database);
    database.query.commit.run();
    return answer;
  } catch (error) {
    rollback(database);
    throw error;
  }
}

/** SQLite has rolled back by itself after some errors; then there is nothing left to do. */
function rollback({ query }: Database): void {
  try {
    query.rollback.run();
  } catch {
    // "cannot rollback - no transaction is active": the error that led here is the one to tell.
  }
}
