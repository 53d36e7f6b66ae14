/** The lease clock as the head's row keeps it: see `LeaseChange` in the contract. Writers compute the same in SQL. */

export interface LeaseClock {
  /** By the database's clock, when the row was read. */
  readonly nowMs: number;
  /** By the database's clock, when the last batch was appended. */
  readonly appendedAtMs: number;
  /** How long the lease clock has stood still up to then, in all. */
  readonly pauseMs: number;
}

/** Where the lease clock stands. A database's clock that was set back tells nothing. */
export function leaseNowMs(
  { nowMs, appendedAtMs, pauseMs }: LeaseClock,
  leaseGapMs: number,
): number {
  const gapMs = Math.max(0, nowMs - appendedAtMs);
  return nowMs - pauseMs - (gapMs > leaseGapMs ? gapMs : 0);
}
