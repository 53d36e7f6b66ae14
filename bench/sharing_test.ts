import assert from "node:assert/strict";
import type { LoadResult } from "./load.ts";
import { together } from "./sharing.ts";

const HALF: LoadResult = {
  ok: 100,
  errors: 0,
  perSecond: 10,
  p50Ms: 1,
  p99Ms: 5,
  cpuUsPerOp: 40,
  dbCpuUsPerOp: null,
  rssMb: 50,
  peakRssMb: null,
};

Deno.test("loads of the same time add up, and their CPU time is told per operation of both", () => {
  const other = { ...HALF, ok: 300, perSecond: 30, p50Ms: 2, p99Ms: 3, cpuUsPerOp: 20 };
  assert.deepEqual(together([HALF, { ...other, dbCpuUsPerOp: 8, firstError: "no", errors: 1 }]), {
    ok: 400,
    errors: 1,
    firstError: "no",
    perSecond: 40,
    p50Ms: 2,
    p99Ms: 5,
    cpuUsPerOp: 25,
    // 300 × 8 µs, told by one for all.
    dbCpuUsPerOp: 6,
    rssMb: 100,
    peakRssMb: null,
  });
});
