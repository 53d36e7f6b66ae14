/** The contract over one SQLite file. Every SQL call is synchronous, so each method reads one moment. */

import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
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
  type Member,
  type OpenOptions,
  type Outcome,
  type Presence,
  type RangePage,
  type RangeQuery,
  type Size,
  type TrimQuery,
  type TrimResult,
} from "../contract.ts";
import { leaseNowMs, type LeaseTime, timeAfterAppend } from "../lease_clock.ts";
import { writeBatch } from "./appending.ts";
import { Checkpointer } from "./checkpointer.ts";
import { countSlice, type Slice } from "./counting.ts";
import type { Database } from "./driver.ts";
import { Durability } from "./durability.ts";
import { isDiskFailure } from "./errors.ts";
import { readHistory } from "./history.ts";
import type { OpenedDatabase } from "./opening.ts";
import { packNewest } from "./packing.ts";
import { readSlice, startPage } from "./ranging.ts";
import { listLeases, listRecords, loadKeys, loadLeases, loadRecords } from "./reading.ts";
import { SpaceKeeper } from "./space.ts";
import { SUBS_MAX } from "./statements.ts";
import { trimStep } from "./trimming.ts";
import { inReadTransaction } from "./transaction.ts";
import type { Tuning } from "./tuning.ts";

/** Far above any request that the engine takes, far below what SQLite holds in a row. */
const KEY_SIZE_MAX = 16 * 1024 * 1024;

/** Pages of every database besides those of its tables and indexes: the schema, and where vacuuming keeps its map. */
const FIXED_PAGES = 7;

/** Databases whose disk failed: kept from the garbage collector, which would close them, and locked until the process ends. */
const ABANDONED: OpenedDatabase[] = [];

export interface SqliteBackendOptions {
  readonly opened: OpenedDatabase;
  readonly options: OpenOptions;
  readonly tuning: Tuning;
}

export class SqliteBackend implements Backend {
  readonly capabilities = {
    exclusive: true,
    keySizeMax: KEY_SIZE_MAX,
    batchRowsMax: SUBS_MAX,
  };
  readonly clusterId: bigint;
  readonly folder: string;
  readonly #opened: OpenedDatabase;
  readonly #options: OpenOptions;
  readonly #durability: Durability;
  readonly #checkpointer: Checkpointer;
  readonly #space: SpaceKeeper;
  readonly #closed = new AbortController();
  #closing: Promise<void> | null = null;
  /** Nobody else writes, so what was last written is where the store stands. */
  #head: Head;
  #leaseTime: LeaseTime;

  constructor({ opened, options, tuning }: SqliteBackendOptions) {
    const { database, path, stored } = opened;
    const { log } = options;
    this.#opened = opened;
    this.#options = options;
    this.#head = stored.head;
    this.#leaseTime = stored;
    this.clusterId = stored.clusterId;
    this.folder = dirname(path);
    this.#durability = new Durability({
      file: tuning.wrapWal(opened.walFile),
      mode: options.unsafeNoSync === true ? "never" : tuning.syncMode,
      firstSyncMs: opened.syncMs,
      log,
      onSync: (ms) => options.onStatement?.("sync", ms),
      onFailure: () => this.#checkpointer.stop(),
    });
    this.#checkpointer = new Checkpointer({
      path,
      database,
      limits: tuning.checkpoint,
      log,
      onError: (error) => log("warn", "the log cannot be carried over", { error: String(error) }),
      openThread: tuning.openCheckpointThread,
      onDiskFailure: (message) => this.#durability.fail("the database cannot be synced", message),
    });
    this.#space = new SpaceKeeper({
      database,
      limits: tuning.space,
      isPaused: () => this.#checkpointer.pause !== null,
      onCommit: () => this.#checkpointer.afterCommit(),
      onError: (error) => log("warn", "space cannot be given back", { error: String(error) }),
    });
  }

  /** Runs one read inside one SQL transaction. */
  #read<T>(name: string, call: (database: Database) => T): Promise<T> {
    return this.#readOnce(name, (database) => inReadTransaction(database, call));
  }

  /** Runs one read of one statement. The answer waits until what it saw is on disk. */
  async #readOnce<T>(name: string, call: (database: Database) => T): Promise<T> {
    const database = this.#usable();
    const answer = this.#timed(name, () => call(database));
    const settled = this.#durability.settled();
    if (settled !== null) await settled;
    return answer;
  }

  /** SQLite takes some microseconds for a statement, and a clock is not much quicker: so calls are timed whole. */
  #timed<T>(name: string, call: () => T): T {
    const { onStatement } = this.#options;
    if (onStatement === undefined) return call();
    const startMs = performance.now();
    try {
      return call();
    } finally {
      onStatement(name, performance.now() - startMs);
    }
  }

  /** Waits while the database must not be changed. */
  async #writable(): Promise<Database> {
    // Ends with the pause; whoever was first in line may have begun another.
    while (this.#checkpointer.pause !== null) await this.#checkpointer.pause;
    return this.#usable();
  }

  #usable(): Database {
    if (this.#closed.signal.aborted) throw new BackendError("unavailable", "the store is closed");
    if (this.#durability.failure !== null) throw this.#durability.failure;
    return this.#opened.database;
  }

  async head(): Promise<Head> {
    this.#usable();
    return await this.#durableHead();
  }

  /** Where the store stands now, once that is on disk. */
  async #durableHead(): Promise<Head> {
    const head = this.#head;
    await this.#durability.settled();
    return head;
  }

  load(query: LoadQuery): Promise<Loaded> {
    const isOne = query.keys.length + query.leases.length + query.records.length === 1;
    const read = (database: Database) => ({
      head: this.#head,
      kvs: loadKeys(database, { ...query, revision: this.#past(query.revision) }),
      leases: loadLeases(database, { ids: query.leases, clockMs: this.#leaseClockMs }),
      records: loadRecords(database, query.records),
    });
    return isOne ? this.#readOnce("load", read) : this.#read("load", read);
  }

  async range(query: RangeQuery): Promise<RangePage> {
    this.#usable();
    const head = this.#head;
    const revision = query.revision === 0 ? head.revision : query.revision;
    let rowBytes = 0;
    if (query.packed && !query.keysOnly && this.#past(revision) === 0) {
      const packing = await this.#read("pack", (database) => packNewest(database, query));
      if (packing.page !== null) return { head, kvs: [], ...packing.page };
      rowBytes = packing.rowBytes;
    }
    const work = startPage(query, rowBytes);
    // Ends with the page: each slice moves its start forward.
    while (work.start !== null) {
      if (this.#head.compactRevision > revision) {
        // What is left to read may be trimmed: start over, or let the engine see that it is compacted.
        if (query.revision === 0) return await this.range(query);
        return { head: await this.#durableHead(), kvs: work.kvs, packed: null, more: false };
      }
      await this.#read("range", (database) => readSlice(database, work, this.#past(revision)));
      if (work.start !== null) await setImmediate();
    }
    return { head, kvs: work.kvs, packed: null, more: work.more };
  }

  async count(
    query: KeySpan & { readonly revision: number },
  ): Promise<{ head: Head; count: number }> {
    this.#usable();
    const head = this.#head;
    const revision = query.revision === 0 ? head.revision : query.revision;
    let count = 0;
    // Ends with the interval: each slice moves the start forward.
    for (let start: Uint8Array | null = query.start; start !== null;) {
      if (this.#head.compactRevision > revision) {
        // What is left to count may be trimmed: start over, or let the engine see that it is compacted.
        if (query.revision === 0) return await this.count(query);
        return { head: await this.#durableHead(), count };
      }
      const span = { start, end: query.end, revision: this.#past(revision) };
      const slice: Slice = await this.#read("count", (database) => countSlice(database, span));
      count += slice.count;
      start = slice.next;
      if (start !== null) await setImmediate();
    }
    return { head, count };
  }

  /** What is asked for at the head's revision is at the newest, which is 0. */
  #past(revision: number): number {
    return revision >= this.#head.revision ? 0 : revision;
  }

  history(query: HistoryQuery): Promise<HistoryPage> {
    return this.#read("history", (database) => {
      const { rows, cutAt } = readHistory(database, query);
      return {
        head: this.#head,
        rows,
        through: cutAt ?? Math.min(query.upTo, this.#head.revision),
        hasSince: this.#holds(query.since),
      };
    });
  }

  /** Nobody else writes, so there is one history only; what stands behind its end is none of it. */
  #holds(since: HistoryQuery["since"]): boolean {
    if (since === null || since.index < this.#head.index) return true;
    return since.batchId === this.#head.batchId;
  }

  get #leaseClockMs(): number {
    const { now, leaseGapMs } = this.#options;
    return leaseNowMs({ ...this.#leaseTime, nowMs: now() }, leaseGapMs);
  }

  leaseKeys(id: bigint): Promise<{ head: Head; kvs: readonly Uint8Array[] }> {
    return this.#read("leaseKeys", ({ query }) => ({
      head: this.#head,
      kvs: query.listLeaseKeys.all<[Uint8Array]>(id).map(([kv]) => kv),
    }));
  }

  leases(limit: number) {
    return this.#read("leases", (database) => ({
      head: this.#head,
      leases: listLeases(database, { limit, clockMs: this.#leaseClockMs }),
    }));
  }

  records(prefix: string) {
    return this.#read(
      "records",
      (database) => ({ head: this.#head, records: listRecords(database, prefix) }),
    );
  }

  async append(batch: Batch): Promise<void> {
    const database = await this.#writable();
    const { index, batchId } = this.#head;
    if (index !== batch.base.index || batchId !== batch.base.batchId) {
      const message = `the head stands at ${index}, not at ${batch.base.index}`;
      throw new BackendError("conflict", message);
    }
    const { now, leaseGapMs } = this.#options;
    const gapMs = batch.resumesLeases ? 0 : leaseGapMs;
    const time = timeAfterAppend(this.#leaseTime, { nowMs: now(), gapMs });
    this.#write("append", () => writeBatch(database, { batch, time }));
    this.#head = batch.head;
    this.#leaseTime = time;
    try {
      this.#durability.committed();
      this.#checkpointer.afterCommit();
      const settled = this.#durability.settled();
      if (settled !== null) await settled;
    } catch (error) {
      throw new BackendError("indeterminate", "the batch may not be on disk", { cause: error });
    }
  }

  /** After a disk failure, what SQLite believes to be there may not be. */
  #write<T>(name: string, call: () => T): T {
    try {
      return this.#timed(name, call);
    } catch (error) {
      if (!isDiskFailure(error)) throw error;
      this.#durability.fail("the disk failed", error);
      throw new BackendError("indeterminate", "the batch may be on disk", { cause: error });
    }
  }

  async outcome({ index, batchId }: Pick<Head, "index" | "batchId">): Promise<Outcome> {
    this.#usable();
    const head = await this.#durableHead();
    if (head.index !== index) return head.index < index ? "not-applied" : "unknown";
    return head.batchId === batchId ? "applied" : "not-applied";
  }

  /** Not synced: a step that a crash takes back is made again. */
  async trim(query: TrimQuery): Promise<TrimResult> {
    const database = await this.#writable();
    const result = this.#write("trim", () => trimStep(database, { ...query, head: this.#head }));
    this.#checkpointer.afterCommit();
    if (result.done) this.#space.afterTrim();
    return result;
  }

  // deno-lint-ignore require-await -- so that what it throws is a rejection
  async size(): Promise<Size> {
    const { query } = this.#usable();
    const [pageSize = 0] = query.pageSize.get<[number]>() ?? [];
    const [pages = 0] = query.pageCount.get<[number]>() ?? [];
    const [free = 0] = query.freePages.get<[number]>() ?? [];
    const [roots = 0] = query.rootPages.get<[number]>() ?? [];
    return {
      total: pages * pageSize,
      inUse: (pages - free) * pageSize,
      empty: (roots + FIXED_PAGES) * pageSize,
    };
  }

  /** Appends and trims wait meanwhile; reads do not. */
  async defragment(): Promise<void> {
    this.#usable();
    await this.#checkpointer.defragment();
  }

  // deno-lint-ignore require-await -- so that what it throws is a rejection
  async announce(member: Member, _aliveMs: number): Promise<Presence> {
    this.#usable();
    return { head: this.#head, members: [member] };
  }

  // deno-lint-ignore require-await -- so that what it throws is a rejection
  async leave(_id: bigint): Promise<void> {
    this.#usable();
  }

  /** Nobody else can write, so it only waits for its end. */
  // deno-lint-ignore require-yield -- there is nothing to tell
  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const end = AbortSignal.any([signal, this.#closed.signal]);
    if (end.aborted) return;
    await new Promise((resolve) => end.addEventListener("abort", resolve, { once: true }));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    this.#space.close();
    await this.#checkpointer.close();
    await this.#durability.close();
    if (this.#durability.failure !== null) {
      // SQLite's own close would carry the log over without looking whether the disk has kept it; opening it anew will.
      ABANDONED.push(this.#opened);
      return;
    }
    this.#opened.database.close();
    this.#opened.lock.release();
  }
}
