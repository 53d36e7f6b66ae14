/**
 * Checksums made at compactions, before what they cover is trimmed: HashKV at a compacted revision answers the same
 * before and after the compaction there. As in etcd, the newest few are kept, in memory.
 */
import type { HashResult } from "./hash.ts";

/** Kept checksums; the one of the lowest revision goes first (etcd's `hashStorageMaxSize`). */
const KEPT_MAX = 10;

export class HashStorage {
  readonly #byRevision = new Map<number, HashResult>();

  get(revision: number): HashResult | undefined {
    return this.#byRevision.get(revision);
  }

  /** Revisions come in growing order, so the oldest entry is the lowest. */
  store(hash: HashResult): void {
    this.#byRevision.set(hash.hashRevision, hash);
    for (const oldest of this.#byRevision.keys()) {
      if (this.#byRevision.size <= KEPT_MAX) break;
      this.#byRevision.delete(oldest);
    }
  }
}
