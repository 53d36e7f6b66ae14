/** Lets time pass, by every clock that a store may go by. */

import type { Subject } from "./subject.ts";

export async function delay({ clock }: Subject, ms: number): Promise<void> {
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  clock.nowMs += Math.round(performance.now() - startMs);
}
