/** A store for this folder's tests: its history is a list, and the test decides when a page of it arrives. */
import { Buffer } from "node:buffer";
import {
  FIRST_HEAD,
  type Head,
  type HistoryPage,
  type HistoryQuery,
  type HistoryRow,
} from "../../backends/contract.ts";
import type { Store } from "../mvcc/store.ts";
import { encodeKv } from "../mvcc/stored_kv.ts";
import type { Commit, Restart } from "../mvcc/types.ts";

/** A change within a revision; without a value it is a delete. */
export interface Change {
  readonly key: string;
  readonly value?: string;
}

type HubStore = Pick<Store, "backend" | "head" | "onCommit" | "onRestart">;

export class FakeStore {
  head: Head = FIRST_HEAD;
  readonly #rows: HistoryRow[] = [];
  readonly #newest = new Map<string, Uint8Array>();
  #listener: (commit: Commit) => void = () => {};
  #restartListener: (restart: Restart) => void = () => {};
  /** Pages that were asked for. */
  reads = 0;
  /** Whether the last page was to come with previous versions. */
  withPrev = false;
  /** Runs before each page is read, and may hold it up or fail. */
  beforeRead: () => Promise<void> = () => Promise.resolve();

  /** What the hub sees. */
  get store(): HubStore {
    const store: Omit<HubStore, "backend"> & { backend: Pick<HubStore["backend"], "history"> } = {
      backend: { history: (query) => this.#history(query) },
      head: this.head,
      onCommit: (listener) => {
        this.#listener = listener;
      },
      onRestart: (listener) => {
        this.#restartListener = listener;
      },
    };
    // The hub reads nothing of the backend but its history.
    return store as HubStore;
  }

  /** One group commit: each list of changes is a revision. */
  commit(revisions: readonly (readonly Change[])[], options: { publish: boolean } = PUBLISH): void {
    const rows = revisions.flatMap((changes, index) =>
      changes.map((change, sub) => this.#row(change, { index, sub }))
    );
    this.#rows.push(...rows);
    const { index, revision } = this.head;
    this.head = { ...this.head, index: index + 1, revision: revision + revisions.length };
    if (options.publish) this.#publish(rows);
  }

  /** Tells that the store is not followed any more, from a head that was published. */
  restart(restart: Omit<Restart, "head">): void {
    this.#restartListener({ head: this.head, ...restart });
  }

  #publish(rows: readonly HistoryRow[]): void {
    this.#listener({ head: this.head, rows, leases: [], records: [], isOwn: true });
  }

  /** Tells of a commit as it is. */
  publish(commit: Commit): void {
    this.#listener(commit);
  }

  #row({ key, value }: Change, { index, sub }: { index: number; sub: number }): HistoryRow {
    const revision = this.head.revision + index + 1;
    const { kv, metaSize } = encodeKv({
      key: Buffer.from(key, "latin1"),
      createRevision: value === undefined ? 0 : revision,
      modRevision: revision,
      version: value === undefined ? 0 : 1,
      lease: 0n,
      value: Buffer.from(value ?? ""),
    });
    const prevKv = this.#newest.get(key) ?? null;
    if (value === undefined) this.#newest.delete(key);
    else this.#newest.set(key, kv);
    const tombstone = value === undefined;
    return {
      ...{ revision, sub, key: Buffer.from(key, "latin1"), kv, metaSize, tombstone, prevKv },
      lease: 0n,
    };
  }

  /** Rows below the revision are gone at once. */
  compact(compactRevision: number, options: { publish: boolean } = PUBLISH): void {
    this.head = { ...this.head, index: this.head.index + 1, compactRevision };
    const kept = this.#rows.filter((row) => row.revision >= compactRevision);
    this.#rows.splice(0, this.#rows.length, ...kept);
    if (options.publish) this.#publish([]);
  }

  async #history({ after, upTo, rowsMax, withPrev }: HistoryQuery): Promise<HistoryPage> {
    this.reads++;
    this.withPrev = withPrev;
    await this.beforeRead();
    const rows: HistoryRow[] = [];
    for (const row of this.#rows) {
      if (row.revision <= after || row.revision > upTo) continue;
      if (rows.length >= rowsMax && row.revision !== rows.at(-1)?.revision) {
        return { head: this.head, rows, through: rows.at(-1)?.revision ?? upTo, hasSince: true };
      }
      rows.push(row);
    }
    return { head: this.head, rows, through: upTo, hasSince: true };
  }
}

const PUBLISH = { publish: true };
