/** The backend: what the contract asks, in reads and conditional commits of a store. */

import {
  type Backend,
  BackendError,
  type Batch,
  type Head,
  type HistoryQuery,
  type KeySpan,
  type LeaseRow,
  type LoadQuery,
  type LogRow,
  type Member,
  type OpenOptions,
  type Outcome,
  type RangeQuery,
  type TrimQuery,
  type TrimResult,
} from "@rhino/rhino/contract";
import {
  type AdaptivePoll,
  beginTrim,
  createAdaptivePoll,
  endTrim,
  isSuperfluous,
  isTrimmed,
  outcomeOf,
  timeAfterAppend,
} from "@rhino/rhino/kit";
import { batchWrites } from "./batch_writes.ts";
import * as layout from "./layout.ts";
import * as reading from "./reading.ts";
import type { Shelf } from "./shelf.ts";

export type { StoredHead } from "./reading.ts";

/** What Rhino takes at the most; a store with a lower limit says so here. */
const KEY_SIZE_MAX = 1024 * 1024;

export interface BackendOptions extends OpenOptions {
  readonly clusterId: bigint;
}

export class ShelfBackend implements Backend {
  readonly capabilities = {
    // Any number of servers may share a shelf.
    exclusive: false,
    keySizeMax: KEY_SIZE_MAX,
    batchRowsMax: layout.SUBS_MAX,
  };
  readonly clusterId: bigint;
  readonly #shelf: Shelf;
  readonly #options: BackendOptions;
  readonly #closing = new AbortController();
  readonly #poll: AdaptivePoll;

  constructor(shelf: Shelf, options: BackendOptions) {
    this.#shelf = shelf;
    this.#options = options;
    this.clusterId = options.clusterId;
    this.#poll = createAdaptivePoll(() => this.head());
  }

  async head(): Promise<Head> {
    return (await reading.snapshot(this.#shelf)).stored.head;
  }

  load(query: LoadQuery) {
    return reading.load(this.#shelf, query, this.#options.leaseGapMs);
  }

  range(query: RangeQuery) {
    return reading.range(this.#shelf, query);
  }

  count(query: KeySpan & { readonly revision: number }) {
    return reading.count(this.#shelf, query);
  }

  history(query: HistoryQuery) {
    return reading.history(this.#shelf, query);
  }

  async leaseKeys(id: bigint) {
    const start = layout.leasedKey(id, "");
    const end = layout.leasedKey(id, "\u{ffff}");
    const scan = { start, end, limit: Number.MAX_SAFE_INTEGER };
    const { stored: { head }, version, results } = await reading.snapshot(this.#shelf, [scan]);
    const texts = (results[0]?.entries ?? []).map(([text]) => layout.keyOfLeased(text));
    const scans = texts.map((key) => reading.one(`c${key}`));
    const found = (await this.#shelf.read(scans, version)).results;
    const kvs = found.map((result, at) =>
      layout.decodeRow(layout.bytesOf(texts[at] ?? ""), reading.valueIn(result) ?? "").kv
    );
    return { head, kvs };
  }

  async leases(limit: number) {
    const scan = { start: "x", end: "y", limit };
    const found = await reading.snapshot(this.#shelf, [scan]);
    const clockMs = reading.clockOf(found, this.#options.leaseGapMs);
    const leases = (found.results[0]?.entries ?? []).map(([text, value]): LeaseRow => {
      const { id, expiresAtMs } = layout.leaseOfExpiry(text);
      return { id, ttl: layout.decodeJson(value).ttl, remainingMs: expiresAtMs - clockMs };
    });
    return { head: found.stored.head, leases };
  }

  async records(prefix: string) {
    const start = layout.recordKey(prefix);
    const scan = { start, end: `${start}\u{ffff}`, limit: Number.MAX_SAFE_INTEGER };
    const { stored: { head }, results } = await reading.snapshot(this.#shelf, [scan]);
    const records = (results[0]?.entries ?? []).map(([text, value]) =>
      [layout.nameOfRecord(text), Uint8Array.fromBase64(value)] as const
    );
    return { head, records };
  }

  /** Reads what the batch replaces, and commits if the head is still the one that was read. */
  async append(batch: Batch): Promise<void> {
    const keys = [...new Map(batch.rows.map(({ key }) => [layout.textOf(key), key])).values()];
    const found = await reading.snapshot(this.#shelf, [
      ...keys.map((key) => reading.one(layout.currentKey(key))),
      ...batch.leases.map(({ id }) => reading.one(layout.leaseKey(id))),
    ]);
    const { head, clusterId } = found.stored;
    if (head.index !== batch.base.index || head.batchId !== batch.base.batchId) {
      throw new BackendError(
        "conflict",
        `the head stands at ${head.index}, not at ${batch.base.index}`,
      );
    }
    const gapMs = batch.resumesLeases ? 0 : this.#options.leaseGapMs;
    const leaseTime = timeAfterAppend(found.stored.leaseTime, { nowMs: found.nowMs, gapMs });
    const writes = batchWrites(batch, {
      rowsBefore: keys.map((key, at) => {
        const value = reading.valueIn(found.results[at]);
        return value === null ? null : layout.decodeRow(key, value);
      }),
      leasesBefore: found.results.slice(keys.length).map((result) => reading.valueIn(result)),
      clockMs: found.nowMs - leaseTime.pauseMs,
    });
    writes.set(layout.HEAD, layout.encodeJson({ head: batch.head, clusterId, leaseTime }));
    try {
      await this.#shelf.commit({ checks: [[layout.HEAD, found.headText]], writes: [...writes] });
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind !== "conflict") throw error;
      // `fetch` sends a request once more where a connection that it had kept open breaks: the head may have been moved
      // by the first time.
      if (await this.outcome(batch.head) !== "applied") throw error;
    }
    this.#poll.appended(batch.head.batchId);
  }

  async outcome(asked: Pick<Head, "index" | "batchId">): Promise<Outcome> {
    const scan = reading.one(layout.slotKey(asked.index));
    const { stored, results } = await reading.snapshot(this.#shelf, [scan]);
    return outcomeOf({ headIndex: stored.head.index, slot: reading.slotIn(results[0]), asked });
  }

  async trim(query: TrimQuery): Promise<TrimResult> {
    const found = await reading.snapshot(this.#shelf, [reading.one(layout.TRIM)]);
    const before = reading.valueIn(found.results[0]);
    const progress = layout.decodeJson(before ?? "");
    const { compactRevision } = found.stored.head;
    const step = beginTrim(progress, { query, compactRevision });
    const scan = { ...layout.logSpan(progress.cursor, step.target), limit: query.rowsMax };
    const [log] = (await this.#shelf.read([scan], found.version)).results;
    const rows = await this.#versions(log?.entries ?? [], found.version);
    if (isTrimmed(step, rows)) return { removed: 0, done: true, isBusy: false };
    const gone = new Map<string, LogRow>();
    for (const { row, older } of rows) {
      if (older !== null) gone.set(layout.logKey(older), older);
      if (isSuperfluous(step, row)) gone.set(layout.logKey(row), row);
    }
    const writes = [...gone].flatMap(([text, row]) =>
      [[text, null], [layout.versionKey(row), null]] as const
    );
    const hasMore = log?.more ?? false;
    const end = endTrim(step, { rows: rows.map(({ row }) => row), hasMore, removed: gone.size });
    try {
      await this.#shelf.commit({
        checks: [[layout.TRIM, before]],
        writes: [...writes, [layout.TRIM, layout.encodeJson(end.progress)]],
      });
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind === "unavailable") throw error;
      // Another server has made the step; or nobody knows whether this one did, and the next step finds out.
      return { removed: 0, done: false, isBusy: error.kind === "conflict" };
    }
    return end.result;
  }

  /** Rows of the log, each with the version of its key before it. */
  async #versions(entries: readonly (readonly [string, string])[], version: number) {
    const scans = entries.flatMap(([text, value]) => {
      const place = layout.placeOfLog(text);
      const key = Uint8Array.fromBase64(value);
      return [
        reading.newestBefore(key, { ...place, sub: place.sub + 1 }),
        reading.newestBefore(key, place),
      ];
    });
    const { results } = await this.#shelf.read(scans, version);
    return entries.flatMap((_, at) => {
      const row = reading.rowIn(results[2 * at]);
      const older = reading.rowIn(results[2 * at + 1]);
      return row === null ? [] : [{ row, older, revision: row.revision, sub: row.sub }];
    });
  }

  async size() {
    const inUse = await this.#shelf.size(layout.FIRST_DATA);
    return { total: inUse, inUse, empty: 0 };
  }

  defragment() {
    return this.#shelf.compact();
  }

  async announce(member: Member, aliveMs: number) {
    const { nowMs } = await reading.snapshot(this.#shelf);
    const seen = { seenAtMs: nowMs, info: member.info.toBase64() };
    const writes = [[layout.memberKey(member.id), layout.encodeJson(seen)]] as const;
    await this.#commitOrFail({ checks: [], writes });
    const scan = { ...layout.MEMBERS, limit: Number.MAX_SAFE_INTEGER };
    const found = await reading.snapshot(this.#shelf, [scan]);
    const members = (found.results[0]?.entries ?? []).flatMap(([text, value]) => {
      const { seenAtMs, info } = layout.decodeJson(value);
      if (found.nowMs - seenAtMs > aliveMs) return [];
      return [{ id: layout.idOfMember(text), info: Uint8Array.fromBase64(info) }];
    });
    return { head: found.stored.head, members };
  }

  leave(id: bigint) {
    return this.#commitOrFail({ checks: [], writes: [[layout.memberKey(id), null]] });
  }

  /** For what may be done twice: whether it was done does not matter. */
  async #commitOrFail(request: Parameters<Shelf["commit"]>[0]): Promise<void> {
    try {
      await this.#shelf.commit(request);
    } catch (error) {
      if (!(error instanceof BackendError) || error.kind !== "indeterminate") throw error;
      throw new BackendError("unavailable", error.message, { cause: error });
    }
  }

  changes(signal: AbortSignal): AsyncIterable<void> {
    return this.#poll.changes(AbortSignal.any([signal, this.#closing.signal]));
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#shelf.close();
    return Promise.resolve();
  }
}
