/** One value that was given, wherever it came from. */

import type { NamedFlag } from "./flags.ts";

export interface Given {
  readonly found: NamedFlag;
  /** The name that it was given by, without dashes or prefix. */
  readonly name: string;
  readonly text: string;
  /** The flag, variable or key as it was written, for messages. */
  readonly origin: string;
}
