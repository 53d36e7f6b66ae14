/** A store of a server and, beside it, whoever reads it with SQL. */

import { DatabaseSync } from "node:sqlite";
import { mysqlDatabase, postgresDatabase } from "../support/databases/shared_database.ts";
import { connectionTo, queryMariadb } from "../support/databases/mariadb_client.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";
import { type TargetName, testTargets } from "../support/targets.ts";

export type Dialect = "sqlite" | "postgres" | "mysql";

/** The targets of this run that keep their data in SQL. */
export const DIALECTS: readonly Dialect[] = testTargets().filter(isDialect);

function isDialect(target: TargetName): target is Dialect {
  return target === "sqlite" || target === "postgres" || target === "mysql";
}

export interface Place extends AsyncDisposable {
  readonly dialect: Dialect;
  /** For `--endpoint`. */
  readonly url: string;
  /** The rows of a query as text, NULL as nothing, and without columns that hold tabs, line ends or `|`. */
  query(sql: string): Promise<string[][]>;
  /** Runs statements that answer nothing. */
  exec(sql: string): Promise<void>;
}

/** An empty place for a store, with its reader. */
export async function makePlace(dialect: Dialect): Promise<Place> {
  if (dialect === "sqlite") return await sqlitePlace();
  const { url, drop } = await (dialect === "postgres" ? postgresDatabase() : mysqlDatabase());
  const ask = dialect === "postgres"
    ? (sql: string) => queryPostgres(url, sql)
    : (sql: string) => queryMariadb(connectionTo(url), sql);
  const separator = dialect === "postgres" ? "|" : "\t";
  return {
    dialect,
    url,
    async query(sql) {
      const answer = await ask(sql);
      if (answer === "") return [];
      const rows = answer.split("\n").map((line) => line.split(separator));
      return rows.map((row) => row.map((cell) => cell === "NULL" ? "" : cell));
    },
    async exec(sql) {
      await ask(sql);
    },
    [Symbol.asyncDispose]: drop,
  };
}

async function sqlitePlace(): Promise<Place> {
  const folder = await Deno.makeTempDir({ prefix: "rhino_views_" });
  const path = `${folder}/state.db`;
  return {
    dialect: "sqlite",
    url: `sqlite://${path}`,
    query(sql) {
      const database = new DatabaseSync(path, { readOnly: true });
      try {
        const statement = database.prepare(sql);
        statement.setReadBigInts(true);
        const rows = statement.all().map((row) =>
          Object.values(row).map((cell) => cell === null ? "" : String(cell))
        );
        return Promise.resolve(rows);
      } finally {
        database.close();
      }
    },
    exec(sql) {
      const database = new DatabaseSync(path);
      try {
        database.exec(sql);
      } finally {
        database.close();
      }
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Where a dialect says it in words of its own: bytes and text as hexadecimal digits, a time in seconds. */
export const WORDS: Readonly<
  Record<Dialect, {
    bytes(column: string): string;
    text(column: string): string;
    seconds(column: string): string;
  }>
> = {
  sqlite: {
    bytes: (column) => `lower(hex(${column}))`,
    text: (column) => `lower(hex(${column}))`,
    seconds: (column) => `CAST(strftime('%s', ${column}) AS INTEGER)`,
  },
  postgres: {
    bytes: (column) => `encode(${column}, 'hex')`,
    text: (column) => `encode(convert_to(${column}, 'UTF8'), 'hex')`,
    seconds: (column) => `floor(extract(epoch FROM ${column}))`,
  },
  mysql: {
    bytes: (column) => `LOWER(HEX(${column}))`,
    text: (column) => `LOWER(HEX(${column}))`,
    seconds: (column) => `TIMESTAMPDIFF(SECOND, '1970-01-01', ${column})`,
  },
};
