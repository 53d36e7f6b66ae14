/** The benchmark run with tiny sizes, on Rhino alone, so that it cannot rot. Its figures are not looked at. */

import assert from "node:assert/strict";
import { hasGo } from "./go_build.ts";
import { reportText } from "./report.ts";
import { runBenchmark } from "./run.ts";
import type { Sizes } from "./sizes.ts";
import { MEMORY, READY, WORKLOADS } from "./workloads.ts";

const TINY_SIZES: Sizes = {
  clients: 8,
  valueBytes: 64,
  warmUps: 10,
  creates: 50,
  updates: 100,
  singleUpdates: 5,
  gets: 50,
  listKeys: 20,
  lists: 2,
  pagedLists: 2,
  watchers: 10,
  writers: 4,
  watchedKeys: 20,
  memoryKeys: 40,
};

// In CI a machine without Go must fail the run, not thin it out.
const isImpossible = Deno.env.get("CI") !== "true" && !await hasGo();

Deno.test({
  name: "every workload of the benchmark runs on Rhino without an error",
  ignore: isImpossible,
  fn: async () => {
    const run = await runBenchmark({
      rounds: 1,
      servers: ["rhino"],
      sizes: TINY_SIZES,
      isFull: false,
      report: false,
      help: false,
    });
    for (const { workload, outcome } of run.rows) {
      if (typeof outcome === "string") assert.fail(`${workload.title}: ${outcome}`);
      assert.equal(outcome.errors, 0, `${workload.title}: ${outcome.firstError}`);
      assert.ok(outcome.ok > 0, workload.title);
    }
    const workloads = run.rows.map(({ workload }) => workload);
    assert.deepEqual(workloads, [READY, ...WORKLOADS, MEMORY]);
    const text = reportText(run);
    for (const { title } of workloads) assert.ok(text.includes(`| ${title} `), title);
  },
});
