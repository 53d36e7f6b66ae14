import assert from "node:assert/strict";
import { Defragmentations } from "./defragmentation.ts";

async function servingDuring(stopsService: boolean): Promise<boolean[]> {
  const defragmentations = new Defragmentations({ stopsService, log: () => {} });
  const size = () => Promise.resolve({ total: 1, inUse: 1, empty: 0 });
  const seen: boolean[] = [];
  const stop = defragmentations.onChange(() => seen.push(defragmentations.isServing));
  await defragmentations.run({ size, defragment: () => Promise.resolve() });
  const failure = new Error("no");
  await assert.rejects(
    defragmentations.run({ size, defragment: () => Promise.reject(failure) }),
    failure,
  );
  stop();
  await defragmentations.run({ size, defragment: () => Promise.resolve() });
  return seen;
}

Deno.test("Defragmentations stop the service while they run, where the gate is on", async () => {
  assert.deepEqual(await servingDuring(true), [false, true, false, true]);
  assert.deepEqual(await servingDuring(false), [true, true, true, true]);
});
