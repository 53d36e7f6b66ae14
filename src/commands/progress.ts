/**
 * How a long work goes on: one line that is written over on a terminal, and else a line every few seconds. To standard
 * error, so that what a command answers stays alone on standard output.
 */
import { bytes as inUnits, count, duration } from "./quantities.ts";
import { printError } from "./terminal.ts";

/** What is known at a moment; what is 0 is left out. */
export interface ProgressFacts {
  /** What is being done, such as "copying". Rate and time left begin anew with another one. */
  readonly what: string;
  /** From 0 to 1. */
  readonly fraction: number;
  readonly revision?: number;
  readonly rows?: number;
  readonly bytes?: number;
}

export interface ProgressOptions {
  /** Whether a line can be written over. Default: whether standard error is a terminal. */
  readonly isTerminal?: boolean;
  /** Default: to standard error. */
  readonly write?: (text: string) => void;
  /** Milliseconds, for measuring. */
  readonly now?: () => number;
}

const TERMINAL_MS = 100;
const LINES_MS = 5_000;
/** Before, no rate is told: it would jump. */
const RATE_AFTER_MS = 1_000;

export class Progress implements Disposable {
  readonly #isTerminal: boolean;
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  #what = "";
  #startMs = 0;
  #startFraction = 0;
  #startBytes = 0;
  #shownMs = -Infinity;
  #hasLine = false;

  constructor(options: ProgressOptions = {}) {
    this.#isTerminal = options.isTerminal ?? Deno.stderr.isTerminal();
    this.#write = options.write ?? printError;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Cheap enough to be called for every page: most calls write nothing. */
  update(facts: ProgressFacts): void {
    const nowMs = this.#now();
    if (facts.what !== this.#what) {
      this.#what = facts.what;
      this.#startMs = nowMs;
      this.#startFraction = facts.fraction;
      this.#startBytes = facts.bytes ?? 0;
      // What is done within a moment need not be told where lines stay.
      this.#shownMs = this.#isTerminal ? -Infinity : nowMs;
    }
    if (nowMs - this.#shownMs < (this.#isTerminal ? TERMINAL_MS : LINES_MS)) return;
    this.#shownMs = nowMs;
    const line = this.#line(facts, nowMs - this.#startMs);
    this.#write(this.#isTerminal ? `\r${line}\x1b[K` : `${line}\n`);
    this.#hasLine = this.#isTerminal;
  }

  /** Writes a line of its own, above the one that is written over. */
  say(text: string): void {
    this.#clear();
    this.#write(`${text}\n`);
  }

  #line(facts: ProgressFacts, elapsedMs: number): string {
    const { what, fraction, revision = 0, rows = 0, bytes = 0 } = facts;
    const parts = [`${what} ${percent(fraction)}`];
    if (revision > 0) parts.push(`revision ${count(revision)}`);
    if (rows > 0) parts.push(`${count(rows)} rows`);
    if (bytes > 0) parts.push(inUnits(bytes));
    if (elapsedMs >= RATE_AFTER_MS) {
      const perSecond = (bytes - this.#startBytes) / elapsedMs * 1_000;
      if (perSecond > 0) parts.push(`${inUnits(perSecond)}/s`);
      const done = fraction - this.#startFraction;
      if (done > 0) parts.push(`${duration(elapsedMs / done * (1 - fraction) / 1_000)} left`);
    }
    return parts.join(", ");
  }

  #clear(): void {
    if (this.#hasLine) this.#write("\r\x1b[K");
    this.#hasLine = false;
  }

  [Symbol.dispose](): void {
    this.#clear();
  }
}

function percent(fraction: number): string {
  return `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`;
}
