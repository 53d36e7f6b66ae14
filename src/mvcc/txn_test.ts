import assert from "node:assert/strict";
import { EtcdError } from "../errors.ts";
import { Engine } from "./testing/engine.ts";
import { ALL, deleteOp, putOp, rangeOp, readable, span, txnOp } from "./testing/ops.ts";
import { collectReads, containsPut, isReadOnly } from "./txn.ts";
import { Alarms } from "./alarms.ts";
import { txnCommand } from "./commands.ts";
import { UNRESTRICTED } from "./permit.ts";
import { ReadSet } from "./read_set.ts";
import {
  type Compare,
  COMPARE_RESULT,
  COMPARE_TARGET,
  type OpResult,
  type TxnOp,
  type TxnResult,
} from "./types.ts";

function run(engine: Engine, op: TxnOp): Promise<TxnResult> {
  return engine.store.submit(
    txnCommand(op, { alarms: new Alarms(), bytes: 100, permit: UNRESTRICTED }),
  );
}

function compare(fields: Partial<Compare>): Compare {
  const { VERSION } = COMPARE_TARGET;
  const zero = { number: 0n, value: new Uint8Array(0) };
  return { range: span("a"), target: VERSION, result: COMPARE_RESULT.EQUAL, ...zero, ...fields };
}

function kvsOf(result: OpResult | undefined): string[] {
  return result?.kind === "range" ? readable(result.kvs) : ["no range"];
}

function hasReason(reason: EtcdError["reason"]) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

Deno.test("evaluateTxn() runs its operations in order, each seeing the earlier ones' writes", async () => {
  await using engine = await Engine.open();
  await engine.put("a", "0");
  const { results, revision } = await run(
    engine,
    txnOp([
      rangeOp(ALL),
      putOp("b", "1"),
      rangeOp(ALL),
      deleteOp(span("a")),
      rangeOp(ALL),
      rangeOp(ALL, { revision: 2 }),
    ]),
  );
  assert.equal(revision, 3);
  assert.deepEqual(kvsOf(results[0]), ["a=0"]);
  assert.deepEqual(kvsOf(results[2]), ["a=0", "b=1"]);
  assert.deepEqual(kvsOf(results[4]), ["b=1"]);
  assert.deepEqual(kvsOf(results[5]), ["a=0"]);
});

Deno.test("evaluateTxn() decides nested compares on the state before the whole transaction", async () => {
  await using engine = await Engine.open();
  const exists = compare({ result: COMPARE_RESULT.GREATER });
  const inner = txnOp([putOp("seen")], { compares: [exists], failure: [putOp("unseen")] });
  const { results } = await run(engine, txnOp([putOp("a"), inner]));
  const nested = results[1];
  assert.ok(nested?.kind === "txn" && !nested.succeeded);
  assert.equal(nested.revision, 0);
  assert.deepEqual(engine.commits[0]?.rows.map((row) => readable([row.kv])[0]), ["a=", "unseen="]);
});

Deno.test("evaluateTxn() writes nothing when a later operation is refused", async () => {
  await using engine = await Engine.open();
  await engine.put("a", "0");
  const refused: [TxnOp["success"][number], EtcdError["reason"]][] = [
    [putOp("b", "", { lease: 99n }), "leaseNotFound"],
    [putOp("b", "", { ignoreValue: true }), "keyNotFound"],
    [rangeOp(ALL, { revision: 50 }), "futureRevision"],
    [rangeOp(ALL, { revision: -2 }), "compacted"],
  ];
  for (const [op, reason] of refused) {
    await assert.rejects(run(engine, txnOp([putOp("a", "1"), op])), hasReason(reason));
  }
  assert.equal(engine.store.head.revision, 2);
  assert.deepEqual(engine.commits.length, 1);
});

Deno.test("evaluateTxn() looks at a key of zeros when a compare's range holds none, and at no value", async () => {
  await using engine = await Engine.open();
  const { VALUE, CREATE } = COMPARE_TARGET;
  const absent = await run(engine, txnOp([], { compares: [compare({ target: CREATE })] }));
  assert.equal(absent.succeeded, true);
  for (const result of Object.values(COMPARE_RESULT)) {
    const compares = [compare({ target: VALUE, result })];
    assert.equal((await run(engine, txnOp([], { compares }))).succeeded, false);
  }
});

Deno.test("evaluateTxn() lets a compare of a range hold only if it does for every key", async () => {
  await using engine = await Engine.open();
  await engine.put("a");
  await engine.put("b");
  const { VERSION } = COMPARE_TARGET;
  const all = compare({ range: ALL, target: VERSION, number: 1n });
  assert.equal((await run(engine, txnOp([], { compares: [all] }))).succeeded, true);
  await engine.put("b");
  assert.equal((await run(engine, txnOp([], { compares: [all] }))).succeeded, false);
});

Deno.test("evaluatePut() keeps the value or the lease that it is told to ignore", async () => {
  await using engine = await Engine.open();
  await engine.put("a", "kept");
  const { prevKv } = await engine.put("a", "", { ignoreValue: true, prevKv: true });
  assert.deepEqual(readable(prevKv === null ? [] : [prevKv]), ["a=kept"]);
  const [row] = engine.commits[1]?.rows ?? [];
  assert.deepEqual(row && readable([row.kv]), ["a=kept"]);
});

Deno.test("evaluateDelete() answers what it deleted; deleting nothing makes no revision", async () => {
  await using engine = await Engine.open();
  for (const name of ["a", "b", "c"]) await engine.put(name, "1");
  const gone = await run(engine, txnOp([deleteOp(span("a", "c"), { prevKv: true })]));
  const [result] = gone.results;
  assert.ok(result?.kind === "delete");
  assert.deepEqual([result.deleted, readable(result.prevKvs)], [2, ["a=1", "b=1"]]);
  const again = await run(engine, txnOp([deleteOp(span("a", "c"))]));
  assert.equal(again.revision, gone.revision);
  assert.equal(engine.commits.length, 4);
});

Deno.test("collectReads() asks for what both branches of every nested transaction may touch", () => {
  const need = new ReadSet();
  const inner = txnOp([putOp("b", "", { lease: 4n })], { failure: [deleteOp(span("c", "d"))] });
  const op = txnOp([rangeOp(span("x", "z"), { revision: 3 })], {
    compares: [compare({ range: span("a") })],
    failure: [inner],
  });
  collectReads(op, need);
  assert.deepEqual([...need.keys.keys()], ["a", "b"]);
  assert.deepEqual(need.ranges.map(({ revision }) => revision), [3, 0]);
  assert.deepEqual([...need.leases], [4n]);
});

Deno.test("isReadOnly() holds for ranges alone, containsPut() looks into nested transactions", () => {
  const read = txnOp([rangeOp(ALL)]);
  const deletes = txnOp([], { failure: [txnOp([deleteOp(ALL)])] });
  const puts = txnOp([], { failure: [txnOp([putOp("a")])] });
  const nested = txnOp([read]);
  assert.deepEqual([read, nested, deletes, puts].map(isReadOnly), [true, false, false, false]);
  assert.deepEqual([read, deletes, puts].map(containsPut), [false, false, true]);
});
