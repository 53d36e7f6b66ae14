/**
 * The checksums of compactions, shared by the servers of a store. Only who compacts can make one in time, before anybody
 * trims; it tells the others by a record, and they wait for it before they trim or answer, though not for ever: that
 * server may have died.
 */
import { Buffer } from "node:buffer";
import type { HashResult } from "../mvcc/hash.ts";
import type { HashStorage } from "../mvcc/hash_storage.ts";
import type { Command } from "../mvcc/read_set.ts";
import type { Store } from "../mvcc/store.ts";

const RECORD = "compaction/hash";

/** Longest wait for another server's checksum, from when its compaction was seen: it reads 100,000 rows in less. */
const WAIT_MS_MAX = 5_000;

export interface SharedHashesOptions {
  readonly store: Store;
  readonly hashes: HashStorage;
  /** Milliseconds, for waiting only. */
  readonly now: () => number;
}

/** Without a checksum where there is none to be had. */
interface Told {
  readonly compactRevision: number;
  readonly hash: HashResult | null;
}

export class SharedHashes implements Disposable {
  readonly #options: SharedHashesOptions;
  #toldRevision = 0;
  #waiters: (() => void)[] = [];
  #isClosed = false;

  constructor(options: SharedHashesOptions) {
    this.#options = options;
    options.store.onCommit(({ records }) => {
      for (const { name, value } of records) {
        if (name === RECORD && value !== null) this.#take(parseTold(value));
      }
    });
  }

  /** Tells the others what the checksum of a compaction is, or that it has none. */
  async tell(told: Told): Promise<void> {
    if (this.#options.store.backend.capabilities.exclusive) return;
    await this.#options.store.submit(tellCommand(told));
  }

  /** Resolves when the checksum of the compaction has been told, or too much time has passed since it was seen. */
  async wait(compactRevision: number, sinceMs: number): Promise<void> {
    const untilMs = sinceMs + WAIT_MS_MAX;
    while (this.#toldRevision < compactRevision && !this.#isClosed) {
      const leftMs = untilMs - this.#options.now();
      if (!(leftMs > 0)) return;
      await this.#next(leftMs);
    }
  }

  #next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #take({ compactRevision, hash }: Told): void {
    if (hash !== null) this.#options.hashes.store(hash);
    this.#toldRevision = compactRevision;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#wake();
  }
}

function tellCommand(told: Told): Command<void> {
  const value = Buffer.from(JSON.stringify(told));
  return {
    bytes: value.length,
    reads: (need) => need.records.add(RECORD),
    apply(view) {
      const known = view.record(RECORD);
      // A later compaction may have been told of already.
      if (known !== null && parseTold(known).compactRevision >= told.compactRevision) return;
      view.setRecord(RECORD, value);
    },
  };
}

/** Written by `tellCommand` alone. */
function parseTold(value: Uint8Array): Told {
  return JSON.parse(Buffer.from(value).toString()) as Told;
}
