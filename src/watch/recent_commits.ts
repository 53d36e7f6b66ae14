/** The last commits, kept in memory: a watcher that is a little behind is served from here and costs the store nothing. */
import type { HistoryRow } from "../../backends/contract.ts";
import { RECENT_COMMITS_MAX, RECENT_EVENTS_BYTES_MAX } from "../limits.ts";

/** A stretch of history: all rows from some revision on up to `through`. */
export interface Page {
  readonly rows: readonly HistoryRow[];
  readonly through: number;
}

interface RecentCommit {
  readonly rows: readonly HistoryRow[];
  readonly lastRevision: number;
  readonly bytes: number;
}

/** What a row takes besides its messages, roughly. */
const ROW_OVERHEAD_BYTES = 256;
/** Commits that may be dead at the front of the list before it is cut. */
const DEAD_MAX = 1_024;

export class RecentCommits {
  readonly #commitsMax: number;
  readonly #bytesMax: number;
  #commits: RecentCommit[] = [];
  /** Where in the list the oldest commit is. */
  #oldest = 0;
  #bytes = 0;
  /** Everything above this revision is here. */
  #floor: number;

  constructor(
    revision: number,
    options: { readonly commitsMax?: number; readonly bytesMax?: number } = {},
  ) {
    this.#floor = revision;
    this.#commitsMax = options.commitsMax ?? RECENT_COMMITS_MAX;
    this.#bytesMax = options.bytesMax ?? RECENT_EVENTS_BYTES_MAX;
  }

  /** Adds a commit and forgets the oldest ones as the bounds demand, this one too if it is too large. */
  push(rows: readonly HistoryRow[]): void {
    const last = rows.at(-1);
    if (last === undefined) return;
    let bytes = 0;
    for (const row of rows) {
      bytes += row.kv.length + (row.prevKv?.length ?? 0) + ROW_OVERHEAD_BYTES;
    }
    this.#commits.push({ rows, lastRevision: last.revision, bytes });
    this.#bytes += bytes;
    while (
      this.#bytes > this.#bytesMax || this.#commits.length - this.#oldest > this.#commitsMax
    ) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const commit = this.#commits[this.#oldest];
    if (commit === undefined) return;
    this.#bytes -= commit.bytes;
    this.#floor = commit.lastRevision;
    // The list keeps its front until it is cut, but not the rows.
    this.#commits[this.#oldest++] = { rows: [], lastRevision: commit.lastRevision, bytes: 0 };
    if (this.#oldest < DEAD_MAX) return;
    this.#commits = this.#commits.slice(this.#oldest);
    this.#oldest = 0;
  }

  /** Forgets everything; what is pushed next comes after the revision. */
  restart(revision: number): void {
    this.#commits = [];
    this.#oldest = 0;
    this.#bytes = 0;
    this.#floor = revision;
  }

  /**
   * Whole commits with all that is in them from revision `next` on; `undefined` if that is not all here any more. Ends
   * with the commit in which it reaches the rows or the bytes.
   */
  page(
    next: number,
    { rowsMax, bytesMax }: { readonly rowsMax: number; readonly bytesMax: number },
  ): Page | undefined {
    if (next <= this.#floor) return undefined;
    const rows: HistoryRow[] = [];
    let bytes = 0;
    let through = next - 1;
    for (let index = this.#indexOf(next); index < this.#commits.length; index++) {
      const commit = this.#commits[index];
      if (commit === undefined || rows.length >= rowsMax || bytes >= bytesMax) break;
      for (const row of commit.rows) if (row.revision >= next) rows.push(row);
      bytes += commit.bytes;
      through = commit.lastRevision;
    }
    return { rows, through };
  }

  /** The first commit that reaches the revision. */
  #indexOf(revision: number): number {
    let low = this.#oldest;
    let high = this.#commits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#commits[middle]?.lastRevision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
