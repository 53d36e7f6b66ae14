/**
 * How many keys an interval holds, without counting them on every page of a list.
 *
 * Two kinds of memory, both bounded, both exact:
 * - *Live counts*: an interval that was counted at the newest revision is kept up to date with each commit, by the keys
 *   that it creates and deletes. Repeated limited lists of one prefix are answered from it.
 * - *Page counts*: a page that ended at key k of an interval with n keys tells that n minus the page's size follow k at
 *   that revision; the next page asks for exactly that interval and revision.
 */
import type { HistoryRow } from "../../backends/contract.ts";
import { contains, keyName, type KeyRange } from "./key_range.ts";

interface LiveCount {
  readonly range: KeyRange;
  count: number;
}

export interface RangeCountsOptions {
  readonly liveMax: number;
  readonly pagesMax: number;
}

export class RangeCounts {
  readonly #options: RangeCountsOptions;
  readonly #live = new Map<string, LiveCount>();
  readonly #pages = new Map<string, number>();

  constructor(options: RangeCountsOptions) {
    this.#options = options;
  }

  /** The interval's count at the head of the last commit applied. */
  live(range: KeyRange): number | undefined {
    return this.#live.get(rangeName(range))?.count;
  }

  /** Remembers a count made at the head of the last commit applied. */
  setLive(range: KeyRange, count: number): void {
    putBounded(this.#live, this.#options.liveMax, [rangeName(range), { range, count }]);
  }

  /** The count of what follows an earlier page at this revision. */
  page(range: KeyRange, revision: number): number | undefined {
    return this.#pages.get(`${revision} ${rangeName(range)}`);
  }

  setPage(range: KeyRange, at: { revision: number; count: number }): void {
    const name = `${at.revision} ${rangeName(range)}`;
    putBounded(this.#pages, this.#options.pagesMax, [name, at.count]);
  }

  /** Takes in a commit: whatever it created or deleted. */
  apply(rows: readonly HistoryRow[]): void {
    if (this.#live.size === 0) return;
    for (const row of rows) {
      const difference = row.tombstone ? -1 : row.prevKv === null ? 1 : 0;
      if (difference === 0) continue;
      for (const live of this.#live.values()) {
        if (contains(live.range, row.key)) live.count += difference;
      }
    }
  }

  clear(): void {
    this.#live.clear();
    this.#pages.clear();
  }
}

function rangeName(range: KeyRange): string {
  const start = keyName(range.start);
  return `${start.length} ${start}${range.end === null ? "" : ` ${keyName(range.end)}`}`;
}

/** Sets an entry as the youngest and drops the oldest ones above the bound. */
function putBounded<V>(map: Map<string, V>, max: number, [name, value]: [string, V]): void {
  map.delete(name);
  map.set(name, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
}
