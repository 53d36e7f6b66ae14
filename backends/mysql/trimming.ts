/**
 * Deleting what the compact revision made unreachable.
 *
 * A trim walks the log by id up to its target. Each row it meets makes all earlier rows of the same key superfluous, and a
 * tombstone below the target is superfluous itself. The position moves in the same transaction as the deletions, so a crash
 * costs at most one step, and its row is locked meanwhile, so that one server trims at a time. Deletions are amortized: what
 * was walked before holds one row of a key, so a step deletes at most two rows for each that it walks.
 *
 * Worked: `a` is put at 2, 3 and deleted at 5; trimmed to 5. Row 3 deletes row 2, row 5 deletes row 3, and row 5 stays, for
 * it stands exactly at the target. The position then goes back to before revision 5, so that the next trim, to 8 say, meets
 * row 5 again and deletes it.
 */

import type { TrimQuery, TrimResult } from "../contract.ts";
import { isConflict } from "./errors.ts";
import { boundAbove } from "./head.ts";
import { fillIn } from "./literals.ts";
import { groupTexts } from "./packets.ts";
import type { Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";
import { HELD_S, IDLE_S } from "./connecting.ts";

/** Keys of one deletion: a range of the index each. */
const KEYS = { count: 500, bytes: 1024 * 1024 };

const BUSY: TrimResult = { removed: 0, done: false, isBusy: true };

interface TrimState {
  /** The revision that this trim, done or not, goes up to. */
  readonly target: number;
  readonly done: boolean;
  /** Log id of the last row looked at. */
  readonly position: bigint;
}

/** One step towards `upTo`. */
export async function trimStep(session: Session, query: TrimQuery): Promise<TrimResult> {
  try {
    return await inTransaction(session, query);
  } catch (error) {
    // Another node of a cluster trimmed at the same time.
    if (!isConflict(error)) throw error;
    await session.write([STATEMENTS.rollback, fillIn(STATEMENTS.holdLong, { idleS: IDLE_S })]);
    return BUSY;
  }
}

async function inTransaction(session: Session, { upTo, rowsMax }: TrimQuery): Promise<TrimResult> {
  const { holdBriefly, holdLong, lockLittle, beginWrite, lockTrim, compactRevision } = STATEMENTS;
  const { commit, rollback } = STATEMENTS;
  const held = fillIn(holdBriefly, { heldS: HELD_S });
  const free = fillIn(holdLong, { idleS: IDLE_S });
  const begin = [held, lockLittle, beginWrite, lockTrim, compactRevision];
  const [, , , states = [], compact = []] = await session.write(begin);
  const [row] = states as readonly (readonly [number, number, number | string])[];
  const compactedAt = Number(compact[0]?.[0] ?? -1);
  let result = BUSY;
  let writes: string[] | null = null;
  if (row !== undefined) {
    const state = { target: row[0], done: row[1] === 1, position: BigInt(row[2]) };
    ({ result, writes } = await takeStep(session, state, {
      wanted: Math.min(upTo, compactedAt),
      rowsMax,
    }));
  }
  await session.write([...(writes === null ? [rollback] : [...writes, commit]), free]);
  return result;
}

/** Deletes, and answers what else to write. */
async function takeStep(
  session: Session,
  state: TrimState,
  { wanted, rowsMax }: { wanted: number; rowsMax: number },
): Promise<{ result: TrimResult; writes: string[] | null }> {
  const isWalked = state.position >= BigInt(boundAbove(wanted)) - 1n;
  if (state.target >= wanted && (state.done || isWalked)) {
    return { result: { removed: 0, done: true, isBusy: false }, writes: null };
  }
  // A trim that has begun is finished first: what "below the target" means must not change for its last revision. It may
  // end earlier than it was meant to, for it has not come there yet.
  const target = state.done ? wanted : Math.min(state.target, wanted);
  const rows = await session.rows<[id: number | string, key: Uint8Array, live: number]>(
    fillIn(STATEMENTS.trimRows, {
      position: state.position,
      bound: boundAbove(target),
      rows: rowsMax,
    }),
  );
  const done = rows.length < rowsMax;
  const last = rows.at(-1);
  const lastId = last === undefined ? state.position : BigInt(last[0]);
  const removed = await deleteRows(session, rows, { ...state, lastId, target });
  const position = done ? BigInt(boundAbove(target - 1)) - 1n : lastId;
  return {
    result: { removed, done: done && target === wanted, isBusy: false },
    writes: [fillIn(STATEMENTS.moveTrim, { target, done: done ? 1 : 0, position })],
  };
}

/** Answers how many rows of the log were deleted. */
async function deleteRows(
  session: Session,
  rows: readonly (readonly [id: number | string, key: Uint8Array, live: number])[],
  { position, lastId, target }: { position: bigint; lastId: bigint; target: number },
): Promise<number> {
  if (rows.length === 0) return 0;
  const { versionsBefore, versionAt, deleteVersions, deleteTombstones } = STATEMENTS;
  // What is below the target goes; the others are listed as long as they stay in the log.
  const targetId = BigInt(boundAbove(target - 1));
  const newest = new Map<string, string>();
  const tombstones: string[] = [];
  for (const [id, key, live] of rows) {
    newest.set(key.toHex(), fillIn(versionsBefore, { key, id: BigInt(id) }));
    if (live === 0 && BigInt(id) < targetId) {
      tombstones.push(fillIn(versionAt, { key, id: BigInt(id) }));
    }
  }
  let removed = 0;
  for (const group of groupTexts([...newest.values()], KEYS)) {
    const condition = group.join(" OR ");
    await session.change(deleteTombstones + condition);
    removed += await session.change(deleteVersions + condition);
  }
  if (tombstones.length === 0) return removed;
  for (const group of groupTexts(tombstones, KEYS)) {
    await session.change(deleteTombstones + group.join(" OR "));
  }
  const trimmed = fillIn(STATEMENTS.trimTombstones, { position, last: lastId, targetId });
  return removed + await session.change(trimmed);
}
