/** Many statements as few queries, each no longer than the server takes. */

import { BackendError } from "../contract.ts";

/** For the command's byte and the attributes in front of a query's text. */
const OVERHEAD_BYTES = 1_024;

/** Whether they can be one query. */
export function fitsPacket(
  { packetBytesMax }: { readonly packetBytesMax: number },
  statements: readonly string[],
): boolean {
  const size = statements.reduce((sum, statement) => sum + statement.length + 1, 0);
  return size <= packetBytesMax - OVERHEAD_BYTES;
}

/**
 * In order, as many together as fit. Statements are ASCII.
 *
 * @throws {BackendError} `full` if a single statement does not fit
 */
export function packQueries(statements: readonly string[], packetBytesMax: number): string[][] {
  const room = packetBytesMax - OVERHEAD_BYTES;
  const tooLong = statements.find(({ length }) => length > room);
  if (tooLong !== undefined) {
    throw new BackendError(
      "full",
      `a statement of ${tooLong.length} bytes is larger than the server's max_allowed_packet, ${packetBytesMax}`,
    );
  }
  // A semicolon follows each.
  return groupTexts(statements, { bytes: room - 1, count: Infinity });
}

/** Texts in groups that have some bytes each, or one text that has more; for lists that go into a statement each. */
export function groupTexts(texts: readonly string[], limits: GroupLimits): string[][] {
  const groups: string[][] = [];
  let group: string[] = [];
  let size = 0;
  for (const text of texts) {
    if (group.length >= limits.count || (group.length > 0 && size + text.length > limits.bytes)) {
      groups.push(group);
      group = [];
      size = 0;
    }
    group.push(text);
    size += text.length + 1;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

export interface GroupLimits {
  readonly bytes: number;
  readonly count: number;
}
