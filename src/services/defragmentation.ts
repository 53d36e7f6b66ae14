/** Defragmentations under way, of which the health service tells where the feature gate StopGRPCServiceOnDefrag is on. */

export class Defragmentations {
  readonly #listeners = new Set<() => void>();
  /** Whether the server counts as not serving meanwhile. */
  readonly #stopsService: boolean;
  #running = 0;

  constructor(options: { readonly stopsService: boolean }) {
    this.#stopsService = options.stopsService;
  }

  get isServing(): boolean {
    return !this.#stopsService || this.#running === 0;
  }

  /** Calls back whenever `isServing` may have changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async run(defragment: () => Promise<void>): Promise<void> {
    this.#count(1);
    try {
      await defragment();
    } finally {
      this.#count(-1);
    }
  }

  #count(change: 1 | -1): void {
    this.#running += change;
    for (const listener of [...this.#listeners]) listener();
  }
}
