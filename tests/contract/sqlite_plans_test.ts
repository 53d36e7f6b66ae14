/** How SQLite runs each statement: by an index, without sorting. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { SCHEMA, STATEMENTS } from "../../backends/sqlite/statements.ts";

/** Statement → the tables that it may walk whole, and why that is right. */
const WALKS: Readonly<Record<string, readonly string[]>> = {
  // `head` has one row.
  readHead: ["head"],
  readClusterId: ["head"],
  moveHead: ["head"],
  readTrim: ["head"],
  moveTrim: ["head"],
  // Only when a foreign file is opened.
  isKine: ["sqlite_schema"],
  // A row for each table and index.
  rootPages: ["sqlite_schema"],
  // As many, when the store is opened.
  readView: ["sqlite_schema"],
  // All of them change.
  extendLeases: ["lease"],
  // In the order of the index, up to the limit.
  listLeases: ["lease USING INDEX lease_expiry"],
};

const PLANNED = Object.entries(STATEMENTS).filter(([, text]) =>
  !/^(BEGIN|COMMIT|ROLLBACK|PRAGMA)/.test(text)
);

for (const [name, text] of PLANNED) {
  Deno.test(`sqlite: ${name} walks no table and sorts nothing`, () => {
    const database = new DatabaseSync(":memory:");
    database.exec(SCHEMA);
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all().map(({ detail }) =>
      String(detail)
    );
    database.close();
    const walked = plan.flatMap((line) => /^SCAN (?!CONSTANT ROW|\()(.+)$/.exec(line)?.[1] ?? []);
    assert.deepEqual(walked, WALKS[name] ?? [], plan.join("\n"));
    assert.ok(!plan.some((line) => line.includes("TEMP B-TREE")), plan.join("\n"));
  });
}
