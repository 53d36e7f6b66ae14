/** What a user may read and write: the union of what the roles grant, as sorted intervals that do not touch. */
import { type Role, type User } from "../../gen/authpb/auth_pb.ts";
import { compareKeys, type KeyRange, keyRange } from "../mvcc/key_range.ts";

/** The numbers are etcd's `Permission.Type`. */
export const PERMISSION = { READ: 0, WRITE: 1, READWRITE: 2 } as const;

/** From a key up to another one; `null` for no upper bound. */
export interface Interval {
  readonly start: Uint8Array;
  readonly end: Uint8Array | null;
}

/** What one user may do; root may do everything and has none. */
export interface Permissions {
  readonly read: readonly Interval[];
  readonly write: readonly Interval[];
}

/** Roles that the user holds and nobody has added grant nothing. */
export function permissionsOf(user: User, roles: ReadonlyMap<string, Role>): Permissions {
  const read: KeyRange[] = [];
  const write: KeyRange[] = [];
  for (const name of user.roles) {
    for (const { permType, key, rangeEnd } of roles.get(name)?.keyPermission ?? []) {
      const range = keyRange(key, rangeEnd);
      if (permType === PERMISSION.READ || permType === PERMISSION.READWRITE) read.push(range);
      if (permType === PERMISSION.WRITE || permType === PERMISSION.READWRITE) write.push(range);
    }
  }
  return { read: merge(read), write: merge(write) };
}

/** Joins what overlaps or touches, so that a range is covered if one interval covers it. */
function merge(ranges: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const range of ranges.toSorted((a, b) => compareKeys(a.start, b.start))) {
    const last = merged.at(-1);
    if (last !== undefined && (last.end === null || compareKeys(range.start, last.end) <= 0)) {
      merged[merged.length - 1] = { start: last.start, end: later(last.end, range.end) };
    } else {
      merged.push({ start: range.start, end: range.end });
    }
  }
  return merged;
}

function later(a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null {
  if (a === null || b === null) return null;
  return compareKeys(a, b) >= 0 ? a : b;
}

/**
 * Whether all of the range is covered. Of a range that ends before it begins, and so holds no key, etcd asks for where it
 * begins.
 */
export function covers(intervals: readonly Interval[], range: KeyRange): boolean {
  const interval = lastStartingUpTo(intervals, range.start);
  if (interval === undefined) return false;
  if (interval.end === null) return true;
  if (compareKeys(range.start, interval.end) >= 0) return false;
  return range.end !== null && compareKeys(range.end, interval.end) <= 0;
}

function lastStartingUpTo(intervals: readonly Interval[], key: Uint8Array): Interval | undefined {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = intervals[middle]?.start;
    if (start !== undefined && compareKeys(start, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return intervals[low - 1];
}
