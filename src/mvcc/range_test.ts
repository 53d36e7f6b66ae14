import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { encodeKv, parseKv } from "./stored_kv.ts";
import {
  assembleRange,
  canStream,
  hasRevisionFilters,
  needsNoValues,
  rowsNeeded,
} from "./range.ts";
import { ALL, key, rangeOp, readable, span } from "./testing/ops.ts";
import { type RangeOp, SORT_ORDER, SORT_TARGET } from "./types.ts";

interface Row {
  readonly name: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly value: string;
}

/** In key order; every other order differs from it. */
const ROWS: readonly Row[] = [
  { name: "a", create: 5, mod: 9, version: 2, value: "z" },
  { name: "b", create: 3, mod: 4, version: 9, value: "y" },
  { name: "c", create: 4, mod: 8, version: 1, value: "x" },
];

function kvsOf(rows: readonly Row[]): Uint8Array[] {
  return rows.map(({ name, create, mod, version, value }) =>
    encodeKv({
      key: key(name),
      createRevision: create,
      modRevision: mod,
      version,
      lease: 6n,
      value: Buffer.from(value),
    }).kv
  );
}

function assemble(options: Partial<RangeOp>, rows: readonly Row[] = ROWS) {
  const op = rangeOp(ALL, options);
  const kvs = kvsOf(rows).slice(0, rowsNeeded(op));
  return assembleRange(op, { kvs, count: rows.length, head: { revision: 10, recordsIndex: 0 } });
}

function names(options: Partial<RangeOp>): string {
  return assemble(options).kvs.map((kv) => Buffer.from(parseKv(kv).key).toString()).join("");
}

Deno.test("assembleRange() answers all versions as they were read when nothing is asked of it", () => {
  const result = assemble({});
  assert.deepEqual(readable(result.kvs), ["a=z", "b=y", "c=x"]);
  assert.equal(result.more, false);
  assert.equal(result.count, 3);
  assert.equal(result.revision, 10);
});

Deno.test("assembleRange() sorts by each target, in both directions", () => {
  const { KEY, VERSION, CREATE, MOD, VALUE } = SORT_TARGET;
  const byTarget = new Map(
    [[KEY, "abc"], [VERSION, "cab"], [CREATE, "bca"], [MOD, "bca"]] as const,
  );
  for (const [sortTarget, ascending] of [...byTarget, [VALUE, "cba"] as const]) {
    const descending = [...ascending].reverse().join("");
    assert.equal(names({ sortTarget, sortOrder: SORT_ORDER.ASCEND }), ascending);
    assert.equal(names({ sortTarget, sortOrder: SORT_ORDER.DESCEND }), descending);
  }
});

Deno.test("assembleRange() filters by the four revision bounds, all of them inclusive", () => {
  assert.equal(names({ minModRevision: 8 }), "ac");
  assert.equal(names({ maxModRevision: 8 }), "bc");
  assert.equal(names({ minCreateRevision: 4 }), "ac");
  assert.equal(names({ maxCreateRevision: 4 }), "bc");
  assert.equal(names({ minModRevision: 8, maxModRevision: 8 }), "c");
});

Deno.test("assembleRange() counts keys that filters and the limit leave out", () => {
  assert.equal(assemble({ minModRevision: 100 }).count, 3);
  assert.equal(assemble({ limit: 1 }).count, 3);
});

Deno.test("assembleRange() tells more when filters leave more than the limit", () => {
  assert.deepEqual(assemble({ minModRevision: 8, limit: 2 }).more, false);
  const cut = assemble({ minModRevision: 8, limit: 1 });
  assert.equal(cut.more, true);
  assert.equal(cut.kvs.length, 1);
});

Deno.test("assembleRange() cuts at the limit in key order before it sorts when a target has no order", () => {
  // etcd's way: the first keys up to one above the limit, sorted by the target, then cut.
  assert.equal(names({ sortTarget: SORT_TARGET.VERSION, limit: 1 }), "a");
  const ordered = { sortTarget: SORT_TARGET.VERSION, sortOrder: SORT_ORDER.ASCEND };
  assert.equal(names({ ...ordered, limit: 1 }), "c");
});

Deno.test("assembleRange() answers a bare count when only the count is asked for", () => {
  const { kvs, more, count } = assemble({ countOnly: true, limit: 1 });
  assert.deepEqual([kvs.length, more, count], [0, false, 3]);
});

Deno.test("assembleRange() leaves lease and value out of keys, but keeps the lease when it sorts by value", () => {
  const [first] = assemble({ keysOnly: true }).kvs.map((kv) => parseKv(kv));
  assert.deepEqual([first?.lease, first?.value.length], [0n, 0]);
  const byValue = { sortTarget: SORT_TARGET.VALUE, sortOrder: SORT_ORDER.ASCEND };
  const [least] = assemble({ ...byValue, keysOnly: true }).kvs.map((kv) => parseKv(kv));
  assert.deepEqual([least?.lease, least?.value.length], [6n, 0]);
  assert.equal(Buffer.from(least?.key ?? []).toString(), "c");
});

Deno.test("assembleRange() answers a part of what it read, within the limit, and keeps equal ones in key order", () => {
  const rows = fc.array(fc.record({ mod: fc.integer({ min: 1, max: 4 }) }), { maxLength: 8 });
  fc.assert(fc.property(rows, fc.nat(6), (list, limit) => {
    const many = list.map(({ mod }, i) => ({
      name: `k${i}`,
      create: 1,
      mod,
      version: 1,
      value: "",
    }));
    const byMod = { sortTarget: SORT_TARGET.MOD, sortOrder: SORT_ORDER.ASCEND };
    const result = assemble({ ...byMod, limit }, many);
    const expected = many.toSorted((a, b) => a.mod - b.mod);
    const cut = limit === 0 ? expected : expected.slice(0, limit);
    assert.deepEqual(readable(result.kvs), cut.map(({ name }) => `${name}=`));
    assert.equal(result.more, cut.length < many.length);
  }));
});

Deno.test("rowsNeeded() is one above the limit in key order, and all rows with an order or filters", () => {
  const { ASCEND, DESCEND } = SORT_ORDER;
  assert.equal(rowsNeeded(rangeOp(ALL, { limit: 5 })), 6);
  assert.equal(rowsNeeded(rangeOp(ALL, { limit: 5, sortOrder: ASCEND })), 6);
  assert.equal(rowsNeeded(rangeOp(ALL, { limit: 5, sortOrder: DESCEND })), Infinity);
  assert.equal(rowsNeeded(rangeOp(ALL, { limit: 5, minModRevision: 1 })), Infinity);
  assert.equal(rowsNeeded(rangeOp(ALL, { limit: -1 })), Infinity);
});

Deno.test("canStream() holds only when rows go out as they are read", () => {
  assert.ok(canStream(rangeOp(ALL, { limit: 3, keysOnly: true })));
  assert.ok(canStream(rangeOp(ALL, { sortOrder: SORT_ORDER.ASCEND })));
  assert.ok(!canStream(rangeOp(span("a"))));
  assert.ok(!canStream(rangeOp(ALL, { countOnly: true })));
  assert.ok(!canStream(rangeOp(ALL, { sortOrder: SORT_ORDER.DESCEND })));
  assert.ok(!canStream(rangeOp(ALL, { sortTarget: SORT_TARGET.MOD })));
  assert.ok(!canStream(rangeOp(ALL, { maxCreateRevision: 3 })));
});

Deno.test("needsNoValues() holds for keys only, unless they are sorted by value", () => {
  assert.ok(needsNoValues(rangeOp(ALL, { keysOnly: true })));
  assert.ok(!needsNoValues(rangeOp(ALL)));
  assert.ok(!needsNoValues(rangeOp(ALL, { keysOnly: true, sortTarget: SORT_TARGET.VALUE })));
  assert.ok(hasRevisionFilters(rangeOp(ALL, { maxModRevision: 1 })));
  assert.ok(!hasRevisionFilters(rangeOp(ALL)));
});
