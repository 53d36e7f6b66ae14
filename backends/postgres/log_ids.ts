/** Ids of log rows: `(revision << 21) | sub`. They may be greater than a safe integer, so they go out as text or bytes. */

import type { Buffer } from "node:buffer";
import { REVISION_MAX } from "../contract.ts";
import { SUB_BITS } from "./statements.ts";

/** Revisions in the lower half of an id, of 32 bits; the others are in the upper one. */
const LOW_REVISIONS = 2 ** (32 - SUB_BITS);

/** The lowest id above the revision, as a parameter. */
export function idBehind(revision: number): string {
  return String(BigInt(Math.min(revision, REVISION_MAX) + 1) << BigInt(SUB_BITS));
}

/** Without a `bigint`, which would be made for each row. */
export function writeId(
  target: Buffer,
  at: number,
  { revision, sub }: { readonly revision: number; readonly sub: number },
): void {
  target.writeInt32BE(Math.floor(revision / LOW_REVISIONS), at);
  target.writeUInt32BE((revision % LOW_REVISIONS) * 2 ** SUB_BITS + sub, at + 4);
}

export function readId(bytes: Buffer, at: number): { revision: number; sub: number } {
  const low = bytes.readUInt32BE(at + 4);
  const revision = bytes.readInt32BE(at) * LOW_REVISIONS + (low >>> SUB_BITS);
  return { revision, sub: low & (2 ** SUB_BITS - 1) };
}

/** An id as a parameter. */
export function idOf(
  { revision, sub }: { readonly revision: number; readonly sub: number },
): string {
  return String((BigInt(revision) << BigInt(SUB_BITS)) | BigInt(sub));
}
