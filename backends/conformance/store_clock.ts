/** Finds out whether a store goes by the clock that it is handed: one in a database, or across a sandbox, cannot. */

import { append, OPEN_OPTIONS } from "./subject.ts";
import type { TestStore } from "./trying.ts";

/** Far from what a busy machine may let pass, and less than the gap that counts. */
const STEP_MS = OPEN_OPTIONS.leaseGapMs / 2;

export async function goesByGivenClock(createStore: () => Promise<TestStore>): Promise<boolean> {
  const store = await createStore();
  let nowMs = Date.now();
  const backend = await store.open({ ...OPEN_OPTIONS, now: () => nowMs });
  try {
    const timeLeft = async () => (await backend.leases(1)).leases[0]?.remainingMs ?? 0;
    const state = { ttl: 60, remainingMs: 60_000 };
    await append({ backend }, { leases: [{ id: 1n, state }] });
    const before = await timeLeft();
    nowMs += STEP_MS;
    // To the millisecond, for a clock of its own has moved as well.
    return before - await timeLeft() === STEP_MS;
  } catch {
    // The facts will say better what is wrong.
    return false;
  } finally {
    await backend.close();
    await store.remove();
  }
}
