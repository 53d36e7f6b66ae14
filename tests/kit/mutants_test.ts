/** The suite can fail: each of these backends breaks one promise, and a fact says so. */

import assert from "node:assert/strict";
import { runConformance } from "../../backends/conformance/mod.ts";
import { HISTORY_MUTANTS, LEASE_MUTANTS, SHARING_MUTANTS, TRIM_MUTANTS } from "./log_mutants.ts";
import { mutantStores, READ_MUTANTS, WRITE_MUTANTS } from "./mutants.ts";

/** A mutant that hangs is found by that. */
const FACT_MS_MAX = 3_000;

const MUTANTS = [
  ...WRITE_MUTANTS,
  ...READ_MUTANTS,
  ...HISTORY_MUTANTS,
  ...TRIM_MUTANTS,
  ...LEASE_MUTANTS,
  ...SHARING_MUTANTS,
];

for (const mutant of MUTANTS) {
  Deno.test(`conformance: finds a backend that ${mutant.wrong}`, async () => {
    const createStore = mutantStores(mutant);
    const filter = mutant.foundBy;
    const report = await runConformance({ createStore, filter, seed: 1, factMsMax: FACT_MS_MAX });
    assert.ok(report.results.length > 0, `no fact is named "${filter}"`);
    const [failed] = report.results.filter(({ status }) => status === "failed");
    assert.ok(failed !== undefined, `no fact of "${filter}" failed`);
    assert.ok(failed.reason.length > 0 && failed.see !== "");
  });
}
