/** Finding keys, and where to go on behind one. */

import type { KeySpan } from "../contract.ts";
import type { Database } from "./driver.ts";

/** The live key that follows `offset` others in the interval; `null` if it holds no more than those. */
export function keyAt(
  { query }: Database,
  { start, end, offset }: KeySpan & { readonly offset: number },
): Uint8Array | null {
  const row = end === null
    ? query.keyAfter.get<[Uint8Array]>(start, offset)
    : query.keyAfterBefore.get<[Uint8Array]>(start, offset, end);
  return row?.[0] ?? null;
}
