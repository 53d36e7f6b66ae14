/** Defragmentations under way, of which the health service tells where the feature gate StopGRPCServiceOnDefrag is on. */

import type { Backend } from "../../backends/contract.ts";
import { now } from "../clocks.ts";
import type { Log } from "../log.ts";
import { longWork } from "../long_work.ts";

export class Defragmentations {
  readonly #listeners = new Set<() => void>();
  /** Whether the server counts as not serving meanwhile. */
  readonly #stopsService: boolean;
  readonly #log: Log;
  #running = 0;

  constructor(options: { readonly stopsService: boolean; readonly log: Log }) {
    this.#stopsService = options.stopsService;
    this.#log = options.log;
  }

  get isServing(): boolean {
    return !this.#stopsService || this.#running === 0;
  }

  /** Calls back whenever `isServing` may have changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async run(backend: Pick<Backend, "defragment" | "size">): Promise<void> {
    this.#count(1);
    try {
      const log = this.#log;
      const before = await backend.size();
      await longWork({ log, now, what: "defragmentation" }, () => backend.defragment());
      const after = await backend.size();
      log("info", "defragmented", { bytesBefore: before.total, bytesAfter: after.total });
    } finally {
      this.#count(-1);
    }
  }

  #count(change: 1 | -1): void {
    this.#running += change;
    for (const listener of [...this.#listeners]) listener();
  }
}
