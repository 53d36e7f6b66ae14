/** The operator's mistake, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
