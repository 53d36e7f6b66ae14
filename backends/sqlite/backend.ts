/** The contract over one SQLite file. Every SQL call is synchronous, so each method reads one moment. */

import {
  type Backend,
  BackendError,
  type Batch,
  type Head,
  type HistoryPage,
  type HistoryQuery,
  type KeySpan,
  type Loaded,
  type LoadQuery,
  type OpenOptions,
  type Outcome,
  type RangePage,
  type RangeQuery,
  type Size,
  type TrimQuery,
} from "../contract.ts";
import { writeBatch } from "./appending.ts";
import type { Database } from "./driver.ts";
import { readHistory } from "./history.ts";
import { countKeys, rangePage } from "./ranging.ts";
import { listLeases, listRecords, loadKeys, loadLeases, loadRecords } from "./reading.ts";
import { SUBS_MAX } from "./statements.ts";
import { trimStep } from "./trimming.ts";

/** Far above any request that the engine takes, far below what SQLite holds in a row. */
const KEY_SIZE_MAX = 16 * 1024 * 1024;

export interface SqliteBackendOptions {
  readonly path: string;
  readonly database: Database;
  readonly options: OpenOptions;
}

export class SqliteBackend implements Backend {
  readonly capabilities = {
    exclusive: true,
    keySizeMax: KEY_SIZE_MAX,
    batchRowsMax: SUBS_MAX,
  };
  readonly clusterId: bigint;
  readonly idleBeforeOpenMs: number;
  readonly #database: Database;
  readonly #options: OpenOptions;
  readonly #closed = new AbortController();
  /** Nobody else writes, so what was last written is where the store stands. */
  #head: Head;
  #lastBatchId: string;

  constructor({ path, database, options }: SqliteBackendOptions) {
    this.#database = database;
    this.#options = options;
    const { query } = database;
    const row = query.readHead.get<[number, number, number, string, number]>();
    const cluster = query.readClusterId.get<[bigint]>();
    if (row === undefined || cluster === undefined) {
      throw new BackendError("unusable", `Cannot open "${path}": its head is missing`);
    }
    const [index, revision, compactRevision, batchId, appendedAtMs] = row;
    this.#head = { index, revision, compactRevision };
    this.#lastBatchId = batchId;
    this.clusterId = BigInt.asUintN(64, cluster[0]);
    this.idleBeforeOpenMs = index === 0 ? 0 : Math.max(0, options.now() - appendedAtMs);
  }

  /** Runs one read inside one SQL transaction, which takes SQLite's locks once for all its statements. */
  #read<T>(call: (database: Database) => T): Promise<T & { head: Head }> {
    return this.#run((database) => {
      const { query } = database;
      query.begin.run();
      try {
        return { head: this.#head, ...call(database) };
      } finally {
        query.commit.run();
      }
    });
  }

  // deno-lint-ignore require-await -- so that what `call` throws is a rejection
  async #run<T>(call: (database: Database) => T): Promise<T> {
    if (this.#closed.signal.aborted) throw new BackendError("unavailable", "the store is closed");
    return call(this.#database);
  }

  head(): Promise<Head> {
    return this.#run(() => this.#head);
  }

  load(query: LoadQuery): Promise<Loaded> {
    const { revision } = this.#past(query);
    return this.#read((database) => ({
      kvs: loadKeys(database, { ...query, revision }),
      leases: loadLeases(database, { ids: query.leases, nowMs: this.#options.now() }),
      records: loadRecords(database, query.records),
    }));
  }

  range(query: RangeQuery): Promise<RangePage> {
    return this.#read((database) => rangePage(database, this.#past(query)));
  }

  count(query: KeySpan & { readonly revision: number }): Promise<{ head: Head; count: number }> {
    return this.#read((database) => ({ count: countKeys(database, this.#past(query)) }));
  }

  /** What is asked for at the head's revision is at the newest. */
  #past<Q extends { readonly revision: number }>(query: Q): Q {
    return query.revision >= this.#head.revision ? { ...query, revision: 0 } : query;
  }

  history(query: HistoryQuery): Promise<HistoryPage> {
    return this.#read((database) => {
      const { rows, cutAt } = readHistory(database, query);
      return { rows, through: cutAt ?? Math.min(query.upTo, this.#head.revision) };
    });
  }

  leaseKeys(id: bigint): Promise<{ head: Head; kvs: readonly Uint8Array[] }> {
    return this.#read(({ query }) => ({
      kvs: query.listLeaseKeys.all<[Uint8Array]>(id).map(([kv]) => kv),
    }));
  }

  leases(limit: number) {
    return this.#read((database) => ({
      leases: listLeases(database, { limit, nowMs: this.#options.now() }),
    }));
  }

  records(prefix: string) {
    return this.#read((database) => ({ records: listRecords(database, prefix) }));
  }

  append(batch: Batch): Promise<Head> {
    return this.#run((database) => {
      const head = this.#head;
      if (head.index !== batch.expectedIndex) {
        const message = `the head stands at ${head.index}, not at ${batch.expectedIndex}`;
        throw new BackendError("conflict", message);
      }
      this.#head = writeBatch(database, { batch, head, nowMs: this.#options.now() });
      this.#lastBatchId = batch.id;
      return this.#head;
    });
  }

  outcome(batchId: string): Promise<Outcome> {
    return this.#run(() => batchId === this.#lastBatchId ? "applied" : "not-applied");
  }

  trim(query: TrimQuery) {
    return this.#run((database) =>
      trimStep(database, { head: this.#head, rowsMax: query.rowsMax })
    );
  }

  size(): Promise<Size> {
    return this.#run((database) => {
      const pageSize = Number(database.pragma("page_size"));
      const pages = Number(database.pragma("page_count"));
      const free = Number(database.pragma("freelist_count"));
      return { total: pages * pageSize, inUse: (pages - free) * pageSize };
    });
  }

  defragment(): Promise<void> {
    return this.#run((database) => database.exec("VACUUM"));
  }

  /** Nobody else can write, so it only waits for its end. */
  // deno-lint-ignore require-yield -- there is nothing to tell
  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const end = AbortSignal.any([signal, this.#closed.signal]);
    if (end.aborted) return;
    await new Promise((resolve) => end.addEventListener("abort", resolve, { once: true }));
  }

  close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort();
      this.#database.close();
    }
    return Promise.resolve();
  }
}
