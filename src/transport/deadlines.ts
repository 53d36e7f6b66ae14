/**
 * Deadlines of many short calls, nearly all of which are over long before: a timer of the platform for each call costs
 * several microseconds, a place in a set costs a fraction of one.
 */

import { clearTimeout, setTimeout } from "node:timers";
import { TIMER_MS_MAX } from "./grpc_timeout.ts";

/** Deadlines are kept to this precision; a call ends late by at most that, and never early. */
const TICK_MS = 10;

type Timer = ReturnType<typeof setTimeout>;

/** Something that has a deadline. */
export interface Expiring {
  expire(): void;
}

export class Deadlines {
  /** Tick → what expires then. No set is empty. */
  readonly #byTick = new Map<number, Set<Expiring>>();
  /** Never keeps the process alive: connections do that. */
  #timer: Timer | undefined;
  /** When the timer fires; never later than the first deadline. */
  #timerTick = Infinity;

  /** Returns the tick to take it out with. */
  add(expiring: Expiring, timeoutMs: number): number {
    const tick = Math.ceil((performance.now() + timeoutMs) / TICK_MS);
    const set = this.#byTick.get(tick);
    if (set === undefined) this.#byTick.set(tick, new Set([expiring]));
    else set.add(expiring);
    if (tick < this.#timerTick) this.#schedule(tick);
    return tick;
  }

  delete(expiring: Expiring, tick: number): void {
    const set = this.#byTick.get(tick);
    // The timer is left alone: it finds nothing, and looks for what is next.
    if (set?.delete(expiring) === true && set.size === 0) this.#byTick.delete(tick);
  }

  /** Forgets all deadlines. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timerTick = Infinity;
    this.#byTick.clear();
  }

  #schedule(tick: number): void {
    clearTimeout(this.#timer);
    this.#timerTick = tick;
    const delayMs = Math.max(0, tick * TICK_MS - performance.now());
    this.#timer = setTimeout(() => this.#onTimer(), Math.min(Math.ceil(delayMs), TIMER_MS_MAX));
    this.#timer.unref();
  }

  #onTimer(): void {
    this.#timerTick = Infinity;
    const nowTick = Math.floor(performance.now() / TICK_MS);
    let next = Infinity;
    for (const [tick, set] of [...this.#byTick]) {
      if (tick > nowTick) {
        next = Math.min(next, tick);
        continue;
      }
      this.#byTick.delete(tick);
      for (const expiring of set) expiring.expire();
    }
    if (next < this.#timerTick) this.#schedule(next);
  }
}
