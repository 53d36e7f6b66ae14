/** From calls to an iteration: what `Backend.changes` is made of where a store tells of its changes. */

export interface Wakes {
  /** Lets the iteration go on. Calls that come while the last one is still being dealt with count as one. */
  wake(): void;
  /** Once for each wake; ends when the signal is aborted. */
  iterate(): AsyncGenerator<void>;
}

export function createWakes(signal: AbortSignal): Wakes {
  let isAwake = false;
  let notify = () => {};
  signal.addEventListener("abort", () => notify(), { once: true });
  return {
    wake() {
      isAwake = true;
      notify();
    },
    async *iterate() {
      while (!signal.aborted) {
        if (!isAwake) await new Promise<void>((resolve) => notify = resolve);
        if (signal.aborted) return;
        isAwake = false;
        yield;
      }
    },
  };
}
