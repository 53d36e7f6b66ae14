/** How MariaDB runs each statement on 20,000 keys: by an index, without sorting, reading no more than it has to. */

import assert from "node:assert/strict";
import { boundAbove } from "../../backends/mysql/head.ts";
import { fillIn, type SqlValues } from "../../backends/mysql/literals.ts";
import { parseLocation } from "../../backends/mysql/location.ts";
import { open } from "../../backends/mysql/mod.ts";
import { openSession, type Session } from "../../backends/mysql/session.ts";
import { STATEMENTS } from "../../backends/mysql/statements.ts";
import { mysqlDatabase, whyNoMysql } from "../support/databases/shared_database.ts";
import {
  batchAt,
  bytes,
  OPEN_OPTIONS,
  putRow,
  tombstoneRow,
} from "../../backends/conformance/subject.ts";

const KEYS = 20_000;
const BATCH = 2_000;
const HEAD = KEYS + 1;

/** Statements that are not planned, or on tables of a few rows. */
const OTHERS = /^(?!\(?(SELECT|DELETE|UPDATE|INSERT))|VALUES (\(|$)|_LOCK|information_schema/;
const SMALL = ["checkTables", "forgetMembers", "members"];

const BOUND = boundAbove(HEAD / 2);
const VALUES: Readonly<Record<string, SqlValues>> = {
  ...{ start: key(5_000), end: key(15_000), rows: 2_001, rowBytesMax: 8_000, keysOnly: 0 },
  ...{ bound: BOUND, key: key(300), keys: [key(300), key(4_000), bytes("none")], at: 1 },
  ...{ id: 7, ids: [1, 5], name: "r/4", names: ["r/4", "r/x"], limit: 100, slot: 3 },
  ...{ afterId: boundAbove(5_000), position: boundAbove(5_000), last: boundAbove(6_000) },
  ...{ targetId: BOUND, target: 1, done: 1, gapMs: 1_000, index: 9, revision: 9 },
  ...{ compactRevision: 9, recordsIndex: 9, leasesIndex: 9, batchId: "x", baseIndex: 8 },
  ...{ baseBatchId: "y", columns: 25 },
};

function key(at: number): Uint8Array {
  return bytes(`key ${String(at).padStart(6, "0")}`);
}

/** What the conditions of a trim come to. */
const CONDITIONS = Array.from(
  { length: 500 },
  (_, at) => fillIn(STATEMENTS.versionsBefore, { key: key(3 * at), id: boundAbove(3 * at) }),
).join(" OR ");

async function fill(url: string): Promise<void> {
  const backend = await open(url, OPEN_OPTIONS);
  let head = await backend.head();
  const append = async (changes: Parameters<typeof batchAt>[1]) => {
    const batch = batchAt(head, changes);
    await backend.append(batch);
    head = batch.head;
  };
  for (let from = 0; from < KEYS; from += BATCH) {
    const rows = Array.from(
      { length: BATCH },
      (_, at) =>
        putRow(key(from + at), { revision: head.revision + 1 + at, lease: BigInt(at % 50) }),
    );
    await append({ rows });
  }
  const gone = Array.from({ length: 500 }, (_, at) => at * 7);
  await append({
    rows: gone.map((at, sub) => tombstoneRow(key(at), { revision: head.revision + 1, sub })),
    leases: gone.map((at) => ({
      id: BigInt(at + 1),
      state: { ttl: 60, remainingMs: 60_000 + at },
    })),
    records: gone.map((at) => ({ name: `r/${at}`, value: bytes("x") })),
  });
  await backend.close();
}

/** One line for each table of the plan: access, index, remarks. */
async function planOf(session: Session, text: string): Promise<string[]> {
  const plan = await session.rows(`EXPLAIN ${text}`);
  return plan.map((row) => {
    // MySQL tells two columns more than MariaDB.
    const [, , table, type, , index] = row.length > 10
      ? [...row.slice(0, 3), ...row.slice(4)]
      : row;
    return [table, type, index, row.at(-1)].join(" ");
  });
}

Deno.test({
  name: "mysql: no statement walks a large table whole, or sorts it",
  ignore: whyNoMysql() !== undefined,
  async fn(t) {
    const { url, drop } = await mysqlDatabase();
    await fill(url);
    const location = parseLocation(url);
    const [host] = location.hosts;
    assert.ok(host !== undefined);
    const session = await openSession(location, { host, usesTls: false });
    for (const [name, text] of Object.entries(STATEMENTS)) {
      if (OTHERS.test(text) || SMALL.includes(name)) continue;
      await t.step(name, async () => {
        const conditions = /WHERE $/.test(text) ? CONDITIONS : "";
        const filled = fillIn(text, VALUES).replace(/ INTO @\w+/, "") + conditions;
        const plan = await planOf(session, filled);
        for (const line of plan) {
          // What a derived table holds is one page's keys at most, or was counted already.
          if (/^<derived\d+> ALL/.test(line)) continue;
          // In the order of the index, up to the limit.
          if (line === "rhino_lease index rhino_lease_expiry Using index") continue;
          assert.doesNotMatch(
            line,
            / ALL | index |filesort|temporary|join buffer/,
            plan.join("\n"),
          );
        }
      });
    }
    session.destroy();
    await session.closed;
    await drop();
  },
});
