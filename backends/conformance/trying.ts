/** Tries one fact on one new store, within a time. */

import { type Backend, BackendError, type OpenOptions } from "../contract.ts";
import { Dice } from "./dice.ts";
import { within } from "./within.ts";
import { type Fact, NotApplicable, OPEN_OPTIONS, type Subject } from "./subject.ts";

/** One store, which the suite opens, closes, and opens again. */
export interface TestStore {
  /**
   * Opens the store: new the first time, later as the last `close` left it. It is open twice at a time only if its
   * capabilities say that it is not exclusive.
   */
  open(options: OpenOptions): Promise<Backend>;
  /** Removes the store; it is closed by then. */
  remove(): Promise<void>;
}

/** Thrown by a `TestStore` to end the whole run, where going on would do harm. */
export class ConformanceStopped extends Error {}

/** How long a fact may take on one store. Far more than any of them needs. */
export const FACT_MS_MAX = 60_000;
/** How long closing and removing a store may take. */
const END_MS_MAX = 30_000;

export interface Trial {
  readonly createStore: () => Promise<TestStore>;
  /** For facts that roll dice. */
  readonly seed: number;
  readonly factMsMax?: number;
  readonly log?: OpenOptions["log"];
}

/**
 * Resolves if the fact holds.
 *
 * @throws {NotApplicable} where the rest of the fact does not apply to the backend, and what is tried of it holds
 */
export async function tryFact(fact: Fact, trial: Trial): Promise<void> {
  const { createStore, seed, factMsMax = FACT_MS_MAX, log = OPEN_OPTIONS.log } = trial;
  const store = await createStore();
  const opened = new OpenedStore(store, log);
  const errors: unknown[] = [];
  const note = (error: unknown) => void errors.push(error);
  await within(checkFact(fact, { opened, seed }), factMsMax, "the fact").catch(note);
  await within(opened.close(), END_MS_MAX, "closing the backend").catch(note);
  await within(store.remove(), END_MS_MAX, "removing the store").catch(note);
  // What came first says most, but nothing can be tried any more where the store is another's.
  const stop = errors.find((error) => error instanceof ConformanceStopped);
  if (errors.length > 0) throw stop ?? errors[0];
}

async function checkFact(
  fact: Fact,
  { opened, seed }: { readonly opened: OpenedStore; readonly seed: number },
): Promise<void> {
  await opened.reopen();
  await fact.check(opened, new Dice(seed));
}

/** The fact's side of a store. */
class OpenedStore implements Subject {
  readonly clock = { nowMs: Date.now() };
  readonly #store: TestStore;
  readonly #options: OpenOptions;
  readonly #others: Backend[] = [];
  #backend: Backend | undefined;

  constructor(store: TestStore, log: OpenOptions["log"]) {
    this.#store = store;
    let nextId = 0x7123_4567_89ab_cdefn;
    this.#options = {
      ...OPEN_OPTIONS,
      now: () => this.clock.nowMs,
      randomId: () => ++nextId,
      log,
    };
  }

  get backend(): Backend {
    if (this.#backend === undefined) throw new Error("the store is not open");
    return this.#backend;
  }

  async reopen(options: Partial<OpenOptions> = {}): Promise<Backend> {
    if (this.#backend?.capabilities.isEphemeral === true) {
      throw new NotApplicable(
        "not tried to its end: the store keeps nothing once it is closed (Capabilities.isEphemeral)",
      );
    }
    await this.#backend?.close();
    this.#backend = await this.#store.open({ ...this.#options, ...options });
    return this.#backend;
  }

  async openAnother(): Promise<Backend> {
    if (this.backend.capabilities.exclusive) {
      throw new NotApplicable("no other server can have the store open (Capabilities.exclusive)");
    }
    const other = await this.#store.open(this.#options);
    this.#others.push(other);
    return other;
  }

  /** Closes what is open. A fact may have done so already. */
  async close(): Promise<void> {
    for (const backend of [...this.#others, this.#backend]) {
      await backend?.close().catch((error) => {
        if (!(error instanceof BackendError)) throw error;
      });
    }
  }
}
