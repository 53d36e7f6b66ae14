/**
 * The lease clock: the time by which leases run, which is a clock's but for the gaps between two appends that were too long
 * (see `LeaseChange` in the contract). A database that runs by its own clock moves it in SQL, by the same rule.
 */

export interface LeaseTime {
  /** When the last batch was appended. */
  readonly appendedAtMs: number;
  /** How long the lease clock has stood still up to then, in all. */
  readonly pauseMs: number;
}

/** A lease time as it was read, by the clock that it goes by. */
export interface LeaseClock extends LeaseTime {
  readonly nowMs: number;
}

/** What the lease clock shows; `gapMs` is the longest gap that counts. */
export function leaseNowMs({ nowMs, ...time }: LeaseClock, gapMs: number): number {
  return nowMs - timeAfterAppend(time, { nowMs, gapMs }).pauseMs;
}

/** With an append at this moment; `gapMs` 0 leaves out any gap before it. */
export function timeAfterAppend(
  time: LeaseTime,
  { nowMs, gapMs }: { readonly nowMs: number; readonly gapMs: number },
): LeaseTime {
  // A clock that was set back tells nothing.
  const sinceMs = Math.max(0, nowMs - time.appendedAtMs);
  return { appendedAtMs: nowMs, pauseMs: time.pauseMs + (sinceMs > gapMs ? sinceMs : 0) };
}
