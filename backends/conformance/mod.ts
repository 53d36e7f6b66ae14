/**
 * The conformance suite: what the contract promises, as facts that any backend is held to.
 *
 * - `testBackend` registers each fact as a test; call it in a test file of your own and run `deno test`.
 * - `runConformance` tries all facts and answers a report; `rhino conformance ENDPOINT` prints one.
 *
 * Both need a way to make a new store, for each fact has one of its own. Import the contract from where the suite has it,
 * or its `BackendError` is another class than the one that the suite waits for.
 */

export { type SuiteOptions, testBackend } from "./suite.ts";
export {
  type ConformanceOptions,
  type ConformanceReport,
  type FactResult,
  runConformance,
} from "./running.ts";
export { within } from "./within.ts";
export { SUITE_MEMBERS } from "./subject.ts";
export { ConformanceStopped, type TestStore } from "./trying.ts";
