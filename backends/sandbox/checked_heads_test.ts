import assert from "node:assert/strict";
import { FIRST_HEAD, type Head } from "../contract.ts";
import { CheckedHeads } from "./checked_heads.ts";
import { BrokenPromise } from "./checked_shapes.ts";

function headAt(index: number, changes: Partial<Head> = {}): Head {
  return { ...FIRST_HEAD, index, batchId: `batch-${index}`, ...changes };
}

Deno.test("CheckedHeads takes answers that overtake each other, and no older one than at their start", () => {
  const heads = new CheckedHeads();
  const first = { floor: heads.floor, isExclusive: true };
  heads.note(headAt(3), first);
  heads.note(headAt(2), first);
  assert.equal(heads.floor, 3);
  assert.throws(
    () => heads.note(headAt(2), { floor: heads.floor, isExclusive: true }),
    new BrokenPromise("the head went back from index 3 to 2"),
  );
});

Deno.test("CheckedHeads lets a store that is shared go back: a database that lost commits may take over", () => {
  const heads = new CheckedHeads();
  heads.note(headAt(3), { floor: 0, isExclusive: false });
  heads.note(headAt(2), { floor: heads.floor, isExclusive: false });
  assert.equal(heads.floor, 2);
});

Deno.test("CheckedHeads finds one place that is told in two ways", () => {
  const heads = new CheckedHeads();
  const rules = { floor: 0, isExclusive: false };
  heads.note(headAt(3), rules);
  heads.note(headAt(3), rules);
  assert.throws(
    () => heads.note(headAt(3, { revision: 9 }), rules),
    new BrokenPromise("the head at index 3 is told in two ways"),
  );
  // Another history, as after a failover.
  heads.note(headAt(3, { batchId: "other", revision: 9 }), rules);
});
