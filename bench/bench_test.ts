/** The benchmark run with tiny sizes, on Rhino alone, so that it cannot rot. Its figures are not looked at. */

import assert from "node:assert/strict";
import { missingFor } from "../tests/support/databases/installed.ts";
import { hasGo } from "./go_build.ts";
import { runGrowth } from "./growth.ts";
import { growthText } from "./growth_report.ts";
import { sectionText } from "./report.ts";
import { withSection } from "./report_file.ts";
import { runBenchmark } from "./run.ts";
import { HALVES, ONE_SERVER, TWO_SERVERS } from "./sharing.ts";
import type { Sizes } from "./sizes.ts";
import { STORE_NAMES, type StoreName } from "./stores.ts";
import { MEMORY, READY, type Workload, WORKLOADS } from "./workloads.ts";

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
  sharedMs: 100,
  memoryKeys: 40,
};

const WITH_DATABASE: readonly Workload[] = [ONE_SERVER, TWO_SERVERS, ...HALVES];

// In CI a machine without Go or a database must fail the run, not thin it out.
const isCi = Deno.env.get("CI") === "true";
const hasGoHere = await hasGo();

function isImpossible(store: StoreName): boolean {
  return !isCi && !(hasGoHere && (store === "sqlite" || missingFor(store) === undefined));
}

for (const store of STORE_NAMES) {
  Deno.test({
    name: `every workload of the benchmark runs on Rhino with ${store} without an error`,
    ignore: isImpossible(store),
    fn: async () => {
      const run = await runBenchmark({
        store,
        rounds: 1,
        servers: ["rhino"],
        kineConnections: 0,
        sizes: TINY_SIZES,
        isFull: false,
        growth: undefined,
        report: false,
        help: false,
      });
      for (const { workload, outcome } of run.rows) {
        if (typeof outcome === "string") assert.fail(`${workload.title}: ${outcome}`);
        assert.equal(outcome.errors, 0, `${workload.title}: ${outcome.firstError}`);
        assert.ok(outcome.ok > 0, workload.title);
      }
      const workloads = run.rows.map(({ workload }) => workload);
      const shared = store === "sqlite" ? [] : WITH_DATABASE;
      assert.deepEqual(workloads, [READY, ...WORKLOADS, ...shared, MEMORY]);
      const text = sectionText(run);
      for (const { title } of workloads) assert.ok(text.includes(`| ${title} `), title);
      // Else the report would leave it out.
      assert.ok(withSection("", text).includes(text.trimEnd()));
    },
  });

  Deno.test({
    name: `the run about growth tells three times how large Rhino's store is on ${store}`,
    ignore: isImpossible(store),
    fn: async () => {
      const growth = { updates: 100, keys: 10 };
      const run = await runGrowth({ store, growth, sizes: TINY_SIZES });
      assert.deepEqual(run.steps.map(({ updates }) => updates), [10, 50, 100]);
      for (const { parts } of run.steps) {
        assert.ok(parts.length > 0);
        for (const { name, bytes } of parts) {
          // A write-ahead log may have been emptied.
          assert.ok(Number.isSafeInteger(bytes) && (bytes > 0 || store === "sqlite"), name);
        }
      }
      const text = growthText(run);
      assert.match(text, /\| total /);
      assert.ok(withSection("", text).includes(text.trimEnd()));
    },
  });
}
