/** How much room the tables take up, and giving back what they do not need. */

import type { LogRow, Size } from "../contract.ts";
import { STATEMENT_TIME_S } from "./connecting.ts";
import { fillIn } from "./literals.ts";
import type { Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";

/** Sizes are measured at most this often, while answers go on with what is known: a quota asks before every put. */
const FRESH_MS = 5_000;
/** An answer that is older than this waits for a new one. */
const STALE_MS = 60_000;
/** Of a row of the log, besides its key and kv. */
const ROW_BYTES = 40;

export interface SizeMeter {
  /** What was measured last, and what this server has appended since. */
  size(): Promise<Size>;
  /** To be told of each append. */
  appended(rows: readonly LogRow[]): void;
  /** The next answer is measured anew. */
  forget(): void;
}

export function createSizeMeter(measure: () => Promise<Size>): SizeMeter {
  let last: { readonly size: Size; readonly atMs: number } | null = null;
  let appendedBytes = 0;
  let measuring: Promise<void> | null = null;

  async function measureNow(): Promise<void> {
    const before = appendedBytes;
    const size = await measure();
    last = { size, atMs: performance.now() };
    appendedBytes -= before;
  }

  function remeasure(): Promise<void> {
    measuring ??= measureNow().finally(() => measuring = null);
    return measuring;
  }

  return {
    async size() {
      const ageMs = last === null ? Infinity : performance.now() - last.atMs;
      if (ageMs > STALE_MS) await remeasure();
      // What becomes of it shows at the latest when the answer is stale.
      else if (ageMs > FRESH_MS) remeasure().catch(() => {});
      const { total, inUse, empty } = last?.size ?? await measure();
      return { total: total + appendedBytes, inUse: inUse + appendedBytes, empty };
    },

    appended(rows) {
      for (const { key, kv } of rows) appendedBytes += key.length + kv.length + ROW_BYTES;
    },

    forget() {
      last = null;
    },
  };
}

/**
 * `data_length`, `index_length` and `data_free` of InnoDB's statistics, brought up to date before. They count whole pages, and
 * those of large values too; what a deletion left within pages counts as used until the tables are made anew.
 */
export async function measureSize(session: Session): Promise<Size> {
  await session.rows(STATEMENTS.refreshSizes);
  const [row] = await session.rows<[string | number, string | number, string | number]>(
    STATEMENTS.sizes,
  );
  const [used = 0, free = 0, empty = 0] = (row ?? []).map((value) => Number(value));
  return { total: used + free, inUse: used, empty };
}

/** Makes the large tables anew. Reads and writes go on, but for a moment at the beginning and at the end of each. */
export async function optimizeTables(session: Session, hasStatementTime: boolean): Promise<void> {
  if (hasStatementTime) await session.change(fillIn(STATEMENTS.setStatementTime, { seconds: 0 }));
  await session.rows(STATEMENTS.optimize);
  if (hasStatementTime) {
    await session.change(fillIn(STATEMENTS.setStatementTime, { seconds: STATEMENT_TIME_S }));
  }
}
