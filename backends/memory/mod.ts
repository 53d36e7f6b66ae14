/**
 * The reference implementation of the contract: everything in memory, nothing kept after the process. For tests, and to
 * say in the fewest words what the other backends must do.
 */

import {
  type Backend,
  BackendError,
  type BackendModule,
  type Batch,
  type Head,
  type HistoryQuery,
  type KeySpan,
  type LoadQuery,
  type Member,
  type OpenOptions,
  type Outcome,
  type RangeQuery,
  type TrimQuery,
} from "../contract.ts";
import { createWakes } from "../wakes.ts";
import { historyPage, leaseRows, load, rangePage, recordRows, sizeOf } from "./queries.ts";
import {
  applyBatch,
  createStore,
  isSameHead,
  type MemoryStore,
  type Moment,
  trimStep,
} from "./store.ts";

/** Far above any request that the engine takes; memory itself knows no such limit. */
const KEY_SIZE_MAX = 16 * 1024 * 1024;
/** The same as SQLite's, so that what passes here passes there. */
const BATCH_ROWS_MAX = 2 ** 21;

/** The version of the contract that this module was written for. */
export const contractVersion = 1;

/** Opens a new, empty store: `memory:` or `memory://`, whatever follows. */
export function open(_endpoint: string, options: OpenOptions): Promise<Backend> {
  const store = createStore({ clusterId: options.randomId(), nowMs: options.now() });
  return Promise.resolve(openStore(store, { ...options, isEphemeral: true }));
}

/** There is nothing to remove: a store ends with its backend. */
export function remove(): Promise<void> {
  return Promise.resolve();
}

export interface MemoryOptions extends OpenOptions {
  /** Others may have the store open at the same time. */
  readonly isShared?: boolean;
  /** Nobody will open it again. */
  readonly isEphemeral?: boolean;
}

/** Opens a store that is already there, as a restarted server would. */
export function openStore(store: MemoryStore, options: MemoryOptions): Backend {
  return new MemoryBackend(store, options);
}

/** A module that opens one and the same store each time; it is made when it is opened first. */
export function keepStore(): BackendModule {
  let store: MemoryStore | undefined;
  return {
    contractVersion,
    open(_endpoint, options) {
      store ??= createStore({ clusterId: options.randomId(), nowMs: options.now() });
      return Promise.resolve(openStore(store, options));
    },
  };
}

class MemoryBackend implements Backend {
  readonly capabilities;
  readonly clusterId: bigint;
  readonly #store: MemoryStore;
  readonly #options: OpenOptions;
  readonly #closed = new AbortController();

  constructor(store: MemoryStore, options: MemoryOptions) {
    this.#store = store;
    this.#options = options;
    this.clusterId = store.clusterId;
    this.capabilities = {
      exclusive: options.isShared !== true,
      isEphemeral: options.isEphemeral === true,
      keySizeMax: KEY_SIZE_MAX,
      batchRowsMax: BATCH_ROWS_MAX,
    };
  }

  get #moment(): Moment {
    return { nowMs: this.#options.now(), leaseGapMs: this.#options.leaseGapMs };
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
    return this.#run((store) => load(store, query, this.#moment));
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
      leases: leaseRows(store, this.#moment).slice(0, limit),
    }));
  }

  records(prefix: string) {
    return this.#run((store) => ({ head: store.head, records: recordRows(store, prefix) }));
  }

  append(batch: Batch) {
    return this.#run((store) => {
      if (!isSameHead(store.head, batch.base)) {
        throw new BackendError(
          "conflict",
          `the head stands at ${store.head.index}, not at ${batch.base.index}`,
        );
      }
      applyBatch(store, batch, this.#moment);
    });
  }

  outcome({ index, batchId }: Pick<Head, "index" | "batchId">) {
    return this.#run((store): Outcome => {
      if (store.head.index < index) return "unknown";
      return store.batchIds[index] === batchId ? "applied" : "not-applied";
    });
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

  announce(member: Member, aliveMs: number) {
    return this.#run(({ head, members }) => {
      const nowMs = this.#options.now();
      members.set(member.id, { ...member, seenAtMs: nowMs });
      const alive = [...members.values()].filter(({ seenAtMs }) => nowMs - seenAtMs <= aliveMs);
      return { head, members: alive.sort((a, b) => a.id < b.id ? -1 : 1) };
    });
  }

  leave(id: bigint) {
    return this.#run(({ members }) => void members.delete(id));
  }

  /** Wakes with each append, one's own as well. */
  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const end = AbortSignal.any([signal, this.#closed.signal]);
    const wakes = createWakes(end);
    this.#store.listeners.add(wakes.wake);
    try {
      yield* wakes.iterate();
    } finally {
      this.#store.listeners.delete(wakes.wake);
    }
  }

  close() {
    this.#closed.abort();
    return Promise.resolve();
  }
}
