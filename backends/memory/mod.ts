/**
 * The reference implementation of the contract: everything in memory, nothing kept after the process. For tests, and to
 * say in the fewest words what the other backends must do.
 */

import {
  type Backend,
  BackendError,
  type Batch,
  type HistoryQuery,
  type KeySpan,
  type LoadQuery,
  type OpenOptions,
  type RangeQuery,
  type TrimQuery,
} from "../contract.ts";
import { historyPage, leaseRows, load, rangePage, recordRows, sizeOf } from "./queries.ts";
import { applyBatch, createStore, type MemoryStore, trimStep } from "./store.ts";

/** Far above any request that the engine takes; memory itself knows no such limit. */
const KEY_SIZE_MAX = 16 * 1024 * 1024;
/** The same as SQLite's, so that what passes here passes there. */
const BATCH_ROWS_MAX = 2 ** 21;

/** Opens a new, empty store: `memory:` or `memory://`, whatever follows. */
export function open(_endpoint: string, options: OpenOptions): Promise<Backend> {
  const store = createStore({ clusterId: options.randomId(), nowMs: options.now() });
  return Promise.resolve(openStore(store, options));
}

/** Opens a store that is already there, as a restarted server would. */
export function openStore(store: MemoryStore, options: OpenOptions): Backend {
  return new MemoryBackend(store, options);
}

class MemoryBackend implements Backend {
  readonly capabilities = {
    exclusive: true,
    keySizeMax: KEY_SIZE_MAX,
    batchRowsMax: BATCH_ROWS_MAX,
  };
  readonly clusterId: bigint;
  readonly idleBeforeOpenMs: number;
  readonly #store: MemoryStore;
  readonly #options: OpenOptions;
  readonly #closed = new AbortController();

  constructor(store: MemoryStore, options: OpenOptions) {
    this.#store = store;
    this.#options = options;
    this.clusterId = store.clusterId;
    const idleMs = options.now() - store.appendedAtMs;
    this.idleBeforeOpenMs = store.head.index === 0 ? 0 : Math.max(0, idleMs);
  }

  /** Runs one call as one snapshot: nothing in it waits. */
  #run<T>(call: (store: MemoryStore) => T): Promise<T> {
    if (this.#closed.signal.aborted) {
      return Promise.reject(new BackendError("unavailable", "the store is closed"));
    }
    return new Promise((resolve) => resolve(call(this.#store)));
  }

  head() {
    return this.#run(({ head }) => head);
  }

  load(query: LoadQuery) {
    return this.#run((store) => load(store, query, this.#options.now()));
  }

  range(query: RangeQuery) {
    return this.#run((store) => rangePage(store, query));
  }

  count(query: KeySpan & { readonly revision: number }) {
    return this.#run((store) => {
      const all = { ...query, limit: Infinity, bytesMax: Infinity, keysOnly: true, packed: false };
      return { head: store.head, count: rangePage(store, all).kvs.length };
    });
  }

  history(query: HistoryQuery) {
    return this.#run((store) => historyPage(store, query));
  }

  leaseKeys(id: bigint) {
    return this.#run((store) => {
      const live = [...store.versions.live(new Uint8Array(), Infinity)];
      const attached = live.filter((row) => row.lease === id && id !== 0n);
      return { head: store.head, kvs: attached.map((row) => row.kv) };
    });
  }

  leases(limit: number) {
    return this.#run((store) => ({
      head: store.head,
      leases: leaseRows(store, this.#options.now()).slice(0, limit),
    }));
  }

  records(prefix: string) {
    return this.#run((store) => ({ head: store.head, records: recordRows(store, prefix) }));
  }

  append(batch: Batch) {
    return this.#run((store) => {
      if (store.head.index !== batch.expectedIndex) {
        throw new BackendError(
          "conflict",
          `the head stands at ${store.head.index}, not at ${batch.expectedIndex}`,
        );
      }
      applyBatch(store, batch, this.#options.now());
      return store.head;
    });
  }

  outcome(batchId: string) {
    return this.#run((store) => store.lastBatchId === batchId ? "applied" : "not-applied");
  }

  trim(query: TrimQuery) {
    return this.#run((store) => trimStep(store, query));
  }

  size() {
    return this.#run(sizeOf);
  }

  defragment() {
    return this.#run(() => {});
  }

  /** Nobody else can write, so it only waits for its end. */
  // deno-lint-ignore require-yield -- there is nothing to tell
  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const end = AbortSignal.any([signal, this.#closed.signal]);
    if (end.aborted) return;
    await new Promise((resolve) => end.addEventListener("abort", resolve, { once: true }));
  }

  close() {
    this.#closed.abort();
    return Promise.resolve();
  }
}
