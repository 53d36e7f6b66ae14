/** The two clocks: one for what outlives the process, one for waiting. */

/** The time of day, going on evenly from the start: a clock that is set meanwhile must not expire leases. */
export function wallClock(): () => number {
  const offsetMs = Date.now() - performance.now();
  return () => Math.floor(offsetMs + performance.now());
}

/** A clock for waiting, which does not jump when somebody sets the time. */
export function now(): number {
  return performance.now();
}
