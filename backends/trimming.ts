/**
 * How `Backend.trim` walks the log: which rows go, and how the walk goes on when it was interrupted, overtaken by another
 * compaction, or asked to go less far than before. For backends that decide it in their own process; a database that trims
 * in SQL follows the same rules.
 *
 * The walk looks at each row at or below its target once, from the oldest on. A row makes the version of its key before it
 * superfluous, and a tombstone below the target is superfluous itself. A tombstone exactly at the target stays, so the
 * next walk begins with the rows of that revision again:
 *
 *     log: 2 put a · 3 put a · 4 delete a · 5 put b        compact revision 4
 *     a walk to 4 looks at 2, 3 (2 goes), 4 (3 goes)       left: 4, 5; done, and the next walk begins at 4
 *     a walk to 5 looks at 4 (it goes itself), 5           left: 5
 */

import type { LogRow, TrimQuery, TrimResult } from "./contract.ts";

/** A place in the log. */
export type LogPlace = Pick<LogRow, "revision" | "sub">;

/** How far trimming has come. A backend keeps it with the store, and changes it together with the rows that it removes. */
export interface TrimProgress {
  /** The revision that the last walk trims to. */
  readonly target: number;
  /** Whether it came there. */
  readonly done: boolean;
  /** Rows behind this place are still to be looked at. */
  readonly cursor: LogPlace;
}

/** Of a new store. */
export const FIRST_TRIM: TrimProgress = {
  target: -1,
  done: true,
  cursor: { revision: 0, sub: 0 },
};

/** One step of the walk: what to read of the log for it. */
export interface TrimStep {
  /** Look at rows behind `progress.cursor` up to this revision, in order, as many as the query allows. */
  readonly target: number;
  /** What the query asks for at the most. */
  readonly wanted: number;
  readonly progress: TrimProgress;
}

/** Begins a step; the head's compact revision is a bound for what the query may ask. */
export function beginTrim(
  progress: TrimProgress,
  { query, compactRevision }: { readonly query: TrimQuery; readonly compactRevision: number },
): TrimStep {
  const wanted = Math.min(query.upTo, compactRevision);
  // A walk that has begun is finished first: what "below the target" means must not change for rows that were looked at.
  const target = progress.done ? wanted : Math.min(progress.target, wanted);
  return { target, wanted, progress };
}

/**
 * Whether there is nothing to do: an earlier walk came as far, or has passed all rows that this one may look at. `rows` are
 * those that the step found.
 */
export function isTrimmed(
  { wanted, progress }: TrimStep,
  rows: readonly LogPlace[],
): boolean {
  return progress.target >= wanted && (progress.done || rows.length === 0);
}

/** Whether a row that is looked at goes itself. The version of its key before it, tombstone or not, goes in any case. */
export function isSuperfluous(
  { target }: TrimStep,
  { tombstone, revision }: Pick<LogRow, "tombstone" | "revision">,
): boolean {
  return tombstone && revision < target;
}

export interface TrimEnd {
  readonly progress: TrimProgress;
  readonly result: TrimResult;
}

/** Ends a step. `hasMore` tells whether rows up to the target are left that it did not look at. */
export function endTrim(
  { target, wanted, progress }: TrimStep,
  { rows, hasMore, removed }: {
    readonly rows: readonly LogPlace[];
    readonly hasMore: boolean;
    readonly removed: number;
  },
): TrimEnd {
  const done = !hasMore;
  const last = rows.at(-1) ?? progress.cursor;
  // Behind all rows below the target, and before those at it.
  const cursor = done ? { revision: target, sub: -1 } : { revision: last.revision, sub: last.sub };
  return {
    progress: { target, done, cursor },
    result: { removed, done: done && target === wanted, isBusy: false },
  };
}
