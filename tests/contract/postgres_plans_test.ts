/**
 * How PostgreSQL runs the statements over a store of some size: by an index, in its order. Both as they are planned once for
 * all values on a connection of ours, and as they are planned anew behind a pooler, with the server's own settings.
 */

import assert from "node:assert/strict";
import { open } from "../../backends/postgres/mod.ts";
import { type StatementName, statementsFor } from "../../backends/postgres/statements.ts";
import { missingFor } from "../support/databases/installed.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";

const KEYS = 20_000;

/** Each key once, a quarter of them again, and as many others deleted. */
const FILL = `
  INSERT INTO rhino_log (id, lease, cut, live, key, kv) SELECT n::bigint << 21, 0, 40, true, convert_to('/key/' || n, 'UTF8'), decode(repeat('12', 300), 'hex')
    FROM generate_series(2, ${KEYS}) n;
  INSERT INTO rhino_current (id, lease, cut, key, kv) SELECT id, CASE WHEN id % 100 = 0 THEN 7 ELSE 0 END, cut, key, kv FROM rhino_log;
  INSERT INTO rhino_log (id, lease, cut, live, key, kv) SELECT ((n + ${KEYS})::bigint << 21), 0, 40, true, convert_to('/key/' || n, 'UTF8'), decode(repeat('12', 300), 'hex')
    FROM generate_series(2, ${KEYS}, 4) n;
  INSERT INTO rhino_log (id, lease, cut, live, key, kv) SELECT ((n + 2 * ${KEYS})::bigint << 21), 0, 40, false, convert_to('/gone/' || n, 'UTF8'), decode('1200', 'hex')
    FROM generate_series(2, ${KEYS}, 4) n;
  INSERT INTO rhino_lease SELECT n, 60, n FROM generate_series(1, ${KEYS}) n;
  INSERT INTO rhino_record SELECT convert_to('auth/' || n, 'UTF8'), 'x' FROM generate_series(1, ${KEYS}) n;
  INSERT INTO rhino_batch SELECT n, n, 'x' FROM generate_series(0, 4095) n;
  UPDATE rhino_head SET idx = 9, revision = 3 * ${KEYS};
  ANALYZE`;

const [START, END, AT] = ["'/key/1'", "'/key/3'", String(BigInt(KEYS) << 21n)];
const EMPTY = "'{}'";

const APPEND_ROWS = ["9", "''", "10", "5", "'x'", "5000", "10"]
  .concat([`ARRAY[1::int8]`, `ARRAY['/key/5']::bytea[]`, `ARRAY[true]`, `ARRAY[0::int8]`])
  .concat([`ARRAY[40]`, `ARRAY['\\x12']::bytea[]`, `ARRAY[true]`, `ARRAY['/key/6']::bytea[]`])
  .concat(["'c'", "'i'", "7"]);

const VALUES: Partial<Record<StatementName, readonly string[]>> = {
  load: [`ARRAY['/key/5','/key/77']::bytea[]`, `ARRAY[5,6]`, `ARRAY['auth/7']::bytea[]`],
  loadAt: [`ARRAY['/key/5','/key/77']::bytea[]`, `ARRAY[5,6]`, `ARRAY['auth/7']::bytea[]`, AT],
  range: [START, END, "500", "1048576", "33554432", "false"],
  rangeAt: [START, END, "500", "1048576", "33554432", "false", AT],
  countAt: [START, END, AT],
  history: ["0", AT, "1001", "1048576", "16777216", "true", "0"],
  leaseKeys: ["7"],
  leases: ["100"],
  records: [`'auth/77'`, `'auth/77\\377'`],
  outcome: ["5"],
  append: [...APPEND_ROWS, "-1", "0", "0", "false", ...new Array<string>(7).fill(EMPTY)],
  appendRows: APPEND_ROWS,
  trimStep: ["-1", "true", "0", "9000", "1000", "0"],
};

/** Those that may sort all the same, and why that is right. */
const SORTS = new Set<StatementName>([
  // What a step found is put together without duplicates.
  "trimStep",
  // As a rule few: to read them in the order of the table and to sort them then is as good.
  "leaseKeys",
  "records",
]);

/** Small tables of one row are read whole. */
const WALKED = /Seq Scan on (rhino_log|rhino_current|rhino_lease|rhino_record|rhino_batch)\b/;

const SETTINGS = {
  "planned once": "generic",
  "planned anew": "pooled",
} as const;

Deno.test({
  name: "postgres: no statement walks a table or sorts what an index has in order",
  ignore: missingFor("postgres") !== undefined && Deno.env.get("CI") !== "true",
  async fn() {
    await using server = await PostgresServer.start({ fsync: false, inMemory: true });
    const { url } = await server.createDatabase();
    await (await open(url, OPEN_OPTIONS)).close();
    await queryPostgres(url, FILL);
    const statements = statementsFor("public");
    const wrong: string[] = [];
    for (const [name, values] of Object.entries(VALUES) as [StatementName, readonly string[]][]) {
      for (const [how, settings] of Object.entries(SETTINGS)) {
        const prepare = settings === "generic" ? `${statements.setSession};` : "";
        const plan = await queryPostgres(
          url,
          `${prepare} PREPARE s AS ${statements[name]}; EXPLAIN EXECUTE s(${values.join(", ")})`,
        );
        const sorts = /Sort {2}\(cost/.test(plan) && !SORTS.has(name);
        if (WALKED.test(plan) || sorts) wrong.push(`${name}, ${how}:\n${plan}`);
      }
    }
    assert.equal(wrong.length, 0, wrong.join("\n\n"));
  },
});
