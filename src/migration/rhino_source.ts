/**
 * A store of Rhino's as a source: its history as it is kept, then leases and records as they were when the last revision
 * was. Servers may go on with it.
 */
import type { Backend, Head } from "../../backends/contract.ts";
import { historyPages } from "../mvcc/history_pages.ts";
import type { StoreState } from "../snapshot/etcd_buckets.ts";
import { readState } from "../snapshot/store_state.ts";
import { HistoryProgress, oldKeysOf } from "./history_progress.ts";
import { unfinishedSource } from "./mark.ts";
import { MigrationError, type Portion, type Source, type SourceEnd } from "./source.ts";

/** Times that compactions of others may overtake the reading. Each time only what was written meanwhile is read. */
const OVERTAKEN_MAX = 20;

export class RhinoSource implements Source {
  readonly name: string;
  readonly notes: readonly string[];
  readonly #backend: Backend;
  #end: Head | undefined;
  #progress: HistoryProgress | undefined;

  private constructor(backend: Backend, name: string) {
    this.#backend = backend;
    this.name = name;
    this.notes = backend.capabilities.exclusive
      ? []
      : ["what is written to the source from now on is not in the copy"];
  }

  static async open(backend: Backend, name: string): Promise<RhinoSource> {
    const source = await unfinishedSource(backend);
    if (source === null) return new RhinoSource(backend, name);
    throw new MigrationError(
      `the source is itself a half-done copy of ${source}: finish that first`,
    );
  }

  get fraction(): number {
    return this.#progress?.fraction ?? 0;
  }

  async *portions(): AsyncGenerator<Portion, SourceEnd> {
    let after = 0;
    for (let round = 0; round < OVERTAKEN_MAX; round++) {
      const state = await readState(this.#backend);
      const { revision } = state.head;
      const progress = new HistoryProgress(state.head, await oldKeysOf(this.#backend, state.head));
      this.#progress ??= progress;
      for await (const rows of historyPages(this.#backend, { after, upTo: revision })) {
        this.#progress.add(rows);
        yield { rows, leases: [], records: [] };
      }
      // What a compaction took away before it was read is superseded by what is there at that compaction: so the copy is
      // whole from there on, if that was read.
      const { compactRevision } = await this.#backend.head();
      if (compactRevision <= revision) {
        yield rest(state);
        this.#end = state.head;
        return { revision, compactRevision };
      }
      after = revision;
    }
    throw new MigrationError(
      "the source is compacted faster than it can be read: stop its servers, and try again",
    );
  }

  async missed(): Promise<string> {
    const { revision } = await this.#backend.head();
    const copied = this.#end?.revision ?? 0;
    if (revision <= copied) return "";
    return `the source has gone on to revision ${revision}: what came after ${copied} is not in the copy`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend.close();
  }
}

function rest({ leases, records }: StoreState): Portion {
  return {
    rows: [],
    leases: leases.map(({ id, ttl, remainingMs }) => ({ id, state: { ttl, remainingMs } })),
    records: [...records].map(([name, value]) => ({ name, value })),
  };
}
