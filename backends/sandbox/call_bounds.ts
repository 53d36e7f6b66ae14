/** How long a call into a sandbox may take before its backend counts as hanging. */

import type { Batch } from "../contract.ts";
import type { Method } from "./protocol.ts";

/**
 * A little more than Rhino's own backends take at most, for these end a call in time by themselves: what the contract calls
 * some seconds, and longer for what goes through the store.
 */
export const CALL_MS_MAX: Readonly<Record<Method, number>> = {
  open: 30_000,
  remove: 60_000,
  head: 10_000,
  load: 10_000,
  range: 20_000,
  count: 20_000,
  history: 20_000,
  leaseKeys: 20_000,
  leases: 10_000,
  records: 10_000,
  append: 10_000,
  outcome: 10_000,
  turn: 20_000,
  turnAppend: 10_000,
  turnRelease: 10_000,
  trim: 60_000,
  size: 60_000,
  defragment: 20 * 60_000,
  announce: 10_000,
  leave: 10_000,
  changes: Infinity,
  close: 10_000,
};

/** What a row adds to the bound of an append. */
const APPEND_ROW_MS = 0.1;

export function appendMsMax({ rows }: Batch): number {
  return CALL_MS_MAX.append + rows.length * APPEND_ROW_MS;
}

/** While one of these is under way the others may wait for it: the store may be able to do one thing at a time. */
const HOLDS_OTHERS_UP: ReadonlySet<Method> = new Set(["trim", "size", "defragment"]);

export function holdsOthersUp(method: Method): boolean {
  return HOLDS_OTHERS_UP.has(method);
}

/** Loading a module may fetch packages. */
export const LOAD_MS_MAX = 60_000;
