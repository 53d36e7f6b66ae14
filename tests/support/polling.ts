/** Waits for what comes by itself. */

/** Far more than anything takes; whoever must be quicker says so. */
const TIMEOUT_MS = 30_000;
const PAUSE_MS = 20;

/**
 * Asks again and again until the answer is something.
 *
 * @throws {Error} with the last answer if it is not in time; what `ask` throws, at once
 */
export async function eventually(
  what: string,
  ask: () => Promise<boolean>,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!await ask()) {
    if (performance.now() > giveUpAt) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await pause(PAUSE_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
