/**
 * Brings watchers that are behind to the present: page by page from the recent commits or, if those do not reach back far
 * enough, from the store. One page serves all watchers that stand at about the same revision. A watcher that has come to
 * the head joins the synced ones in the same turn of the event loop, so that no commit can come between: nothing is
 * missed and nothing is given twice.
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import type { Backend, Head, OpenOptions } from "../../backends/contract.ts";
import { CATCH_UP_BYTES, CATCH_UP_READS_MAX, CATCH_UP_RETRY_MS, CATCH_UP_ROWS } from "../limits.ts";
import { deliver } from "./delivery.ts";
import type { Page, RecentCommits } from "./recent_commits.ts";
import type { Watcher } from "./watcher.ts";
import { WatcherIndex } from "./watcher_index.ts";

export interface CatchUpOptions {
  readonly backend: Pick<Backend, "history">;
  readonly recent: RecentCommits;
  /** The head of the last commit that was published. */
  readonly head: () => Head;
  /** Takes a watcher that has everything up to the head. */
  readonly synced: (watcher: Watcher) => void;
  /** Takes a watcher whose next event is gone. */
  readonly overtaken: (watcher: Watcher, compactRevision: number) => void;
  readonly onDefect: (error: unknown) => void;
  readonly log: OpenOptions["log"];
}

/** A page of history, and what had been compacted when it was read. */
interface CompactedPage extends Page {
  readonly compactRevision: number;
}

export class CatchUp implements Disposable {
  readonly #options: CatchUpOptions;
  readonly #closing = new AbortController();
  /** Watchers that could be given a page, those that wait longest first. */
  readonly #ready = new Set<Watcher>();
  #workers = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Takes a watcher that is behind and whose client reads. */
  add(watcher: Watcher): void {
    this.#ready.add(watcher);
    if (this.#workers >= CATCH_UP_READS_MAX || this.#isClosed) return;
    this.#workers++;
    void this.#work();
  }

  delete(watcher: Watcher): void {
    this.#ready.delete(watcher);
  }

  [Symbol.dispose](): void {
    this.#ready.clear();
    this.#closing.abort();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #work(): Promise<void> {
    try {
      // Ends when nobody waits.
      while (this.#ready.size > 0) {
        // Others have their turn between pages; and watchers that are made at the same time share one.
        await setImmediate();
        await this.#servePage();
      }
    } finally {
      this.#workers--;
    }
  }

  async #servePage(): Promise<void> {
    const claimed = this.#claim();
    const [lead] = claimed;
    if (lead === undefined) return;
    const { recent, head } = this.#options;
    const page = recent.page(lead.next, { rowsMax: CATCH_UP_ROWS, bytesMax: CATCH_UP_BYTES });
    if (page !== undefined) {
      this.#serveOrFail(claimed, { ...page, compactRevision: head().compactRevision });
      return;
    }
    let read: CompactedPage;
    try {
      read = await this.#read(lead.next, claimed);
    } catch (error) {
      await this.#retryLater(claimed, error);
      return;
    }
    if (!this.#isClosed) this.#serveOrFail(claimed, read);
  }

  /** Takes from those who are ready the first and all that a page for it may serve. */
  #claim(): Watcher[] {
    const claimed: Watcher[] = [];
    let from = 0;
    for (const watcher of this.#ready) {
      const [lead] = claimed;
      if (lead === undefined) from = watcher.next;
      // A page has no more revisions than rows.
      else if (watcher.next < from || watcher.next >= from + CATCH_UP_ROWS) continue;
      this.#ready.delete(watcher);
      if (watcher.stream.isFull) watcher.stream.park(watcher);
      else claimed.push(watcher);
    }
    return claimed;
  }

  async #read(next: number, claimed: readonly Watcher[]): Promise<CompactedPage> {
    const { backend, head } = this.#options;
    const { rows, through, head: { compactRevision } } = await backend.history({
      after: next - 1,
      upTo: head().revision,
      rowsMax: CATCH_UP_ROWS,
      bytesMax: CATCH_UP_BYTES,
      withPrev: claimed.some(({ options }) => options.prevKv),
      since: null,
    });
    if (through < next) throw new Error(`a page of history from revision ${next} on is empty`);
    return { rows, through, compactRevision };
  }

  /** A defect must end the streams that it may have cost events, and nothing else. */
  #serveOrFail(claimed: readonly Watcher[], page: CompactedPage): void {
    try {
      this.#serve(claimed, page);
    } catch (error) {
      this.#options.onDefect(error);
      for (const watcher of claimed) if (watcher.state !== "ended") watcher.stream.fail();
    }
  }

  /** Gives a page to those who are still there. No turn of the event loop may end within. */
  #serve(claimed: readonly Watcher[], page: CompactedPage): void {
    const { head, synced, overtaken, onDefect } = this.#options;
    // The page's snapshot may be ahead of what was published: then it lacks what that compaction took.
    const compactRevision = Math.max(page.compactRevision, head().compactRevision);
    const index = new WatcherIndex();
    const served: Watcher[] = [];
    for (const watcher of claimed) {
      if (watcher.state !== "behind") continue;
      if (watcher.next < compactRevision) {
        overtaken(watcher, compactRevision);
        continue;
      }
      index.add(watcher);
      served.push(watcher);
    }
    const deliveries = index.distribute(page.rows, compactRevision);
    const refused = deliver(deliveries, { revision: page.through, onDefect });
    for (const watcher of served) {
      if (watcher.state !== "behind") continue;
      if (refused.has(watcher)) {
        watcher.stream.park(watcher);
        continue;
      }
      watcher.next = Math.max(watcher.next, page.through + 1);
      if (watcher.next > head().revision) synced(watcher);
      else this.#ready.add(watcher);
    }
  }

  async #retryLater(claimed: readonly Watcher[], error: unknown): Promise<void> {
    if (this.#isClosed) return;
    this.#options.log("warn", "History for watchers cannot be read: trying again", {
      error: String(error),
      watchers: claimed.length,
    });
    const { signal } = this.#closing;
    await setTimeout(CATCH_UP_RETRY_MS, undefined, { signal }).catch(() => {});
    if (this.#isClosed) return;
    for (const watcher of claimed) if (watcher.state === "behind") this.#ready.add(watcher);
  }
}
