/** What an error says, for a line of the log or for another message to end with. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
