import assert from "node:assert/strict";
import { leaseNowMs } from "../lease_clock.ts";
import { BATCH_SLOTS, hasBatch, outcomeOf, slotOf } from "./ring.ts";

Deno.test("the ring tells batches that are there from those that are not, and admits what it forgot", () => {
  const asked = { index: 5, batchId: "x" };
  const other = { index: 5, batchId: "y" };
  const later = { index: 5 + BATCH_SLOTS, batchId: "z" };
  assert.equal(slotOf(asked.index), slotOf(later.index));
  const cases = [
    { headIndex: 4, slot: null, outcome: "unknown", has: false },
    { headIndex: 5, slot: asked, outcome: "applied", has: true },
    { headIndex: 9, slot: asked, outcome: "applied", has: true },
    { headIndex: 9, slot: other, outcome: "not-applied", has: false },
    { headIndex: 9, slot: null, outcome: "unknown", has: false },
    { headIndex: later.index, slot: later, outcome: "unknown", has: false },
  ] as const;
  for (const { headIndex, slot, outcome, has } of cases) {
    assert.equal(outcomeOf({ headIndex, slot, asked }), outcome);
    assert.equal(hasBatch({ headIndex, slot, asked }), has);
  }
  const nothing = { index: 0, batchId: "" };
  assert.equal(hasBatch({ headIndex: 9, slot: null, asked: nothing }), true);
});

Deno.test("the lease clock stands in a gap, and after it goes on where it stood", () => {
  const gapMs = 5_000;
  const at = (nowMs: number, pauseMs = 0) =>
    leaseNowMs({ nowMs, appendedAtMs: 1_000, pauseMs }, gapMs);
  assert.equal(at(1_000), 1_000);
  assert.equal(at(6_000), 6_000);
  assert.equal(at(6_001), 1_000);
  assert.equal(at(9_000, 300), 700);
  assert.equal(at(500), 500);
});
