/** This server's turn to append: a transaction that has locked the head. */

import { BackendError, type Batch, type Turn } from "../contract.ts";
import { finishInTime, type Lane } from "../sql/lanes.ts";
import { append, type AppendContext, encodeBatch } from "./appending.ts";
import { toAppendError, toReadError } from "./errors.ts";
import type { Session } from "./session.ts";

export interface TurnOptions {
  readonly context: AppendContext;
  /** For the lock. */
  readonly timeoutMs: number;
  readonly appendTimeoutMs: (batch: Batch) => number;
  /** Told of what was appended. */
  readonly onAppend: (batch: Batch) => void;
}

/** Begins a turn on the connection, which it ends with the turn. */
export async function beginTurn(lane: Lane<Session>, options: TurnOptions): Promise<Turn> {
  const { connection: session } = lane;
  const { timeoutMs } = options;
  try {
    await finishInTime(lane, lockHead(session), { timeoutMs, whenCut: "unavailable" });
  } catch (error) {
    // Its transaction may be open.
    lane.destroy();
    throw toReadError(error);
  }
  let isOver = false;
  function end(): void {
    if (isOver) throw new BackendError("unavailable", "the turn is over");
    isOver = true;
  }
  return {
    async append(batch) {
      end();
      try {
        const work = appendAndCommit(session, batch, options.context);
        await finishInTime(lane, work, {
          timeoutMs: options.appendTimeoutMs(batch),
          whenCut: "indeterminate",
        });
        options.onAppend(batch);
      } catch (error) {
        if (!(error instanceof BackendError && error.kind === "conflict")) session.distrust();
        throw toAppendError({ error, isCut: session.isInDoubt });
      } finally {
        lane.release();
      }
    },
    async release() {
      if (isOver) return;
      end();
      const work = session.script("rollback");
      await finishInTime(lane, work, { timeoutMs, whenCut: "unavailable" })
        .catch(() => session.distrust());
      lane.release();
    },
  };
}

async function lockHead(session: Session): Promise<void> {
  await session.script("beginTurn");
  await session.rows("lockHead", [], 0);
}

async function appendAndCommit(
  session: Session,
  batch: Batch,
  context: AppendContext,
): Promise<void> {
  try {
    await append(session, encodeBatch(batch, context));
  } catch (error) {
    await session.script("rollback").catch(() => session.distrust());
    throw error;
  }
  await session.script("commit");
}
