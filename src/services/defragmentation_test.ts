import assert from "node:assert/strict";
import { Defragmentations } from "./defragmentation.ts";

async function servingDuring(stopsService: boolean): Promise<boolean[]> {
  const defragmentations = new Defragmentations({ stopsService });
  const seen: boolean[] = [];
  const stop = defragmentations.onChange(() => seen.push(defragmentations.isServing));
  await defragmentations.run(() => Promise.resolve());
  const failure = new Error("no");
  await assert.rejects(defragmentations.run(() => Promise.reject(failure)), failure);
  stop();
  await defragmentations.run(() => Promise.resolve());
  return seen;
}

Deno.test("Defragmentations stop the service while they run, where the gate is on", async () => {
  assert.deepEqual(await servingDuring(true), [false, true, false, true]);
  assert.deepEqual(await servingDuring(false), [true, true, true, true]);
});
