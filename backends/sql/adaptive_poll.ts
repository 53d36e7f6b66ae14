/**
 * Learns that another server moved the head by asking for it again and again: often after a change, seldom while nothing
 * happens. For databases that tell nobody.
 */

import type { Head } from "../contract.ts";

/** From one question to the next after a change: what another server wrote shows within this and the time of a query. */
const SHORTEST_PAUSE_MS = 10;
/** While nothing happens: 2 queries a second for each server. */
const LONGEST_PAUSE_MS = 500;
/** From 10 ms to 500 ms in ten questions, some 1.4 s. */
const PAUSE_GROWTH = 1.5;

export interface AdaptivePoll {
  /** Told of each append of this server, so that it does not wake for it. */
  appended(batchId: string): void;
  /** Wakes once at first, then whenever the head is another. Ends by the signal, never throws. */
  changes(signal: AbortSignal): AsyncGenerator<void>;
}

export function createAdaptivePoll(readHead: () => Promise<Pick<Head, "batchId">>): AdaptivePoll {
  let own = { batchId: "", count: 0 };

  /** The head's batch id; `null` if the store does not answer, or if the answer may be older than an append of our own. */
  async function ask(): Promise<{ batchId: string | null; hasFailed: boolean }> {
    const { count } = own;
    try {
      const { batchId } = await readHead();
      return { batchId: own.count === count ? batchId : null, hasFailed: false };
    } catch {
      return { batchId: null, hasFailed: true };
    }
  }

  return {
    appended(batchId) {
      own = { batchId, count: own.count + 1 };
    },

    async *changes(signal) {
      let known: string | null = null;
      let pauseMs = SHORTEST_PAUSE_MS;
      while (!signal.aborted) {
        const { batchId, hasFailed } = await ask();
        if (signal.aborted) return;
        // After a failure the store may be another one: it wakes once it answers again.
        if (hasFailed) known = null;
        const hasChanged = batchId !== null && batchId !== known &&
          (known === null || batchId !== own.batchId);
        if (batchId !== null) known = batchId;
        pauseMs = hasChanged ? SHORTEST_PAUSE_MS : longer(pauseMs);
        if (hasChanged) yield;
        await pause(pauseMs, signal);
      }
    },
  };
}

function longer(pauseMs: number): number {
  return Math.min(LONGEST_PAUSE_MS, pauseMs * PAUSE_GROWTH);
}

/** Ends earlier if the signal is aborted. */
export function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, pauseMs);
    signal.addEventListener("abort", end, { once: true });
  });
}
