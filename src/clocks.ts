/** The two clocks: one for what outlives the process, one for waiting. */

/** Milliseconds, of both clocks. */
export interface Clocks {
  /** Since the epoch. */
  readonly wall: () => number;
  /** For waiting. */
  readonly now: () => number;
}

/** The time of day, going on evenly from the start: a clock that is set meanwhile must not expire leases. */
export function wallClock(): () => number {
  const offsetMs = Date.now() - performance.now();
  return () => Math.floor(offsetMs + performance.now());
}

/** A clock for waiting, which does not jump when somebody sets the time. */
export function now(): number {
  return performance.now();
}

export interface MovableClocks extends Clocks {
  /** From now on both clocks are ahead by as much more. */
  advance(ms: number): void;
}

/** Clocks that go by themselves, and can be moved on; for tests, in which nobody wants to wait. */
export function movableClocks(): MovableClocks {
  const wall = wallClock();
  let aheadMs = 0;
  return {
    wall: () => wall() + aheadMs,
    now: () => now() + aheadMs,
    advance: (ms) => void (aheadMs += ms),
  };
}
