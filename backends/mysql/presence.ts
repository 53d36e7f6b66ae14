/** Who has the store open. */

import type { Member, Presence } from "../contract.ts";
import { fillIn } from "./literals.ts";
import { readSnapshot } from "./reading.ts";
import type { Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";

/** A member that was not there for an hour is forgotten, so that those that crashed do not pile up. */
const FORGOTTEN_MS = 3_600_000;

export async function announce(
  session: Session,
  { id, info }: Member,
  aliveMs: number,
): Promise<Presence> {
  // Without a transaction, so that no lock waits for this program.
  await session.run([
    fillIn(STATEMENTS.announce, { id, info }),
    fillIn(STATEMENTS.forgetMembers, { forgottenMs: Math.max(FORGOTTEN_MS, 2 * aliveMs) }),
  ]);
  const { head, answers: [rows = []] } = await readSnapshot(session, [
    fillIn(STATEMENTS.members, { aliveMs }),
  ]);
  const members = rows.map(([id, info]) => ({
    id: BigInt(id as number | string),
    info: new Uint8Array(info as Uint8Array),
  }));
  return { head, members };
}

export async function leave(session: Session, id: bigint): Promise<void> {
  await session.change(fillIn(STATEMENTS.leave, { id }));
}
