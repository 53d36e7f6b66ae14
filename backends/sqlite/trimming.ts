/**
 * Deleting what the compact revision made unreachable.
 *
 * A trim walks the log by id up to its target. Each row it meets makes all earlier rows of the same key superfluous, and
 * a tombstone below the target is superfluous itself. The cursor moves in the same transaction as the deletions, so a
 * crash costs at most one step. Deletions are amortized: what was walked before holds one row of a key, so a step
 * deletes at most two rows for each that it walks.
 *
 * Worked: `a` is put at 2, 3 and deleted at 5; trimmed to 5. Row 3 deletes row 2, row 5 deletes row 3, and row 5 stays,
 * for it stands exactly at the target. The cursor then goes back to before revision 5, so that the next trim, to 8 say,
 * meets row 5 again and deletes it.
 */

import type { Head, TrimQuery, TrimResult } from "../contract.ts";
import type { Database } from "./driver.ts";
import { SUB_BITS } from "./statements.ts";
import { inWriteTransaction } from "./transaction.ts";

interface TrimState {
  /** The revision that this trim, done or not, goes up to. */
  readonly target: number;
  readonly done: boolean;
  /** Log id of the last row looked at. */
  readonly cursor: bigint;
}

/** One step towards `upTo`. The caller's promise that nothing else writes makes the reads before the transaction safe. */
export function trimStep(
  database: Database,
  { head, rowsMax, upTo }: { head: Head } & TrimQuery,
): TrimResult {
  const state = readState(database);
  const wanted = Math.min(upTo, head.compactRevision);
  const isWalked = state.cursor >= behind(wanted) - 1n;
  if (state.target >= wanted && (state.done || isWalked)) {
    return { removed: 0, done: true, isBusy: false };
  }
  // A trim that has begun is finished first: what "below the target" means must not change for its last revision. It may
  // end earlier than it was meant to, for it has not come there yet.
  const target = state.done ? wanted : Math.min(state.target, wanted);
  const { query } = database;
  const [last, count] = query.trimStop.get<[bigint | null, bigint]>(
    state.cursor,
    target,
    rowsMax,
  ) ?? [null, 0n];
  const done = Number(count) < rowsMax;
  return inWriteTransaction(database, () => {
    let removed = 0;
    if (last !== null) {
      removed += query.trimSuperseded.run(state.cursor, last);
      removed += query.trimTombstones.run(state.cursor, last, target);
    }
    const cursor = done ? behind(target - 1) - 1n : last ?? state.cursor;
    query.moveTrim.run(target, done ? 1 : 0, cursor);
    return { removed, done: done && target === wanted, isBusy: false };
  });
}

/** The lowest log id above the revision. */
function behind(revision: number): bigint {
  return BigInt(revision + 1) << BigInt(SUB_BITS);
}

function readState({ query }: Database): TrimState {
  const row = query.readTrim.get<[bigint, bigint, bigint]>();
  const [target, done, cursor] = row ?? [-1n, 1n, 0n];
  return { target: Number(target), done: done === 1n, cursor };
}
