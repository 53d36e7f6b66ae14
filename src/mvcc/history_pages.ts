/** The history from end to end, for what has to see it all: page by page, between which the event loop serves others. */
import type { Backend, HistoryRow } from "../../backends/contract.ts";
import { LARGE_PAGE_BYTES, LARGE_PAGE_ROWS, SMALL_PAGE_BYTES, SMALL_PAGE_ROWS } from "../limits.ts";

export interface HistorySpan {
  /** Revisions above this one. */
  readonly after: number;
  /** Revisions up to this one. */
  readonly upTo: number;
}

export async function* historyPages(
  backend: Backend,
  { after, upTo }: HistorySpan,
): AsyncGenerator<readonly HistoryRow[]> {
  // A page of a file stops the event loop, a page of a database server is a question to it.
  const limits = backend.capabilities.exclusive
    ? { rowsMax: SMALL_PAGE_ROWS, bytesMax: SMALL_PAGE_BYTES }
    : { rowsMax: LARGE_PAGE_ROWS, bytesMax: LARGE_PAGE_BYTES };
  for (let from = after; from < upTo;) {
    const page = await backend.history({
      after: from,
      upTo,
      ...limits,
      withPrev: false,
      since: null,
    });
    yield page.rows;
    from = page.through;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
