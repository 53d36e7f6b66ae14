/** `node:sqlite` as the rest of this folder sees it: statements prepared once, rows as arrays, errors translated. */

import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { toBackendError } from "./errors.ts";
import { type StatementName, STATEMENTS } from "./statements.ts";

export type SqlValue = Uint8Array | string | number | bigint | null;

/** A prepared statement. Rows are arrays of columns in the order of the text. */
export interface Query {
  all<Row extends readonly SqlValue[]>(...parameters: SQLInputValue[]): Row[];
  get<Row extends readonly SqlValue[]>(...parameters: SQLInputValue[]): Row | undefined;
  /** Answers how many rows were changed. */
  run(...parameters: SQLInputValue[]): number;
}

/** Statements of which some column uses all 64 bits, so that every integer comes as a bigint. */
const WITH_BIG_INTEGERS: ReadonlySet<StatementName> = new Set([
  "listLeases",
  "readClusterId",
  "readTrim",
  "trimStop",
]);

export interface Database {
  /** Each is prepared when first used. */
  readonly query: Readonly<Record<StatementName, Query>>;
  /** Runs a text without parameters. */
  exec(sql: string): void;
  /** The one value that a pragma answers. */
  pragma(text: string): SqlValue;
  close(): void;
}

/** What Deno 2.9.6 has but does not declare. */
interface ArrayStatement extends StatementSync {
  setReturnArrays(enabled: boolean): void;
}

export interface DatabaseOptions {
  readonly readOnly: boolean;
  /** How long a statement waits for a lock that another process holds. */
  readonly busyTimeoutMs: number;
}

export function openDatabase(path: string, options: DatabaseOptions): Database {
  const database = translated(() =>
    new DatabaseSync(path, { readOnly: options.readOnly, timeout: options.busyTimeoutMs })
  );
  function prepare(sql: string): ArrayStatement {
    // Declared without the one method that makes reading twice as fast.
    const statement = translated(() => database.prepare(sql)) as ArrayStatement;
    statement.setReturnArrays(true);
    return statement;
  }
  return {
    query: lazyQueries(prepare),
    exec: (sql) => translated(() => database.exec(sql)),
    pragma: (text) => {
      // A pragma's row has the columns that SQLite's manual says.
      const row = translated(() => prepare(`PRAGMA ${text}`).get()) as unknown as
        | SqlValue[]
        | undefined;
      return row?.[0] ?? null;
    },
    close: () => database.close(),
  };
}

function lazyQueries(prepare: (sql: string) => ArrayStatement): Record<StatementName, Query> {
  const queries: Partial<Record<StatementName, Query>> = {};
  for (const name of Object.keys(STATEMENTS) as StatementName[]) {
    Object.defineProperty(queries, name, {
      configurable: true,
      get() {
        const statement = prepare(STATEMENTS[name]);
        if (WITH_BIG_INTEGERS.has(name)) statement.setReadBigInts(true);
        const value = makeQuery(statement);
        Object.defineProperty(queries, name, { value });
        return value;
      },
    });
  }
  return queries as Record<StatementName, Query>;
}

/** The row types are the callers' word for what the statement's text selects; nothing else could know. */
function makeQuery(statement: ArrayStatement): Query {
  return {
    all<Row>(...parameters: SQLInputValue[]): Row[] {
      try {
        return statement.all(...parameters) as unknown as Row[];
      } catch (error) {
        throw toBackendError(error);
      }
    },
    get<Row>(...parameters: SQLInputValue[]): Row | undefined {
      try {
        return statement.get(...parameters) as unknown as Row | undefined;
      } catch (error) {
        throw toBackendError(error);
      }
    },
    run(...parameters: SQLInputValue[]): number {
      try {
        return Number(statement.run(...parameters).changes);
      } catch (error) {
        throw toBackendError(error);
      }
    },
  };
}

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toBackendError(error);
  }
}
