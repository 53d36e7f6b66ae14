/** Each query of docs/sql.md runs, finds something, and shows what stands below it. */

import assert from "node:assert/strict";
import { type Block, blocksOf } from "../docs/blocks.ts";
import { type Endpoint, startEndpoint } from "../support/endpoint.ts";
import { op } from "../support/txn_parts.ts";
import { readText } from "../tidy/source_tree.ts";
import { type Dialect, DIALECTS, makePlace, type Place } from "./place.ts";

const DOCUMENT = "docs/sql.md";
const THIS = "tests/views/queries_test.ts";
const LABELS: Readonly<Record<string, readonly Dialect[]>> = {
  "-- SQLite": ["sqlite"],
  "-- PostgreSQL": ["postgres"],
  "-- MySQL, MariaDB": ["mysql"],
};

/** The store that the document's tables show. */
async function fill({ client: { kv, lease } }: Endpoint): Promise<void> {
  const [settings, web1, web2] = [
    "configmaps/default/settings",
    "pods/default/web-1",
    "pods/default/web-2",
  ]
    .map((name) => `/registry/${name}`) as [string, string, string];
  const scheduler = "/registry/leases/kube-system/scheduler";
  await kv.put({ key: settings, value: '{"mode":"blue"}' });
  await kv.put({ key: web1, value: "Pending" });
  await kv.put({ key: web2, value: "Pending" });
  await kv.put({ key: web1, value: "Running" });
  const ops = [
    op.put({ key: web2, value: "Running" }),
    op.put({ key: settings, value: '{"mode":"green"}' }),
  ];
  await kv.txn({ success: ops });
  await lease.leaseGrant({ ID: 0x1234n, TTL: 600n });
  await kv.put({ key: scheduler, value: "node-a", lease: 0x1234n });
  await kv.put({ key: scheduler, value: "node-b", lease: 0x1234n });
  await kv.deleteRange({ key: web1 });
  const secret = Uint8Array.of(0x6b, 0x38, 0x73, 0, 1);
  await kv.put({ key: "/registry/secrets/default/token", value: secret });
  await kv.put({ key: web2, value: "Failed" });
}

/** The queries of the document that are for the dialect. */
function queriesFor(dialect: Dialect): Block[] {
  const blocks = blocksOf(DOCUMENT).filter(({ info, note }) =>
    info === "sql" && note === `checked by: ${THIS}`
  );
  return blocks.filter(({ text }) => {
    const [first = ""] = text.split("\n", 1);
    if (!first.startsWith("--")) return true;
    const dialects = LABELS[first];
    assert.ok(dialects !== undefined, `${DOCUMENT}: no database is called "${first}"`);
    return dialects.includes(dialect);
  });
}

/** The rows of the table that follows the block, if one does. */
function shownBelow({ line, text }: Block): string[][] | null {
  const lines = readText(DOCUMENT).split("\n").slice(line + text.split("\n").length);
  const start = lines.findIndex((one) => one !== "" && one !== "```");
  if (!lines[start]?.startsWith("|")) return null;
  const end = lines.findIndex((one, at) => at > start && !one.startsWith("|"));
  return lines.slice(start + 2, end).map((row) =>
    row.slice(1, -1).split("|").map((cell) => cell.trim())
  );
}

/** `…` stands for anything. */
function assertShown(rows: readonly string[][], shown: readonly string[][], sql: string): void {
  const found = rows.map((row, at) =>
    row.map((cell, column) => shown[at]?.[column] === "…" ? "…" : cell)
  );
  assert.deepEqual(found, shown, sql);
}

async function run(place: Place, sql: string): Promise<string[][]> {
  const rows: string[][] = [];
  const statements = sql.split(/;\s*$/m).map((one) => one.replace(/^--.*\n/, "").trim());
  for (const statement of statements.filter((one) => one !== "")) {
    const answer = await place.query(statement);
    assert.ok(answer.length > 0, `finds nothing: ${statement}`);
    rows.push(...answer);
  }
  return rows;
}

for (const dialect of DIALECTS) {
  Deno.test(`${dialect}: the queries of docs/sql.md show what they are said to`, async () => {
    await using place = await makePlace(dialect);
    await using endpoint = await startEndpoint(dialect, { databaseUrl: place.url });
    await fill(endpoint);
    const queries = queriesFor(dialect);
    assert.ok(queries.length >= 14);
    let shownCount = 0;
    for (const query of queries) {
      const rows = await run(place, query.text);
      const shown = shownBelow(query);
      if (shown === null) continue;
      shownCount++;
      assertShown(rows, shown, query.text);
    }
    assert.equal(shownCount, 3);
    await assertAnswers(place, endpoint);
  });
}

/** Answers that the document does not show. */
async function assertAnswers(place: Place, { client: { kv } }: Endpoint): Promise<void> {
  const find = (words: string) => {
    const found = queriesFor(place.dialect).filter(({ text }) => text.includes(words));
    assert.equal(found.length, 1, words);
    return found[0]?.text ?? "";
  };
  const state = find("ROW_NUMBER()");
  for (let revision = 2; revision <= 11; revision++) {
    const rows = await run(place, state.replace("<= 5", `<= ${revision}`));
    const { kvs } = await kv.range({ key: "/", rangeEnd: "0", revision });
    assert.deepEqual(
      rows.map(([key, , mod]) => `${key} ${mod}`),
      kvs.map(({ key, modRevision }) => `${new TextDecoder().decode(key)} ${modRevision}`),
    );
  }
  assert.deepEqual(await run(place, find("k.lease = 4660")), [
    ["0000000000001234", "/registry/leases/kube-system/scheduler", "node-b"],
  ]);
  const [lease] = await run(place, find("seconds_left"));
  assert.deepEqual(lease?.slice(0, 2), ["0000000000001234", "600"]);
  assert.ok(Number(lease?.[2]) > 560 && Number(lease?.[2]) <= 600, String(lease));
  assert.deepEqual(await run(place, find("AS resource")), [
    ["configmaps", "1", "16"],
    ["leases", "1", "6"],
    ["pods", "1", "6"],
    ["secrets", "1", "5"],
  ]);
  const [[freed = ""] = []] = await run(place, find("next_revision"));
  const countRows = async () =>
    Number((await place.query("SELECT COUNT(*) FROM rhino_history"))[0]?.[0]);
  const before = await countRows();
  await kv.compact({ revision: 8n, physical: true });
  assert.equal(before - await countRows(), Number(freed));
}
