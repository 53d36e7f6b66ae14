/** The history of every key, in plain sorted arrays: slow enough to be obviously right. */

import type { LogRow } from "../contract.ts";
import { compareKeys } from "../keys.ts";

/** One key and its versions, oldest first; never empty. */
interface KeyHistory {
  readonly key: Uint8Array;
  readonly rows: LogRow[];
}

export interface Versions {
  /** Adds the newest version of a key. */
  add(row: LogRow): void;
  /** Forgets one version. */
  remove(row: LogRow): void;
  /** The row that decides what the key was at the revision, tombstones included. */
  at(key: Uint8Array, revision: number): LogRow | undefined;
  /** The row of the same key before this one, tombstones included. */
  before(row: LogRow): LogRow | undefined;
  /** Rows of live keys at the revision, in key order, from `start` on. */
  live(start: Uint8Array, revision: number): Iterable<LogRow>;
}

export function createVersions(): Versions {
  const histories: KeyHistory[] = [];

  /** The place of the first history whose key is not below this one. */
  function place(key: Uint8Array): number {
    let low = 0;
    let high = histories.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(histories[middle]?.key ?? key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function rowsOf(key: Uint8Array): LogRow[] {
    const found = histories[place(key)];
    return found !== undefined && compareKeys(found.key, key) === 0 ? found.rows : [];
  }

  function lastAt(rows: readonly LogRow[], revision: number): LogRow | undefined {
    return rows.findLast((row) => row.revision <= revision);
  }

  return {
    add(row) {
      const index = place(row.key);
      const found = histories[index];
      if (found !== undefined && compareKeys(found.key, row.key) === 0) found.rows.push(row);
      else histories.splice(index, 0, { key: row.key, rows: [row] });
    },

    remove(row) {
      const rows = rowsOf(row.key);
      const index = rows.indexOf(row);
      if (index >= 0) rows.splice(index, 1);
      if (rows.length === 0) histories.splice(place(row.key), 1);
    },

    at: (key, revision) => lastAt(rowsOf(key), revision),

    before(row) {
      const rows = rowsOf(row.key);
      return rows[rows.indexOf(row) - 1];
    },

    *live(start, revision) {
      for (let index = place(start); index < histories.length; index++) {
        const row = lastAt(histories[index]?.rows ?? [], revision);
        if (row !== undefined && !row.tombstone) yield row;
      }
    },
  };
}
