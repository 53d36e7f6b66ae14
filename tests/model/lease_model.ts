/** Leases, but for the passing of time: every one here outlives its test. */

import { ModelError } from "./model_error.ts";
import type { Draft, StoreModel } from "./store_model.ts";

/** One and a half election timeouts, in whole seconds. */
const TTL_SECONDS_MIN = 2n;
const TTL_SECONDS_MAX = 9_000_000_000n;

export class LeaseModel {
  readonly #ttls = new Map<bigint, bigint>();

  get ids(): bigint[] {
    return [...this.#ttls.keys()];
  }

  has(id: bigint): boolean {
    return this.#ttls.has(id);
  }

  /** Gives the TTL that is granted for one that is asked for. */
  grant(id: bigint, ttlSeconds: bigint): bigint {
    if (ttlSeconds > TTL_SECONDS_MAX) throw new ModelError("ttlTooLarge");
    if (this.#ttls.has(id)) throw new ModelError("leaseExists");
    const granted = ttlSeconds < TTL_SECONDS_MIN ? TTL_SECONDS_MIN : ttlSeconds;
    this.#ttls.set(id, granted);
    return granted;
  }

  /** Deletes the keys of the lease in one revision, in key order, and then the lease. */
  revoke(draft: Draft, id: bigint): void {
    if (!this.#ttls.delete(id)) throw new ModelError("leaseNotFound");
    for (const key of this.keysOf(draft.store, id)) draft.delete(key);
  }

  /** Undefined if there is no such lease. */
  grantedTtl(id: bigint): bigint | undefined {
    return this.#ttls.get(id);
  }

  /** A key belongs to the lease of its newest version. */
  keysOf(store: StoreModel, id: bigint): string[] {
    return [...store.keys.values()].filter((kv) => kv.lease === id).map((kv) => kv.key);
  }
}
