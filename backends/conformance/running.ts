/** The conformance suite as a function: tries all facts and tells of each. */

import { seedsToTry } from "./dice.ts";
import { FACTS } from "./facts.ts";
import { describeFailure } from "./failure.ts";
import { type Fact, NotApplicable } from "./subject.ts";
import { goesByGivenClock } from "./store_clock.ts";
import { ConformanceStopped, FACT_MS_MAX, type TestStore, tryFact } from "./trying.ts";

export interface ConformanceOptions {
  /** Makes the place for a new store. */
  readonly createStore: () => Promise<TestStore>;
  /** Tries only facts whose name contains this. */
  readonly filter?: string;
  /** For facts that roll dice; three of them if there is none here. */
  readonly seed?: number;
  /** How long a fact may take with one seed; more counts as failed. Default: 60 s. */
  readonly factMsMax?: number;
  /** End with the first fact that fails. */
  readonly failFast?: boolean;
  /** Told of each fact as soon as it was tried. */
  readonly onResult?: (result: FactResult) => void;
}

/** What became of one fact. */
export interface FactResult {
  readonly name: string;
  /** What of the contract promises it. */
  readonly see: string;
  readonly status: "ok" | "failed" | "skipped";
  /** Lines that say why it failed or was skipped, and what the backend logged then. */
  readonly reason: readonly string[];
  /** With which it failed, if it rolls dice. */
  readonly seed: number | null;
  readonly ms: number;
}

export interface ConformanceReport {
  readonly results: readonly FactResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Of what the backend logs while a fact fails. */
const LOG_LINES_MAX = 5;

/**
 * Tries all facts, one after the other, each on a new store. Whether the store goes by the clock that the suite hands in
 * is found out first, on a store of its own; that, and all else, has an end.
 *
 * @throws {ConformanceStopped} if a `TestStore` does
 * @throws what `createStore`, or opening or removing a store, throws before the first fact
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const { createStore, filter = "", failFast = false, onResult = () => {} } = options;
  const facts = FACTS.filter(({ name }) => name.includes(filter));
  const hasGivenClock = await goesByGivenClock(createStore, options.factMsMax ?? FACT_MS_MAX);
  const results: FactResult[] = [];
  for (const fact of facts) {
    const result = fact.movesClock === true && !hasGivenClock
      ? skipped(fact, "the store goes by a clock of its own, which the suite cannot move")
      : await tryWithSeeds(fact, options);
    results.push(result);
    onResult(result);
    if (failFast && result.status === "failed") break;
  }
  const count = (wanted: FactResult["status"]) =>
    results.filter(({ status }) => status === wanted).length;
  return {
    results,
    passed: count("ok"),
    failed: count("failed"),
    skipped: count("skipped"),
  };
}

function skipped({ name, see }: Fact, reason: string): FactResult {
  return { name, see, status: "skipped", reason: [reason], seed: null, ms: 0 };
}

async function tryWithSeeds(fact: Fact, options: ConformanceOptions): Promise<FactResult> {
  const { createStore, factMsMax = FACT_MS_MAX, seed } = options;
  const { name, see, rollsDice = false } = fact;
  const startMs = performance.now();
  const logged: string[] = [];
  const log = (level: string, message: string) => {
    if (level === "warn" || level === "error") logged.push(`the backend logged: ${message}`);
  };
  const seeds = !rollsDice ? [0] : seed === undefined ? seedsToTry() : [seed];
  for (const seed of seeds) {
    try {
      await tryFact(fact, { createStore, seed, factMsMax, log });
    } catch (error) {
      if (error instanceof ConformanceStopped) throw error;
      if (error instanceof NotApplicable) return skipped(fact, error.message);
      return {
        name,
        see,
        status: "failed",
        reason: [...describeFailure(error), ...logged.slice(-LOG_LINES_MAX)],
        seed: rollsDice ? seed : null,
        ms: performance.now() - startMs,
      };
    }
  }
  return { name, see, status: "ok", reason: [], seed: null, ms: performance.now() - startMs };
}
