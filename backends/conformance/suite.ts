/** The conformance suite as tests: `testBackend` in a test file, run with `deno test`. */

import { seedsToTry } from "./dice.ts";
import { FACTS } from "./facts.ts";
import type { Fact } from "./subject.ts";
import { type TestStore, tryFact } from "./trying.ts";

export interface SuiteOptions {
  readonly name: string;
  /** Makes the place for a new store; `undefined` when this machine has no such database. */
  readonly createStore: (() => Promise<TestStore>) | undefined;
  /** Whose clock decides when leases expire. With `database`, the facts that move the clock are ignored. */
  readonly clock?: "handed-in" | "database";
  /** One server has the store to itself. Then the facts about servers that share it are ignored. Default: false. */
  readonly exclusive?: boolean;
  /** Name of a fact → why this backend is excused from it. */
  readonly skips?: Readonly<Record<string, string>>;
}

/**
 * Registers one test for each fact.
 *
 * @throws {Error} if `skips` names no fact
 */
export function testBackend(options: SuiteOptions): void {
  const { name, createStore, clock = "handed-in", exclusive = false, skips = {} } = options;
  for (const skip of Object.keys(skips)) {
    if (!FACTS.some((fact) => fact.name === skip)) throw new Error(`no fact is named "${skip}"`);
  }
  const isExcused = (fact: Fact) =>
    (fact.movesClock === true && clock === "database") ||
    (fact.needsOthers === true && exclusive) || Object.hasOwn(skips, fact.name);
  for (const fact of FACTS) {
    Deno.test({
      name: `${name}: ${fact.name}`,
      ignore: createStore === undefined || isExcused(fact),
      fn: () => createStore === undefined ? Promise.resolve() : tryWithSeeds(fact, createStore),
    });
  }
}

/** A failure names the seed with which `RHINO_SEED=… deno test` shows it again. */
async function tryWithSeeds(fact: Fact, createStore: () => Promise<TestStore>): Promise<void> {
  for (const seed of fact.rollsDice === true ? seedsToTry() : [0]) {
    try {
      await tryFact(fact, { createStore, seed });
    } catch (error) {
      if (fact.rollsDice !== true) throw error;
      throw new Error(`failed with RHINO_SEED=${seed}`, { cause: error });
    }
  }
}
