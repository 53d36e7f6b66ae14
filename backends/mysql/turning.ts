/** A server's turn to append: the head's row, locked until the append or the release. */

import { BackendError, type Batch, type Turn } from "../contract.ts";
import { finishInTime, type Lane, type Lanes } from "../sql/lanes.ts";
import { appendBatch, undo } from "./appending.ts";
import { HELD_S } from "./connecting.ts";
import { describe, isConflict, readFailure } from "./errors.ts";
import { fillIn } from "./literals.ts";
import type { Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";

export interface TurnOptions {
  readonly timeoutMs: number;
  readonly leaseGapMs: number;
}

/** Waits for the lock. If this program dies or stands still, the server lets go of it after `HELD_S`. */
export async function takeTurn(lanes: Lanes<Session>, options: TurnOptions): Promise<Turn> {
  const { timeoutMs } = options;
  const endMs = performance.now() + timeoutMs;
  const lane = await lanes.acquire(timeoutMs);
  const { lockLittle, beginWrite, lockHead, holdBriefly } = STATEMENTS;
  const held = fillIn(holdBriefly, { heldS: HELD_S });
  try {
    await finishInTime(
      lane,
      lane.connection.write([held, lockLittle, beginWrite, lockHead]),
      { timeoutMs: endMs - performance.now(), whenCut: "unavailable" },
    );
  } catch (error) {
    lane.destroy();
    // Another node of a cluster was first: a lost race like any other.
    if (isConflict(error)) throw new BackendError("conflict", describe(error), { cause: error });
    throw readFailure(error);
  }
  return createTurn(lane, options);
}

function createTurn(lane: Lane<Session>, { timeoutMs, leaseGapMs }: TurnOptions): Turn {
  let isOver = false;

  async function end<T>(
    work: (session: Session) => Promise<T>,
    whenCut: "unavailable" | "indeterminate",
  ): Promise<T> {
    if (isOver) throw new BackendError("unavailable", "MySQL: the turn is over");
    isOver = true;
    try {
      return await finishInTime(lane, work(lane.connection), { timeoutMs, whenCut });
    } catch (error) {
      // After a defect nobody knows what the transaction holds.
      if (!(error instanceof BackendError)) lane.destroy();
      throw error;
    } finally {
      lane.release();
    }
  }

  return {
    async append(batch: Batch): Promise<void> {
      const append = (session: Session) =>
        appendBatch(session, batch, { leaseGapMs, hasTurn: true });
      await end(append, "indeterminate");
    },
    async release(): Promise<void> {
      if (!isOver) await end(undo, "unavailable");
    },
  };
}
