/** What a batch of commands needs to know before it can be evaluated: collected first, loaded at once. */
import { keyName, type KeyRange } from "./key_range.ts";
import type { BatchView } from "./view.ts";

/** An interval to be read whole, at the newest revision (0) or an older one. */
export interface RangeNeed {
  readonly range: KeyRange;
  readonly revision: number;
}

export class ReadSet {
  /** Keys whose newest version is needed, by name. */
  readonly keys: Map<string, Uint8Array> = new Map();
  readonly ranges: RangeNeed[] = [];
  readonly leases: Set<bigint> = new Set();
  /** Leases whose attached keys are needed. */
  readonly leaseKeys: Set<bigint> = new Set();
  readonly records: Set<string> = new Set();

  key(key: Uint8Array): void {
    this.keys.set(keyName(key), key);
  }

  /** An interval at the newest revision; a single key counts as one. */
  newest(range: KeyRange): void {
    if (range.single) this.key(range.start);
    else this.ranges.push({ range, revision: 0 });
  }

  at(range: KeyRange, revision: number): void {
    this.ranges.push({ range, revision });
  }
}

/** A change to the store, evaluated by the writer in its turn. */
export interface Command<T> {
  /** For limits: about how many bytes it holds. */
  readonly bytes: number;
  /** Says what `apply` will look at. */
  reads(need: ReadSet): unknown;
  /**
   * Evaluates it on the store as all earlier commands left it. Pure but for what it writes to the view; when it throws, the
   * view is put back, so that it fails alone.
   */
  apply(view: BatchView): T;
  /**
   * It changes what others are judged by and what is kept in memory for that: commands behind it are evaluated once it is
   * on disk.
   */
  readonly isBarrier?: boolean;
}
