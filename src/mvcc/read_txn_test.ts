import assert from "node:assert/strict";
import { EtcdError } from "../errors.ts";
import { Alarms } from "./alarms.ts";
import { compactCommand } from "./commands.ts";
import { readTxn } from "./read_txn.ts";
import { Engine } from "./testing/engine.ts";
import { ALL, command, rangeOp, readable, span, txnOp } from "./testing/ops.ts";
import { type Compare, COMPARE_RESULT, COMPARE_TARGET, type RangeOp, type TxnOp } from "./types.ts";

const { EQUAL, GREATER, NOT_EQUAL } = COMPARE_RESULT;
const { VALUE, MOD, VERSION, LEASE } = COMPARE_TARGET;

function compare(range: Compare["range"], options: Partial<Compare>): Compare {
  return { range, target: MOD, result: EQUAL, number: 0n, value: new Uint8Array(), ...options };
}

async function run(engine: Engine, op: TxnOp) {
  const { backend, reader } = engine.store;
  const { recordsIndex: _, ...result } = await readTxn({ backend, reader, call: undefined }, op);
  return result;
}

async function filled(): Promise<Engine> {
  const engine = await Engine.open();
  for (const name of ["a", "b", "c", "a"]) await engine.put(name, name.toUpperCase());
  return engine;
}

Deno.test("readTxn() answers as the writer does, whatever is compared and read", async () => {
  await using engine = await filled();
  const single = { ...span("a", ""), single: true };
  const compares = [
    compare(ALL, { result: GREATER, number: 1n }),
    compare(ALL, { target: LEASE }),
    compare(ALL, { target: VERSION, number: 1n }),
    compare(span("x", "z"), {}),
    compare(span("x", "z"), { target: VALUE, result: NOT_EQUAL }),
    compare(span("b", "d"), { target: VALUE, result: GREATER, value: new Uint8Array([65]) }),
    compare(span("d", "b"), { number: 0n }),
  ];
  const ranges: Partial<RangeOp>[] = [
    {},
    { limit: 1 },
    { countOnly: true },
    { revision: 3 },
    { keysOnly: true },
    { sortTarget: 3, sortOrder: 2 },
    { range: single },
    { range: single, revision: 2 },
  ];
  for (const one of compares) {
    const success = ranges.map((options) => rangeOp(options.range ?? ALL, options));
    const op = txnOp(success, { compares: [one], failure: success.slice(1) });
    assert.deepEqual(await run(engine, op), await engine.store.submit(command(op)));
  }
});

Deno.test("readTxn() of nothing succeeds at the newest revision", async () => {
  await using engine = await filled();
  assert.deepEqual(await run(engine, txnOp([])), {
    kind: "txn",
    revision: 5,
    succeeded: true,
    results: [],
  });
});

Deno.test("readTxn() refuses revisions to come and compacted ones, of the branch taken", async () => {
  await using engine = await filled();
  await engine.store.submit(compactCommand(4, new Alarms()));
  for (const [revision, reason] of [[6, "futureRevision"], [3, "compacted"], [-1, "compacted"]]) {
    const wrong = rangeOp(ALL, { revision: Number(revision) });
    const isReason = (error: unknown) => error instanceof EtcdError && error.reason === reason;
    await assert.rejects(run(engine, txnOp([wrong])), isReason);
    const { results } = await run(engine, txnOp([], { failure: [wrong] }));
    assert.deepEqual(results, []);
  }
});

Deno.test("readTxn() reads everything as of one revision, whatever is written meanwhile", async () => {
  const whileReading: (() => Promise<unknown>)[] = [];
  await using opened = await Engine.open((real) => ({
    async range(query) {
      const page = await real.range(query);
      for (const write of whileReading) await write();
      return page;
    },
  }));
  await opened.put("a", "A");
  whileReading.push(() => opened.put("z"));
  const { revision, results } = await run(opened, txnOp([rangeOp(ALL), rangeOp(ALL)]));
  assert.equal(revision, 2);
  for (const result of results) {
    assert.ok(result.kind === "range");
    assert.deepEqual([readable(result.kvs), result.revision], [["a=A"], 2]);
  }
});
