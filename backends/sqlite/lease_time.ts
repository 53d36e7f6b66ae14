/** The time by which leases run: the clock, but for the gaps between two appends that were too long. */

export interface LeaseTime {
  /** When the last batch was appended. */
  readonly appendedAtMs: number;
  /** How long the lease clock has stood still, in all. */
  readonly pauseMs: number;
}

export interface Moment {
  readonly nowMs: number;
  /** The longest gap that counts. */
  readonly gapMs: number;
}

/** What the lease clock shows. */
export function leaseClockMs(time: LeaseTime, { nowMs, gapMs }: Moment): number {
  return nowMs - timeAfterAppend(time, { nowMs, gapMs }).pauseMs;
}

/** With an append at this moment; `gapMs` 0 leaves out any gap before it. */
export function timeAfterAppend(time: LeaseTime, { nowMs, gapMs }: Moment): LeaseTime {
  // A clock that was set back tells nothing.
  const sinceMs = Math.max(0, nowMs - time.appendedAtMs);
  return { appendedAtMs: nowMs, pauseMs: time.pauseMs + (sinceMs > gapMs ? sinceMs : 0) };
}
