/** The views are taken apart: a question about some keys reads those keys alone. And numbers of every size are read right. */

import assert from "node:assert/strict";
import type { Backend, LogRow } from "../../backends/contract.ts";
import { openBackend } from "../../backends/registry.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow } from "../../backends/conformance/subject.ts";
import { encodeKv } from "../../src/mvcc/stored_kv.ts";
import { type Dialect, DIALECTS, makePlace, type Place } from "./place.ts";

const KEYS = 5_000;

/** How each says that it walks whole tables of the large ones, and how it explains itself. */
const PLANS: Readonly<
  Record<Dialect, { walk: RegExp; explain: string; literal(text: string): string }>
> = {
  sqlite: {
    walk: /SCAN (c|r|l|log|current)\b/,
    explain: "EXPLAIN QUERY PLAN",
    literal: (text) => `CAST('${text}' AS BLOB)`,
  },
  postgres: {
    walk: /Seq Scan on rhino_(log|current)/,
    explain: "EXPLAIN",
    literal: (text) => `'${text}'`,
  },
  mysql: {
    walk: /SIMPLE \w+ (ALL|index) |DERIVED/,
    explain: "EXPLAIN",
    literal: (text) => `CAST('${text}' AS BINARY)`,
  },
};

async function append(backend: Backend, rows: readonly LogRow[]): Promise<void> {
  const base = await backend.head();
  const batch = batchAt(base, { rows });
  await backend.append({ ...batch, head: { ...batch.head, revision: rows.at(-1)?.revision ?? 0 } });
}

async function fill({ url }: Place): Promise<void> {
  const backend = await openBackend({ endpoint: url }, OPEN_OPTIONS);
  for (let revision = 2; revision < 12; revision++) {
    const rows = Array.from({ length: KEYS / 10 }, (_, sub) => {
      const key = bytes(`/key/${String(revision * 1_000 + sub).padStart(6, "0")}`);
      return putRow(key, { revision, sub, value: new Uint8Array(300), lease: BigInt(sub) });
    });
    await append(backend, rows);
  }
  await backend.close();
}

for (const dialect of DIALECTS) {
  const { walk, explain, literal } = PLANS[dialect];

  Deno.test(`${dialect}: the views find keys by the tables' indexes`, async () => {
    await using place = await makePlace(dialect);
    await fill(place);
    if (dialect === "mysql") await place.exec("ANALYZE TABLE rhino_log, rhino_current");
    if (dialect === "postgres") await place.exec("ANALYZE");
    const [from, to] = [literal("/key/003000"), literal("/key/003010")];
    const keys = "v.key, v.value, v.version, v.create_revision, v.written_at";
    const questions = [
      `SELECT ${keys} FROM rhino_kv v WHERE v.key_bytes >= ${from} AND v.key_bytes < ${to} ORDER BY v.key_bytes`,
      `SELECT ${keys} FROM rhino_kv v WHERE v.key_bytes = ${from}`,
      `SELECT ${keys} FROM rhino_kv v WHERE v.lease = 7 AND v.lease <> 0`,
      `SELECT ${keys} FROM rhino_history v WHERE v.key_bytes >= ${from} AND v.key_bytes < ${to}`,
      `SELECT ${keys} FROM rhino_history v WHERE v.key_bytes = ${from}`,
    ];
    for (const question of questions) {
      const plan = (await place.query(`${explain} ${question}`)).map((row) => row.join(" ")).join(
        "\n",
      );
      assert.ok(!walk.test(plan), `${question}:\n${plan}`);
      assert.ok((await place.query(question)).length >= 1);
    }
    // And so that this test can fail: by the text nothing is found without reading all.
    const byText = await place.query(
      `${explain} SELECT v.lease FROM rhino_kv v WHERE v.key = '/key/003000'`,
    );
    assert.match(byText.map((row) => row.join(" ")).join("\n"), walk);
  });

  Deno.test(`${dialect}: the views read numbers of every size out of what is stored`, async () => {
    await using place = await makePlace(dialect);
    const sizes = [1, 7, 8, 14, 15, 21, 22, 28, 29, 35, 36, 41].flatMap((
      bits,
    ) => [2 ** bits - 1, 2 ** bits]);
    const leases = [0n, 1n, 127n, 128n, 2n ** 40n, 2n ** 63n - 1n, -1n, -(2n ** 63n)];
    const rows = sizes.slice(2).flatMap((number, place) =>
      leases.map((lease, sub): LogRow & { numbers: string } => {
        // Each number beside each other size of the version, and with it every length of a key that matters.
        const createRevision = sizes[(place + sub * 3) % (place + 2)] ?? 1;
        const version = sizes[(place * 5 + sub * 7) % sizes.length] ?? 1;
        const key = bytes(
          `${place}/${sub}/`.padEnd([10, 126, 127, 128, 140, 2_000][sub % 6] ?? 0, "k"),
        );
        const value = new Uint8Array([0, 1, 127, 128, 3_000][(place + sub) % 5] ?? 0);
        const { kv, metaSize } = encodeKv({
          key,
          createRevision,
          modRevision: number,
          version,
          lease,
          value,
        });
        const row = { revision: number, sub, key, kv, metaSize, tombstone: false, lease };
        return {
          ...row,
          numbers: [number, sub, createRevision, version, value.length, lease].join(),
        };
      })
    );
    const backend = await openBackend({ endpoint: place.url }, OPEN_OPTIONS);
    await append(backend, rows);
    await backend.close();
    for (
      const [view, revision, sub] of [["rhino_history", "revision", "sub"], [
        "rhino_kv",
        "mod_revision",
      ]]
    ) {
      const order = `v.${revision}, ${sub === undefined ? "v.key_bytes" : "v.sub"}`;
      const shown = await place.query(
        `SELECT v.${revision}, ${
          sub === undefined ? 0 : "v.sub"
        } AS sub, v.create_revision, v.version, v.value_size,
        v.lease FROM ${view} v ORDER BY ${order}`,
      );
      const withSub = (row: string[]) =>
        sub === undefined ? [row[0], ...row.slice(2)].join() : row.join();
      const expected = rows.map(({ numbers }) => withSub(numbers.split(",")));
      assert.deepEqual(shown.map(withSub).toSorted(), expected.toSorted());
    }
  });
}
