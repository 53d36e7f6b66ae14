/**
 * What is asked of kine's table. Its rows are changes: `id` is the revision, `deleted` marks a tombstone or a gap that it
 * filled, `create_revision` is 0 in the row that creates a key, and `lease` is a time to live in seconds. One row,
 * `compact_rev_key`, is kine's own.
 */

export interface KineStatements {
  /** The newest revision, or null. */
  readonly newest: string;
  /** Whether the database has a table of kine's, and one of Rhino's: two truths. */
  readonly tables: string;
  /** How many keys live. */
  readonly count: string;
  /**
   * Keys that live, by revision: id, name, create_revision, lease, value, and how many changes of it since it was created
   * are still there. Behind the id `AFTER`, `LIMIT` at most.
   */
  readonly page: string;
}

const isNewest = `deleted = 0 AND name <> 'compact_rev_key'
  AND NOT EXISTS (SELECT 1 FROM kine AS newer WHERE newer.name = k.name AND newer.id > k.id)`;

interface Dialect {
  readonly name: string;
  readonly tables: string;
}

function statementsWith({ name, tables }: Dialect): KineStatements {
  return {
    tables,
    newest: `SELECT MAX(id) FROM kine`,
    count: `SELECT COUNT(*) FROM kine AS k WHERE ${isNewest}`,
    page: `SELECT k.id, ${name}, k.create_revision, k.lease, k.value,
  (SELECT COUNT(*) FROM kine AS older
    WHERE older.name = k.name AND older.id >= k.create_revision AND older.id <= k.id)
FROM kine AS k WHERE k.id > AFTER AND ${isNewest} ORDER BY k.id LIMIT ROWS`,
  };
}

export const KINE_STATEMENTS: Readonly<Record<"sqlite" | "postgres" | "mysql", KineStatements>> = {
  sqlite: statementsWith({
    name: "CAST(k.name AS BLOB)",
    tables: `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'kine'),
  EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'rhino_head')`,
  }),
  postgres: statementsWith({
    name: "convert_to(k.name, 'UTF8')",
    tables: `SELECT (to_regclass('kine') IS NOT NULL)::int,
  (EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'rhino_head'))::int`,
  }),
  mysql: statementsWith({
    name: "CAST(k.name AS BINARY)",
    tables: `SELECT
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'kine'),
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'rhino_head')`,
  }),
};
