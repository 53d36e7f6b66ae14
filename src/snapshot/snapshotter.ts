/**
 * Makes the store a database file of etcd's, all of it as of one head. Rows are read while others write: those up to the
 * head's revision do not change, and what a compaction meanwhile makes unreachable is held.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Backend } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { RANGE_RESTARTS_MAX, SNAPSHOT_WRITE_BYTES } from "../limits.ts";
import { etcdRowKey, etcdRowValue } from "../mvcc/etcd_row.ts";
import { historyPages } from "../mvcc/history_pages.ts";
import type { Store } from "../mvcc/store.ts";
import { BoltFile, type BoltOutput } from "./bolt_file.ts";
import { type ClusterFacts, smallBuckets, type StoreState } from "./etcd_buckets.ts";
import { readState } from "./store_state.ts";
import { TemporaryFile } from "./temporary_file.ts";

export interface SnapshotterOptions {
  readonly store: Pick<Store, "backend" | "noticeHead" | "onRestart">;
  /** Keeps what a later compaction lets go, once what the newest one let go is gone. */
  readonly hold: () => Promise<Disposable & { readonly compactRevision: number }>;
  readonly facts: () => Promise<ClusterFacts>;
  /** Where the file is made; asked each time, for it may have to be made first. */
  readonly folder: () => string;
}

/** A finished file; disposing of it gives its space back. */
export interface Snapshot extends Disposable {
  readonly file: TemporaryFile;
  /** The version of etcd whose format it has. */
  readonly version: string;
  readonly revision: number;
}

/** Pause before a compaction is looked for that this server has not heard of yet. */
const BEHIND_MS = 100;

export class Snapshotter {
  readonly #options: SnapshotterOptions;
  /** How often the store became another one than before. */
  #restarts = 0;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
    options.store.onRestart(() => this.#restarts++);
  }

  /**
   * @throws {EtcdError} `timeout` if compactions of other servers overtook it again and again
   * @throws {TemporaryFileError} if the disk has no room for it
   * @throws {BackendError} if the store cannot be read
   * @throws the signal's reason once it is aborted
   */
  async make(signal: AbortSignal): Promise<Snapshot> {
    const { store: { backend }, hold: holdTrimming, folder } = this.#options;
    const facts = await this.#options.facts();
    for (let attempt = 0; attempt < RANGE_RESTARTS_MAX; attempt++) {
      const restarts = this.#restarts;
      using hold = await holdTrimming();
      signal.throwIfAborted();
      const state = await readState(backend);
      const { revision, compactRevision } = state.head;
      if (compactRevision !== hold.compactRevision) {
        this.#options.store.noticeHead(state.head);
        await pause(BEHIND_MS);
        continue;
      }
      using unfinished = new DisposableStack();
      const file = unfinished.use(await TemporaryFile.create(folder()));
      await writeDatabase(file, { backend, state, facts, signal });
      // Another server may have trimmed what a newer compaction lets go.
      const isWhole = backend.capabilities.exclusive ||
        (await backend.head()).compactRevision === compactRevision;
      if (!isWhole || restarts !== this.#restarts) continue;
      const kept = unfinished.move();
      const { version } = facts;
      return { file, version, revision, [Symbol.dispose]: () => kept.dispose() };
    }
    throw new EtcdError("timeout");
  }
}

interface Contents {
  readonly backend: Backend;
  readonly state: StoreState;
  readonly facts: ClusterFacts;
  readonly signal: AbortSignal;
}

async function writeDatabase(
  output: BoltOutput,
  { backend, state, facts, signal }: Contents,
): Promise<void> {
  const bolt = await BoltFile.begin(output);
  const keys = bolt.openBucket();
  const span = { after: 0, upTo: state.head.revision };
  // Rows come in the order of their keys in etcd's database: by revision and place.
  for await (const rows of historyPages(backend, span)) {
    signal.throwIfAborted();
    for (const row of rows) keys.add(etcdRowKey(row), etcdRowValue(row));
    if (bolt.waitingBytes >= SNAPSHOT_WRITE_BYTES) await bolt.flush();
  }
  bolt.endBucket("key", keys);
  for (const [name, entries] of smallBuckets(state, facts)) {
    const bucket = bolt.openBucket();
    for (const [key, value] of entries) bucket.add(key, value);
    bolt.endBucket(name, bucket);
    await bolt.flush();
  }
  await bolt.finish();
}
