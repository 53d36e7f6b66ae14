/** Finds out whether a store goes by the clock that it is handed: one in a database, or across a sandbox, cannot. */

import type { Backend } from "../contract.ts";
import { append, OPEN_OPTIONS } from "./subject.ts";
import { ConformanceStopped, type TestStore } from "./trying.ts";
import { within } from "./within.ts";

/** Far from what a busy machine may let pass, and less than the gap that counts. */
const STEP_MS = OPEN_OPTIONS.leaseGapMs / 2;

export async function goesByGivenClock(
  createStore: () => Promise<TestStore>,
  msMax: number,
): Promise<boolean> {
  const store = await createStore();
  const clock = { nowMs: Date.now() };
  const opening = store.open({ ...OPEN_OPTIONS, now: () => clock.nowMs });
  const backend = await within(opening, msMax, "opening the store");
  try {
    return await within(followsClock(backend, clock), msMax, "asking for the clock");
  } catch (error) {
    if (error instanceof ConformanceStopped) throw error;
    // The facts will say better what is wrong.
    return false;
  } finally {
    await within(backend.close(), msMax, "closing the backend").catch(() => {});
    await within(store.remove(), msMax, "removing the store");
  }
}

async function followsClock(backend: Backend, clock: { nowMs: number }): Promise<boolean> {
  const timeLeft = async () => (await backend.leases(1)).leases[0]?.remainingMs ?? 0;
  const state = { ttl: 60, remainingMs: 60_000 };
  await append({ backend }, { leases: [{ id: 1n, state }] });
  const before = await timeLeft();
  clock.nowMs += STEP_MS;
  // To the millisecond, for a clock of its own has moved as well.
  return before - await timeLeft() === STEP_MS;
}
