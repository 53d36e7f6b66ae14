/**
 * Ranges at a revision. Every answer is of one revision, however many pages it was read in, and its header's revision is
 * that of the snapshot it was read from.
 */
import type { Backend, Head } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { PAGE_BYTES, PAGE_ROWS, RANGE_RESTARTS_MAX } from "../limits.ts";
import type { HotCache } from "./hot_cache.ts";
import { isEmpty, keyName, type KeyRange, successor } from "./key_range.ts";
import { assembleRange, needsNoValues, rowsNeeded } from "./range.ts";
import type { RangeCounts } from "./range_counts.ts";
import { parseKv } from "./stored_kv.ts";
import type { RangeOp, RangeResult } from "./types.ts";

export interface ReaderOptions {
  readonly backend: Backend;
  readonly hot: HotCache;
  readonly counts: RangeCounts;
  /** The head of the last commit published. */
  readonly head: () => Head;
}

export class Reader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /**
   * @throws {EtcdError} `compacted`, `futureRevision`; `timeout` if compactions overtook it again and again
   */
  range(op: RangeOp): RangeResult | Promise<RangeResult> {
    if (!op.range.single) return this.#rangeMany(op);
    if (op.revision <= 0 && this.#options.backend.capabilities.exclusive) {
      // Nobody else writes: what is hot here is what the store holds at the published head.
      const version = this.#options.hot.get(keyName(op.range.start));
      if (version !== undefined) {
        return this.#single(op, { kv: version?.kv ?? null, head: this.#options.head() });
      }
    }
    return this.#rangeOne(op);
  }

  async #rangeOne(op: RangeOp): Promise<RangeResult> {
    const { backend, hot, head } = this.#options;
    const before = head();
    const revision = Math.max(op.revision, 0);
    const key = op.range.start;
    const loaded = await backend.load({ keys: [key], leases: [], records: [], revision });
    checkRevision(revision, loaded.head);
    const kv = loaded.kvs[0] ?? null;
    if (revision === 0 && before === head() && before.index === loaded.head.index) {
      hot.set(keyName(key), kv === null ? null : parseKv(kv));
    }
    return this.#single(op, { kv, head: loaded.head });
  }

  #single(op: RangeOp, { kv, head }: { kv: Uint8Array | null; head: Head }): RangeResult {
    const kvs = kv === null ? [] : [kv];
    return assembleRange(op, { kvs, count: kvs.length, revision: head.revision });
  }

  async #rangeMany(op: RangeOp): Promise<RangeResult> {
    if (op.countOnly) return await this.#countOnly(op);
    return await restartIfOvertaken(async () => {
      const { kvs, head, revision, isWhole } = await this.#readRows(op);
      const count = isWhole ? kvs.length : await this.#count(op.range, { head, revision });
      const result = assembleRange(op, { kvs, count, revision: head.revision });
      return result;
    });
  }

  async #readRows(op: RangeOp) {
    const kvs: Uint8Array[] = [];
    const limit = rowsNeeded(op);
    for await (const page of this.#pages(op, { limit, keysOnly: needsNoValues(op) })) {
      for (const kv of page.kvs) kvs.push(kv);
      if (page.isLast) {
        const { head, revision, more } = page;
        return { kvs, head, revision, isWhole: !more };
      }
    }
    throw new TypeError("a range ended without its last page");
  }

  /**
   * The pages of a range, all at the revision of the first.
   *
   * @throws {RangeOvertaken} if a compaction passed the revision meanwhile: later pages may lack what it removed
   */
  async *#pages(op: RangeOp, { limit, keysOnly }: { limit: number; keysOnly: boolean }) {
    const { backend } = this.#options;
    let start = op.range.start;
    let revision = Math.max(op.revision, 0);
    let first: Head | undefined;
    let left = limit;
    for (;;) { // Ends with the last page.
      const page = await backend.range({
        start,
        end: op.range.end,
        revision,
        limit: Math.min(left, PAGE_ROWS),
        bytesMax: PAGE_BYTES,
        keysOnly,
      });
      if (first === undefined) {
        checkRevision(revision, page.head);
        first = page.head;
        if (revision === 0) revision = first.revision;
      } else if (page.head.compactRevision > revision) {
        throw new RangeOvertaken();
      }
      left -= page.kvs.length;
      const isLast = !page.more || left <= 0;
      yield { kvs: page.kvs, head: first, revision, more: page.more, isLast };
      if (isLast) return;
      start = successor(parseKv(page.kvs.at(-1)!).key);
      // Others get their turn between the pages of a long list.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /**
   * A range page by page, each an answer of its own; only the last one tells `more` and `count`. For key order without
   * filters only.
   *
   * @throws {EtcdError} as `range`
   * @throws {RangeOvertaken} if a compaction passed the revision that it reads
   */
  async *stream(op: RangeOp): AsyncGenerator<{ page: RangeResult; isLast: boolean }> {
    if (op.range.single || op.countOnly) {
      yield { page: await this.range(op), isLast: true };
      return;
    }
    let sent = 0;
    for await (const read of this.#pages(op, { limit: rowsNeeded(op), keysOnly: op.keysOnly })) {
      const { head, revision, isLast } = read;
      const left = op.limit > 0 ? op.limit - sent : Infinity;
      const kvs = read.kvs.length > left ? read.kvs.slice(0, left) : read.kvs;
      const page = assembleRange(op, { kvs, count: 0, revision: head.revision });
      sent += kvs.length;
      if (!isLast) {
        yield { page, isLast };
        continue;
      }
      const more = read.more || kvs.length < read.kvs.length;
      const count = more ? await this.#count(op.range, { head, revision }) : sent;
      this.#rememberPage(op, { kvs, sent, more, count, revision });
      yield { page: { ...page, more, count }, isLast };
    }
  }

  async #countOnly(op: RangeOp): Promise<RangeResult> {
    const { backend, counts, head: published } = this.#options;
    const revision = Math.max(op.revision, 0);
    const known = revision === 0 && backend.capabilities.exclusive
      ? counts.live(op.range)
      : undefined;
    if (known !== undefined) {
      return assembleRange(op, { kvs: [], count: known, revision: published().revision });
    }
    const { head, count } = await backend.count({ ...op.range, revision });
    checkRevision(revision, head);
    if (revision === 0) this.#rememberLive(op.range, { head, count });
    return assembleRange(op, { kvs: [], count, revision: head.revision });
  }

  /** All keys of an interval of which only some were read. */
  async #count(range: KeyRange, at: { head: Head; revision: number }): Promise<number> {
    const { backend, counts, head: published } = this.#options;
    const isNewest = at.revision === published().revision && at.head.index === published().index;
    const known = counts.page(range, at.revision) ?? (isNewest ? counts.live(range) : undefined);
    if (known !== undefined) return known;
    const { head, count } = await backend.count({ ...range, revision: at.revision });
    if (head.compactRevision > at.revision) throw new RangeOvertaken();
    if (head.revision === at.revision) this.#rememberLive(range, { head, count });
    return count;
  }

  #rememberLive(range: KeyRange, { head, count }: { head: Head; count: number }): void {
    if (head.index === this.#options.head().index && !isEmpty(range)) {
      this.#options.counts.setLive(range, count);
    }
  }

  /** What follows a limited page will be asked for next; its count is known already. */
  #rememberPage(
    op: RangeOp,
    page: {
      kvs: readonly Uint8Array[];
      sent: number;
      more: boolean;
      count: number;
      revision: number;
    },
  ): void {
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    const rest = { start: successor(parseKv(last).key), end: op.range.end, single: false };
    const { revision, count, sent } = page;
    this.#options.counts.setPage(rest, { revision, count: count - sent });
  }
}

/** A compaction passed the revision that a range was being read at. */
export class RangeOvertaken extends Error {
  constructor() {
    super("a compaction overtook the range");
    this.name = "RangeOvertaken";
  }
}

/**
 * Reads again, at the revision it finds then.
 *
 * @throws {EtcdError} `timeout` when it was overtaken too often
 */
export async function restartIfOvertaken<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) { // Ends with an answer, or after RANGE_RESTARTS_MAX.
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof RangeOvertaken)) throw error;
      if (attempt === RANGE_RESTARTS_MAX) throw new EtcdError("timeout", { cause: error });
    }
  }
}

/** @throws {EtcdError} `futureRevision`, `compacted` */
export function checkRevision(revision: number, head: Head): void {
  if (revision <= 0) return;
  if (revision > head.revision) throw new EtcdError("futureRevision");
  if (revision < head.compactRevision) throw new EtcdError("compacted");
}
