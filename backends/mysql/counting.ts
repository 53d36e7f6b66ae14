/** Counting keys: one statement, which is one moment. */

import type { Head, KeySpan } from "../contract.ts";
import { boundAbove } from "./head.ts";
import { fillIn } from "./literals.ts";
import type { ReadSnapshot } from "./ranging.ts";
import { STATEMENTS } from "./statements.ts";

export interface CountQuery extends KeySpan {
  /** 0 for the newest. */
  readonly revision: number;
}

/** At a revision, first as if nothing had changed since: as a rule that is so, and then one walk over an index does. */
export async function countKeys(
  read: ReadSnapshot,
  { start, end, revision }: CountQuery,
): Promise<{ head: Head; count: number }> {
  const { count, countOpen, countAt, countAtOpen } = STATEMENTS;
  const newest = await readCount(read, fillIn(end === null ? countOpen : count, { start, end }));
  if (revision === 0 || newest.head.revision <= revision) return newest;
  const values = { start, end, bound: boundAbove(revision) };
  return await readCount(read, fillIn(end === null ? countAtOpen : countAt, values));
}

async function readCount(read: ReadSnapshot, statement: string) {
  const { head, answers } = await read([statement]);
  return { head, count: Number(answers[0]?.[0]?.[0] ?? 0) };
}
