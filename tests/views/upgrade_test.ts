/** Stores that another Rhino made get the views, also when several servers open them at once; without them all works too. */

import assert from "node:assert/strict";
import type { Backend, OpenOptions } from "../../backends/contract.ts";
import { openBackend, schemaSql } from "../../backends/registry.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow, range } from "../../backends/conformance/subject.ts";
import { OLD_STORES } from "./old_stores.ts";
import { DIALECTS, makePlace, type Place } from "./place.ts";

const SHOWN = `SELECT h.revision, h.key, h.value, h.create_revision, h.version,
  CASE WHEN h.written_at IS NULL THEN 'no time' ELSE 'a time' END FROM rhino_history h ORDER BY h.revision`;
const OLD_ROW = ["2", "a", "v", "2", "1", "no time"];
const NEW_ROW = ["3", "b", "value at 3", "3", "1", "a time"];

function open({ url }: Place, options: Partial<OpenOptions> = {}): Promise<Backend> {
  return openBackend({ endpoint: url }, { ...OPEN_OPTIONS, ...options });
}

/** What operators are told of the views while a store is opened and written to. */
async function useStore(place: Place, options: Partial<OpenOptions> = {}): Promise<string[]> {
  const told: string[] = [];
  const log: OpenOptions["log"] = (level, message, fields) => {
    if (message.includes("views")) told.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const backend = await open(place, { ...options, log });
  const head = await backend.head();
  const revision = head.revision + 1;
  await backend.append(batchAt(head, { rows: [putRow(bytes("b"), { revision })] }));
  assert.equal((await range(backend)).kvs.length, 2);
  await backend.close();
  return told;
}

for (const dialect of DIALECTS) {
  Deno.test(`${dialect}: a store of an older Rhino gets the views, and a time for what is written from then on`, async () => {
    await using place = await makePlace(dialect);
    await place.exec(OLD_STORES[dialect]);
    assert.deepEqual(await useStore(place), []);
    assert.deepEqual(await place.query(SHOWN), [OLD_ROW, NEW_ROW]);
    if (dialect !== "postgres") return;
    assert.deepEqual(await place.query("SELECT * FROM mine"), [["a", "2"], ["b", "3"]]);
    const [row] = await place.query("SELECT relacl FROM pg_class WHERE relname = 'rhino_kv'");
    assert.match(String(row), /=r\//, "rights that were given on a view stay");
  });

  Deno.test(`${dialect}: views of another text are made anew`, async () => {
    await using place = await makePlace(dialect);
    await (await open(place)).close();
    const [name] = dialect === "sqlite" ? ["log"] : ["rhino_log"];
    await place.exec(
      `DROP VIEW rhino_history; CREATE VIEW rhino_history AS SELECT id FROM ${name}`,
    );
    if (dialect === "postgres") await place.exec("DROP VIEW rhino_history");
    await (await open(place)).close();
    assert.deepEqual(await place.query(SHOWN), []);
  });
}

for (const dialect of DIALECTS.filter((one) => one !== "sqlite")) {
  Deno.test(`${dialect}: three servers that open an old store at once make the views once`, async () => {
    await using place = await makePlace(dialect);
    await place.exec(OLD_STORES[dialect]);
    const backends = await Promise.all([1, 2, 3].map(() => open(place)));
    for (const backend of backends) await backend.close();
    assert.deepEqual(await place.query(SHOWN), [OLD_ROW]);
  });

  Deno.test(`${dialect}: with --no-create an old store opens without the views, in one line, until they are made by hand`, async () => {
    await using place = await makePlace(dialect);
    await place.exec(OLD_STORES[dialect]);
    const told = await useStore(place, { createSchema: false });
    assert.equal(told.length, 1);
    assert.match(
      told[0] ?? "",
      /^info the views for reading with SQL are missing: run what --print-schema prints .*--no-create is set/,
    );
    // As often as one likes.
    for (let time = 1; time <= 2; time++) {
      await place.exec(await schemaSql({ endpoint: place.url }));
    }
    assert.deepEqual(await useStore(place, { createSchema: false }), []);
    assert.deepEqual(
      (await place.query(SHOWN)).map((row) => row.at(-1)),
      ["no time", "no time", "a time"],
    );
  });
}
