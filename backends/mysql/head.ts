/** The head's row as the contract's head. */

import { BackendError, type Head } from "../contract.ts";
import { type LeaseClock, leaseNowMs } from "../lease_clock.ts";
import type { Row } from "./session.ts";
import { SUB_BITS, SUBS_MAX } from "./statements.ts";

export type HeadRow = readonly [
  index: number,
  revision: number,
  compactRevision: number,
  recordsIndex: number,
  leasesIndex: number,
  batchId: Uint8Array,
  ...rest: unknown[],
];

export type ClockRow = readonly [...Head6, appendedAtMs: number, pauseMs: number, nowMs: number];
type Head6 = readonly [number, number, number, number, number, Uint8Array];

/** Of rows of the statements `head…`. */
export function headOf(rows: readonly Row[] | undefined): Head {
  const row = rows?.[0] as HeadRow | undefined;
  if (row === undefined) throw new BackendError("corrupt", "MySQL: the store has no head");
  const [index, revision, compactRevision, recordsIndex, leasesIndex, batchId] = row;
  return {
    index,
    revision,
    compactRevision,
    recordsIndex,
    leasesIndex,
    batchId: idOf(batchId),
  };
}

/** What the lease clock shows, of rows of the statement `headWithClock`. */
export function leaseNowOf(rows: readonly Row[] | undefined, leaseGapMs: number): number {
  const row = rows?.[0] as ClockRow | undefined;
  if (row === undefined) throw new BackendError("corrupt", "MySQL: the store has no head");
  const clock: LeaseClock = { appendedAtMs: row[6], pauseMs: row[7], nowMs: row[8] };
  return leaseNowMs(clock, leaseGapMs);
}

/** A log id, which may pass 2^53. */
export function logId(revision: number, sub: number): number | bigint {
  const id = revision * SUBS_MAX + sub;
  return Number.isSafeInteger(id) ? id : (BigInt(revision) << BigInt(SUB_BITS)) | BigInt(sub);
}

/** The lowest log id above the revision. */
export function boundAbove(revision: number): number | bigint {
  return logId(revision + 1, 0);
}

/** A batch's id, which is ASCII. */
export function idOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
