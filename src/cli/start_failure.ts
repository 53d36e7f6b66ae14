/** Why a server did not start, in one line for the operator. */

import { BackendError } from "../../backends/contract.ts";
import { errorText } from "../log_text.ts";

export function startFailureText(error: unknown): string {
  const isSaidWell = error instanceof BackendError ||
    // The listener knows which of several addresses it is, and says why.
    (error instanceof Error && error.message.startsWith("Cannot listen on "));
  return isSaidWell ? error.message : `Cannot start: ${errorText(error)}`;
}
