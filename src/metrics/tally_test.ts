import assert from "node:assert/strict";
import { exponentialBounds, Tally } from "./tally.ts";

Deno.test("Tally counts what lies at or below each bound", () => {
  const tally = new Tally([1, 2, 4]);
  for (const value of [0, 1, 1.5, 4, 5, 100]) tally.observe(value);
  assert.deepEqual(tally.cumulative(), [2, 3, 4]);
  assert.equal(tally.count, 6);
  assert.equal(tally.sum, 111.5);
});

Deno.test("exponentialBounds() has no dust of floating point", () => {
  const bounds = exponentialBounds({ start: 0.0001, factor: 2, count: 20 });
  assert.deepEqual(bounds.slice(0, 4), [0.0001, 0.0002, 0.0004, 0.0008]);
  assert.equal(bounds.at(-1), 52.4288);
});
