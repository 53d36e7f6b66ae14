/**
 * Watchers by what they watch, so that an event finds those who want it by one look, however many there are. Watchers
 * that want exactly the same are a group, and what is made for one of them serves all.
 */
import type { HistoryRow } from "../../backends/contract.ts";
import { keyName } from "../mvcc/key_range.ts";
import { EventBatch, WatchEvent } from "./event_batch.ts";
import { IntervalTree } from "./interval_tree.ts";
import type { Watcher, WatcherOptions } from "./watcher.ts";

/** Watchers of the same key or interval with the same filters and the same wish for previous versions. */
interface Group {
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  readonly watchers: Set<Watcher>;
  /** The events of the distribution that is under way. */
  events: WatchEvent[] | undefined;
}

/** The groups of one key or interval: eight at most. */
type Spot = Group[];

/** What one group is to be given. */
export interface Delivery {
  readonly batch: EventBatch;
  /** May be changed while it is walked through, by `WatcherIndex.delete` alone. */
  readonly watchers: ReadonlySet<Watcher>;
}

export class WatcherIndex {
  readonly #keys = new Map<string, Spot>();
  readonly #intervals = new IntervalTree<Spot>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All of them, in no order. */
  *[Symbol.iterator](): IterableIterator<Watcher> {
    const spots = [...this.#keys.values(), ...this.#intervals.values()];
    for (const spot of spots) for (const group of spot) yield* group.watchers;
  }

  /** Adds a watcher that is not there yet. */
  add(watcher: Watcher): void {
    const { options } = watcher;
    let spot = this.#spot(options);
    if (spot === undefined) {
      spot = [];
      if (options.single) this.#keys.set(options.start, spot);
      else this.#intervals.add(options, spot);
    }
    let group = groupOf(spot, options);
    if (group === undefined) {
      const { noPut, noDelete, prevKv } = options;
      group = { noPut, noDelete, prevKv, watchers: new Set(), events: undefined };
      spot.push(group);
    }
    group.watchers.add(watcher);
    this.#size++;
  }

  /** Removes a watcher if it is there. */
  delete(watcher: Watcher): void {
    const { options } = watcher;
    const spot = this.#spot(options);
    const group = spot && groupOf(spot, options);
    if (spot === undefined || group === undefined || !group.watchers.delete(watcher)) return;
    this.#size--;
    if (group.watchers.size > 0) return;
    spot.splice(spot.indexOf(group), 1);
    if (spot.length > 0) return;
    if (options.single) this.#keys.delete(options.start);
    else this.#intervals.delete(options);
  }

  #spot(options: WatcherOptions): Spot | undefined {
    return options.single ? this.#keys.get(options.start) : this.#intervals.get(options);
  }

  /**
   * Sorts rows by who wants them. Each group's events are in the order of the rows.
   *
   * @param compactRevision previous versions of what lies at or below it are left out
   */
  distribute(rows: readonly HistoryRow[], compactRevision: number): Delivery[] {
    if (this.#size === 0) return [];
    const touched: Group[] = [];
    for (const row of rows) {
      const key = keyName(row.key);
      const event = new WatchEvent(row, compactRevision);
      const collect = (spot: Spot) => {
        for (const group of spot) {
          if (row.tombstone ? group.noDelete : group.noPut) continue;
          if (group.events === undefined) touched.push(group);
          (group.events ??= []).push(event);
        }
      };
      const exact = this.#keys.get(key);
      if (exact !== undefined) collect(exact);
      this.#intervals.stab(key, collect);
    }
    return touched.map((group) => {
      const batch = new EventBatch(group.events ?? [], group);
      group.events = undefined;
      return { batch, watchers: group.watchers };
    });
  }
}

function groupOf(spot: Spot, options: WatcherOptions): Group | undefined {
  return spot.find((group) =>
    group.noPut === options.noPut && group.noDelete === options.noDelete &&
    group.prevKv === options.prevKv
  );
}
