/** What a store in memory asks of the machine: nothing. */

import type { Rights } from "../contract.ts";

export function rights(): Rights {
  return { net: [], read: [], write: [], env: [] };
}
