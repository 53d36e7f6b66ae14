/** From columns in binary form to what the contract speaks of. */

import type { Buffer } from "node:buffer";
import { BackendError, type Head } from "../contract.ts";
import type { LeaseClock } from "../lease_clock.ts";
import type { BatchPlace } from "../sql/ring.ts";

/** The head of a snapshot, and the clocks beside it. */
export interface StoredHead {
  readonly head: Head;
  readonly clock: LeaseClock;
}

/** Bytes of an integer. */
const INT = 8;
/** Integers in front of the batch id. */
const HEAD_INTS = 8;

/** As `HEAD` in the statements puts it together. */
export function decodeHead(bytes: Buffer | null | undefined): StoredHead {
  if (bytes === null || bytes === undefined) {
    throw new BackendError("corrupt", "the database has no head: its tables were emptied");
  }
  const int = (at: number) => decodeInt(bytes, at * INT);
  return {
    head: {
      index: int(0),
      revision: int(1),
      compactRevision: int(2),
      recordsIndex: int(3),
      leasesIndex: int(4),
      batchId: bytes.toString("utf8", HEAD_INTS * INT),
    },
    clock: { appendedAtMs: int(5), pauseMs: int(6), nowMs: int(7) },
  };
}

/** A signed integer of 64 bits that is a safe one. */
export function decodeInt(bytes: Buffer, at = 0): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** A slot of the ring: its index and batch id. */
export function decodePlace(bytes: Buffer | null | undefined): BatchPlace | null {
  if (bytes === null || bytes === undefined) return null;
  return { index: decodeInt(bytes), batchId: bytes.toString("utf8", INT) };
}
