/** The store as the other parts see it: scripts run on its keys, and reads in several steps that are of one snapshot. */

import { BackendError, type BatchPlace, type Head, slotOf } from "./kit.ts";
import type { Argument, Link, Reply } from "./link.ts";
import { isOtherHistory, type Top, topOf } from "./replies.ts";
import { behindRevision } from "./rows.ts";
import { type ScriptName, SCRIPTS } from "./scripts.ts";

/** How often a read begins again because a compaction came in between. */
const RESTARTS_MAX = 5;

export interface Store {
  readonly link: Link;
  readonly keys: readonly string[];
}

export interface Question {
  readonly values: readonly Argument[];
  readonly timeoutMs: number;
  /** A batch to look for in the ring. */
  readonly asked?: BatchPlace | null;
}

/** Runs a script that changes nothing, or may be run again. */
export function runSafely(
  { link, keys }: Store,
  name: ScriptName,
  { values, timeoutMs }: Question,
): Promise<Reply> {
  return link.run(SCRIPTS[name], { keys, values }, { timeoutMs, isSafe: true });
}

/** Runs one of the scripts in `lua/reads.ts`. */
export async function read(store: Store, name: ScriptName, question: Question): Promise<Top> {
  const slot = String(slotOf(question.asked?.index ?? 0));
  return topOf(
    await runSafely(store, name, { ...question, values: [slot, ...question.values] }),
  );
}

export interface Steps {
  /** Runs a step: a script whose second value is the bound of ids that it sees, and that has these besides. */
  next(name: ScriptName, values: readonly Argument[]): Promise<Top>;
  /** The head to answer with, after the first step. */
  head(): Head;
}

/**
 * A read in several steps. If it is of the newest, the first step decides what that is, and the others read as of then: rows
 * do not change, and are there until a compaction passes them. If one does, all begins again. A read of an older revision
 * answers the last step's head, by which the caller sees that a compaction has passed it.
 *
 * @throws {BackendError} `unavailable` if the store has become another one in between, or is compacted all the time
 */
export async function inSteps<T>(
  store: Store,
  { revision, timeoutMs }: { readonly revision: number; readonly timeoutMs: number },
  work: (steps: Steps) => Promise<T>,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (let attempt = 1; attempt <= RESTARTS_MAX; attempt++) {
    const steps = new PinnedSteps(store, revision, endMs);
    try {
      return await work(steps);
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
    }
  }
  throw new BackendError("unavailable", "compactions overtook the read again and again");
}

class Overtaken extends Error {}

class PinnedSteps implements Steps {
  readonly #store: Store;
  readonly #revision: number;
  readonly #endMs: number;
  #first: Head | null = null;
  #last: Head | null = null;

  constructor(store: Store, revision: number, endMs: number) {
    this.#store = store;
    this.#revision = revision;
    this.#endMs = endMs;
  }

  async next(name: ScriptName, values: readonly Argument[]): Promise<Top> {
    const first = this.#first;
    const revision = this.#revision > 0 ? this.#revision : first?.revision ?? 0;
    const top = await read(this.#store, name, {
      values: [revision === 0 ? "" : behindRevision(revision), ...values],
      timeoutMs: Math.max(0, this.#endMs - performance.now()),
      asked: first,
    });
    this.#first ??= top.head;
    this.#last = top.head;
    if (first !== null) this.#checkStep(first, top);
    return top;
  }

  head(): Head {
    const head = this.#revision === 0 ? this.#first : this.#last;
    if (head === null) throw new BackendError("unavailable", "nothing was read yet");
    return head;
  }

  #checkStep(first: Head, top: Top): void {
    if (isOtherHistory(top, first)) {
      throw new BackendError("unavailable", "the store became another one during the call");
    }
    if (this.#revision === 0 && top.head.compactRevision > first.revision) throw new Overtaken();
  }
}
