/** Tells of work that takes long: that it goes on, how far it is, and what came of it. Short work is not spoken of. */

import { messageOf } from "./errors.ts";

type LogLine = (
  level: "info" | "warn",
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** How often it is told that the work goes on; and what takes less is short. */
const EVERY_MS = 10_000;

export interface LongWorkOptions {
  readonly log: LogLine;
  /** Milliseconds, for measuring only. */
  readonly now: () => number;
  /** As it begins a line: `trimming`. */
  readonly what: string;
  /** How far the work is by now. */
  readonly progress?: () => Record<string, unknown>;
  readonly everyMs?: number;
}

/** Runs the work. It fails as the work fails. */
export async function longWork<T>(options: LongWorkOptions, work: () => Promise<T>): Promise<T> {
  const { log, now, what, progress = () => ({}), everyMs = EVERY_MS } = options;
  const startMs = now();
  const facts = () => ({ ...progress(), seconds: Math.round((now() - startMs) / 1_000) });
  const timer = setInterval(() => log("info", `${what} goes on`, facts()), everyMs);
  try {
    const result = await work();
    if (now() - startMs >= everyMs) log("info", `${what} is done`, facts());
    return result;
  } catch (error) {
    log("warn", `${what} failed`, { ...facts(), cause: messageOf(error) });
    throw error;
  } finally {
    clearInterval(timer);
  }
}
