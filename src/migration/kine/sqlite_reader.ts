/** A SQLite file, read while others may write to it. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Cell, SqlReader } from "./sql_reader.ts";

/** For a writer in another process. */
const BUSY_TIMEOUT_MS = 5_000;

/** What Deno 2.9.6 has but does not declare. */
interface ArrayStatement extends StatementSync {
  setReturnArrays(enabled: boolean): void;
}

export function openSqlite(path: string): SqlReader {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec("BEGIN");
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    rows(statement) {
      const prepared = database.prepare(statement) as ArrayStatement;
      prepared.setReturnArrays(true);
      // Arrays, as was just said.
      return Promise.resolve(prepared.all() as unknown as readonly (readonly Cell[])[]);
    },
    [Symbol.asyncDispose]() {
      database.close();
      return Promise.resolve();
    },
  };
}
