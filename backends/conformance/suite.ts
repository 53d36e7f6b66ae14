/**
 * The conformance suite: what `backends/contract.ts` promises, as facts that any backend is held to. For a backend of
 * your own, call `testBackend` in a test file and run it with `deno test`.
 */

import { type Backend, BackendError, type OpenOptions } from "../contract.ts";
import { appendFacts } from "./append_facts.ts";
import { Dice, seedsToTry } from "./dice.ts";
import { historyFacts } from "./history_facts.ts";
import { leaseFacts } from "./lease_facts.ts";
import { lifeFacts } from "./life_facts.ts";
import { rangeFacts } from "./range_facts.ts";
import { recordFacts } from "./record_facts.ts";
import { type Fact, OPEN_OPTIONS, type Subject } from "./subject.ts";
import { trimFacts } from "./trim_facts.ts";

/** One store, which the suite opens, closes, and opens again. */
export interface TestStore {
  /** Opens the store: new the first time, later as the last `close` left it. Never open twice at a time. */
  open(options: OpenOptions): Promise<Backend>;
  /** Removes the store; it is closed by then. */
  remove(): Promise<void>;
}

export interface SuiteOptions {
  readonly name: string;
  /** Makes the place for a new store; `undefined` when this machine has no such database. */
  readonly createStore: (() => Promise<TestStore>) | undefined;
  /** Whose clock decides when leases expire. With `database`, the facts that move the clock are ignored. */
  readonly clock?: "handed-in" | "database";
  /** Name of a fact → why this backend is excused from it. */
  readonly skips?: Readonly<Record<string, string>>;
}

const FACTS: readonly Fact[] = [
  ...appendFacts,
  ...rangeFacts,
  ...historyFacts,
  ...trimFacts,
  ...leaseFacts,
  ...recordFacts,
  ...lifeFacts,
];

/** Registers one test for each fact. */
export function testBackend(options: SuiteOptions): void {
  const { name, createStore, clock = "handed-in", skips = {} } = options;
  for (const skip of Object.keys(skips)) {
    if (!FACTS.some((fact) => fact.name === skip)) throw new Error(`no fact is named "${skip}"`);
  }
  for (const fact of FACTS) {
    const needsOtherClock = fact.movesClock === true && clock === "database";
    Deno.test({
      name: `${name}: ${fact.name}`,
      ignore: createStore === undefined || needsOtherClock || Object.hasOwn(skips, fact.name),
      fn: () => createStore === undefined ? Promise.resolve() : tryFact(fact, createStore),
    });
  }
}

/** A failure names the seed with which `RHINO_SEED=… deno test` shows it again. */
async function tryFact(fact: Fact, createStore: () => Promise<TestStore>): Promise<void> {
  for (const seed of fact.rollsDice === true ? seedsToTry() : [0]) {
    try {
      await checkFact(fact, { store: await createStore(), dice: new Dice(seed) });
    } catch (error) {
      if (fact.rollsDice !== true) throw error;
      throw new Error(`failed with RHINO_SEED=${seed}`, { cause: error });
    }
  }
}

async function checkFact(
  fact: Fact,
  { store, dice }: { store: TestStore; dice: Dice },
): Promise<void> {
  const clock = { nowMs: Date.now() };
  let nextId = 0x7123_4567_89ab_cdefn;
  const options = { ...OPEN_OPTIONS, now: () => clock.nowMs, randomId: () => ++nextId };
  let backend = await store.open(options);
  const subject: Subject = {
    clock,
    get backend() {
      return backend;
    },
    async reopen() {
      await backend.close();
      backend = await store.open(options);
      return backend;
    },
  };
  try {
    await fact.check(subject, dice);
  } finally {
    await backend.close().catch(ignoreClosed);
    await store.remove();
  }
}

/** A fact may have closed the backend already. */
function ignoreClosed(error: unknown): void {
  if (!(error instanceof BackendError)) throw error;
}
