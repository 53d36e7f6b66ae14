/**
 * Ranges at a revision. Every answer is of one revision, however many pages it was read in, and its header's revision is
 * that of the snapshot it was read from.
 */
import type { Backend, Head, PackedKvs } from "../../backends/contract.ts";
import type { HotCache } from "./hot_cache.ts";
import { isEmpty, keyName, type KeyRange, successor } from "./key_range.ts";
import { assembleRange, needsNoValues, rowsNeeded, shownKvs } from "./range.ts";
import type { RangeCounts } from "./range_counts.ts";
import {
  type Cancelable,
  checkRevision,
  RangeOvertaken,
  readPages,
  restartIfOvertaken,
} from "./range_pages.ts";
import { PointReader } from "./point_reader.ts";
import { parseKv } from "./stored_kv.ts";
import { isSameHead, type RangeOp, type RangeResult, type Read } from "./types.ts";

/** A piece of a range's answer. */
export interface RangePart {
  readonly kvs: readonly Uint8Array[];
  /** Instead of `kvs`. */
  readonly packed: PackedKvs | null;
  /** The header's. */
  readonly revision: number;
  readonly recordsIndex: number;
  readonly isLast: boolean;
  /** False but in the last part. */
  readonly more: boolean;
  /** 0 but in the last part. */
  readonly count: number;
}

export interface ReaderOptions {
  readonly backend: Backend;
  readonly hot: HotCache;
  readonly counts: RangeCounts;
  /** The head of the last commit published. */
  readonly head: () => Head;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #points: PointReader;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#points = new PointReader(options);
  }

  /**
   * @throws {EtcdError} `compacted`, `futureRevision`; `timeout` if compactions overtook it again and again
   */
  range(op: RangeOp, call?: Cancelable): Read<RangeResult> | Promise<Read<RangeResult>> {
    if (!op.range.single) return this.#rangeMany(op, call);
    const { exclusive } = this.#options.backend.capabilities;
    if (op.revision <= 0 && (exclusive || op.serializable)) {
      // What is hot here is what the store holds at the published head. If nobody else writes, no head is newer.
      const version = this.#options.hot.get(keyName(op.range.start));
      if (version !== undefined) {
        return this.#single(op, { kv: version?.kv ?? null, head: this.#options.head() });
      }
    }
    return this.#rangeOne(op, { isShared: !exclusive });
  }

  async #rangeOne(op: RangeOp, { isShared }: { isShared: boolean }): Promise<Read<RangeResult>> {
    const { backend, hot, head } = this.#options;
    const key = op.range.start;
    const revision = Math.max(op.revision, 0);
    if (isShared && revision === 0) return this.#single(op, await this.#points.read(key));
    const before = head();
    const loaded = await backend.load({ keys: [key], leases: [], records: [], revision });
    checkRevision(revision, loaded.head);
    const kv = loaded.kvs[0] ?? null;
    if (revision === 0 && before === head() && isSameHead(before, loaded.head)) {
      hot.set(keyName(key), kv === null ? null : parseKv(kv));
    }
    return this.#single(op, { kv, head: loaded.head });
  }

  #single(op: RangeOp, { kv, head }: { kv: Uint8Array | null; head: Head }): Read<RangeResult> {
    const kvs = kv === null ? [] : [kv];
    return assembleRange(op, { kvs, count: kvs.length, head });
  }

  async #rangeMany(op: RangeOp, call?: Cancelable): Promise<Read<RangeResult>> {
    if (op.countOnly) return await this.#countOnly(op);
    return await restartIfOvertaken(async () => {
      const { kvs, head, revision, isWhole } = await this.#readRows(op, call);
      const count = isWhole ? kvs.length : await this.#count(op.range, { head, revision });
      return assembleRange(op, { kvs, count, head });
    });
  }

  async #readRows(op: RangeOp, call?: Cancelable) {
    const kvs: Uint8Array[] = [];
    const pages = readPages(this.#options.backend, {
      range: op.range,
      revision: Math.max(op.revision, 0),
      limit: rowsNeeded(op),
      keysOnly: needsNoValues(op),
      packed: false,
      call,
    });
    for await (const page of pages) {
      for (const kv of page.kvs) kvs.push(kv);
      if (!page.isLast) continue;
      return { kvs, head: page.head, revision: page.revision, isWhole: !page.more };
    }
    throw new TypeError("a range ended without its last page");
  }

  /**
   * A range page by page, packed where the backend can; only the last part tells `more` and `count`. For ranges of which
   * `canStream` holds.
   *
   * @param isWhole the parts are sent together: then they may be large where each is a question to a database server
   * @throws {EtcdError} as `range`
   * @throws {RangeOvertaken} if a compaction passed the revision that it reads
   */
  async *stream(
    op: RangeOp,
    call?: Cancelable,
    { isWhole = false } = {},
  ): AsyncGenerator<RangePart> {
    const { backend } = this.#options;
    const pages = readPages(backend, {
      range: op.range,
      revision: Math.max(op.revision, 0),
      limit: op.limit > 0 ? op.limit : Infinity,
      keysOnly: op.keysOnly,
      isLarge: isWhole && !backend.capabilities.exclusive,
      packed: true,
      call,
    });
    let sent = 0;
    for await (const page of pages) {
      const { kvs, packed, head, isLast, more } = page;
      sent += page.count;
      const { revision, recordsIndex } = head;
      const part = { kvs: shownKvs(op, kvs), packed, revision, recordsIndex, isLast };
      if (!isLast) {
        yield { ...part, more: false, count: 0 };
        continue;
      }
      const count = more ? await this.#count(op.range, page) : sent;
      if (more && page.lastKey !== null) {
        // What follows this page will be asked for next.
        const rest = { start: successor(page.lastKey), end: op.range.end, single: false };
        const at = { revision: page.revision, count: count - sent };
        this.#options.counts.setPage(rest, at);
      }
      yield { ...part, more, count };
    }
  }

  async #countOnly(op: RangeOp): Promise<Read<RangeResult>> {
    const { backend, counts, head: published } = this.#options;
    const revision = Math.max(op.revision, 0);
    if (revision === 0 && counts.live(op.range) !== undefined && await this.#isPublished(op)) {
      const known = counts.live(op.range);
      if (known !== undefined) {
        return assembleRange(op, { kvs: [], count: known, head: published() });
      }
    }
    const { head, count } = await backend.count({ ...op.range, revision });
    checkRevision(revision, head);
    if (revision === 0) this.#rememberLive(op.range, { head, count });
    return assembleRange(op, { kvs: [], count, head });
  }

  /** Whether the published head is new enough for an answer, because no other can be or by asking the store. */
  async #isPublished({ serializable }: RangeOp): Promise<boolean> {
    const { backend, head } = this.#options;
    if (backend.capabilities.exclusive || serializable) return true;
    return isSameHead(await backend.head(), head());
  }

  /** All keys of an interval of which only some were read. */
  async #count(range: KeyRange, at: { head: Head; revision: number }): Promise<number> {
    const { backend, counts, head: published } = this.#options;
    const isNewest = at.revision === published().revision && isSameHead(at.head, published());
    const known = counts.page(range, at.revision) ?? (isNewest ? counts.live(range) : undefined);
    if (known !== undefined) return known;
    const { head, count } = await backend.count({ ...range, revision: at.revision });
    if (head.compactRevision > at.revision) throw new RangeOvertaken();
    if (head.revision === at.revision) this.#rememberLive(range, { head, count });
    return count;
  }

  #rememberLive(range: KeyRange, { head, count }: { head: Head; count: number }): void {
    if (isSameHead(head, this.#options.head()) && !isEmpty(range)) {
      this.#options.counts.setLive(range, count);
    }
  }
}
