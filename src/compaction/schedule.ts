/** When etcd would compact, and to which revision. Pure: the time and the revision are handed in. */

/** What etcd's automatic compaction keeps; `AutoCompaction` of the config. */
export type Automatic =
  | { readonly mode: "off" }
  | { readonly mode: "periodic"; readonly periodMs: number }
  | { readonly mode: "revision"; readonly revisions: number };

/** Asked at each `intervalMs`. */
export interface Schedule {
  readonly intervalMs: number;
  /** The revision to compact to now, if it is time. */
  due(nowMs: number): number | undefined;
  /** After a compaction that was due, or that somebody else had made. */
  done(revision: number, nowMs: number): void;
}

export interface ScheduleOptions {
  readonly revision: () => number;
  readonly nowMs: number;
}

export function scheduleOf(automatic: Automatic, options: ScheduleOptions): Schedule | undefined {
  switch (automatic.mode) {
    case "off":
      return undefined;
    case "periodic":
      return periodicSchedule(automatic.periodMs, options);
    case "revision":
      return revisionSchedule(automatic.revisions, options);
  }
}

const HOUR_MS = 3_600_000;
/** Revisions are noted so often in each period, or in each hour of a longer one. */
const NOTES_PER_PERIOD = 10;

/**
 * Keeps the history of a period. Every tenth of it, or of an hour if that is shorter, the revision is noted; the oldest
 * note is the revision of one period ago, once there is one so old. The first compaction comes after the first period, the
 * next ones after another period or, if that is shorter, an hour.
 *
 * For a period of an hour with one write a minute: notes at 0:00 (revision 1), 0:06 (7) … 0:54 (55). At 1:00 the oldest note
 * is 1, and what is before it goes; at 2:00 it is 55 or so.
 */
export function periodicSchedule(
  periodMs: number,
  { revision, nowMs }: ScheduleOptions,
): Schedule {
  const compactMs = Math.min(periodMs, HOUR_MS);
  const intervalMs = Math.max(1, compactMs / NOTES_PER_PERIOD);
  const notesMax = Math.floor(periodMs / intervalMs) + 1;
  const notes = [revision()];
  let lastRevision = 0;
  let lastMs = nowMs;
  let waitMs = periodMs;
  return {
    intervalMs,
    due(nowMs) {
      const [oldest = 0] = notes;
      notes.push(revision());
      if (notes.length > notesMax) notes.shift();
      if (nowMs - lastMs < waitMs || oldest === lastRevision) return undefined;
      waitMs = compactMs;
      return oldest;
    },
    done(compacted, nowMs) {
      lastRevision = compacted;
      lastMs = nowMs;
    },
  };
}

/** How often etcd looks whether there are too many revisions. */
const REVISIONS_INTERVAL_MS = 5 * 60_000;

/** Keeps a number of revisions. */
export function revisionSchedule(
  revisions: number,
  { revision }: Pick<ScheduleOptions, "revision">,
): Schedule {
  let last = 0;
  return {
    intervalMs: REVISIONS_INTERVAL_MS,
    due() {
      const target = revision() - revisions;
      return target <= 0 || target === last ? undefined : target;
    },
    done(compacted) {
      last = compacted;
    },
  };
}
