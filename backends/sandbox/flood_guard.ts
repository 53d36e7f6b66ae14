/** Bounds on what a Worker says without being asked. */

/** Messages in a second, of all kinds; a Worker that sends more is ended. An honest one sends some hundred. */
export const UNASKED_PER_SECOND_MAX = 5_000;
/** Lines of the log in ten seconds; more are counted and left out. */
export const LINES_MAX = 50;
const LINES_WINDOW_MS = 10_000;

const MESSAGE_CHARACTERS_MAX = 2_000;
const FIELDS_MAX = 20;
const FIELD_CHARACTERS_MAX = 500;

export class FloodGuard {
  readonly #now: () => number;
  #secondStart = -Infinity;
  #inSecond = 0;
  #windowStart = -Infinity;
  #lines = 0;
  #leftOut = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts a message; false if it is one too many. */
  takeMessage(): boolean {
    const now = this.#now();
    if (now - this.#secondStart >= 1_000) {
      this.#secondStart = now;
      this.#inSecond = 0;
    }
    return ++this.#inSecond <= UNASKED_PER_SECOND_MAX;
  }

  /** Counts a line; whether it may be written, and how many were left out before it. */
  takeLine(): { readonly isWritten: boolean; readonly leftOut: number } {
    const now = this.#now();
    let leftOut = 0;
    if (now - this.#windowStart >= LINES_WINDOW_MS) {
      leftOut = this.#leftOut;
      this.#windowStart = now;
      this.#lines = 0;
      this.#leftOut = 0;
    }
    const isWritten = ++this.#lines <= LINES_MAX;
    if (!isWritten) this.#leftOut++;
    return { isWritten, leftOut };
  }
}

/** A text of a Worker, short enough for a line. */
export function shortened(text: unknown, max: number = MESSAGE_CHARACTERS_MAX): string {
  const whole = typeof text === "string" ? text : textOf(text);
  return whole.length > max ? `${whole.slice(0, max)}…` : whole;
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    // An object whose toString is none.
    return typeof value;
  }
}

/** Fields of a Worker, few and short enough for a line. */
export function shortFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(fields).slice(0, FIELDS_MAX).map(([name, value]) => {
    const isNumber = typeof value === "number" || typeof value === "boolean";
    return [
      shortened(name, FIELD_CHARACTERS_MAX),
      isNumber ? value : shortened(value, FIELD_CHARACTERS_MAX),
    ];
  });
  return Object.fromEntries(kept);
}
