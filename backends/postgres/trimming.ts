/**
 * Deleting what the compact revision made unreachable.
 *
 * A trim walks the log by id up to its target. Each row it meets makes all earlier rows of the same key superfluous, and
 * a tombstone below the target is superfluous itself. The cursor moves in the same statement as the deletions, so a
 * crash costs at most one step; and that statement does nothing if another server has moved the cursor meanwhile, or is
 * about to. When the walk is done the cursor goes back to before the target: a tombstone exactly there stays, and the
 * next trim has to meet it again.
 */

import type { TrimQuery, TrimResult } from "../contract.ts";
import { decodeHead, decodeInt } from "./decoding.ts";
import { idBehind } from "./log_ids.ts";
import type { Session } from "./session.ts";

/** One step towards `upTo`. */
export async function trimStep(
  session: Session,
  { upTo, rowsMax }: TrimQuery,
): Promise<TrimResult> {
  const [row] = await session.rows("readTrim", [], 4);
  const [top, targetBytes, doneBytes, cursorBytes] = row ?? [];
  const { head } = decodeHead(top);
  const target = targetBytes?.length === 8 ? decodeInt(targetBytes) : -1;
  const isDone = doneBytes?.[0] !== 0;
  const cursor = cursorBytes?.readBigInt64BE() ?? 0n;
  const wanted = Math.min(upTo, head.compactRevision);
  const isWalked = cursor >= BigInt(idBehind(wanted)) - 1n;
  if (target >= wanted && (isDone || isWalked)) return { removed: 0, done: true, isBusy: false };
  // A trim that has begun is finished first: what "below the target" means must not change for its last revision. It may
  // end earlier than it was meant to, for it has not come there yet.
  const next = isDone ? wanted : Math.min(target, wanted);
  const back = String(BigInt(idBehind(next - 1)) - 1n);
  const values = [target, isDone, String(cursor), next, rowsMax, back];
  const [step] = await session.rows("trimStep", values, 2);
  if (step === undefined) return { removed: 0, done: false, isBusy: true };
  const [stepDone, removed] = step;
  return {
    removed: removed === null || removed === undefined ? 0 : decodeInt(removed),
    done: stepDone?.[0] === 1 && next === wanted,
    isBusy: false,
  };
}
