/** The store that a copy is written into, batch by batch. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  type Backend,
  BackendError,
  type Batch,
  type Head,
  type LeaseChange,
  type LogRow,
  type RecordChange,
  REVISION_MAX,
} from "../../backends/contract.ts";
import { COMMIT_BYTES_MAX } from "../limits.ts";
import { markOf, MIGRATION_RECORD } from "./mark.ts";
import { MigrationError, type Portion, type SourceEnd } from "./source.ts";

/** Rows, leases or records after which a batch is written; a revision of more goes whole. */
const BATCH_ITEMS = 4_000;
/** Times that a batch is sent again to a store that cannot be reached. */
const APPEND_RETRIES_MAX = 8;
/** Pause before the first such time; it doubles. */
const APPEND_RETRY_MS = 250;

interface Waiting {
  rows: LogRow[];
  leases: LeaseChange[];
  records: RecordChange[];
  bytes: number;
}

const nothing = (): Waiting => ({ rows: [], leases: [], records: [], bytes: 0 });

export class Target {
  readonly backend: Backend;
  #head: Head;
  #waiting = nothing();

  private constructor(backend: Backend, head: Head) {
    this.backend = backend;
    this.#head = head;
  }

  /**
   * Takes possession of an empty store, by its first batch.
   *
   * @throws {MigrationError} if it is not empty; then nothing is changed
   */
  static async begin(backend: Backend, source: string): Promise<Target> {
    const head = await backend.head();
    if (head.index > 0) throw notEmpty();
    const target = new Target(backend, head);
    target.#waiting.records.push({ name: MIGRATION_RECORD, value: markOf(source) });
    try {
      await target.#write(target.#take(), head);
    } catch (error) {
      if (error instanceof BackendError && error.kind === "conflict") throw notEmpty();
      throw error;
    }
    return target;
  }

  /** The newest revision written. */
  get revision(): number {
    return this.#head.revision;
  }

  async add({ rows, leases, records }: Portion): Promise<void> {
    for (const row of rows) await this.#addRow(row);
    for (const lease of leases) {
      this.#waiting.leases.push(lease);
      await this.#writeFull(this.#waiting.leases);
    }
    for (const record of records) {
      this.#waiting.records.push(record);
      this.#waiting.bytes += record.value?.length ?? 0;
      await this.#writeFull(this.#waiting.records);
    }
  }

  /** A batch ends with a revision only: whoever reads sees all of it or nothing. */
  async #addRow(row: LogRow): Promise<void> {
    this.#check(row);
    const { rows } = this.#waiting;
    if (rows.at(-1)?.revision !== row.revision) await this.#writeFull(rows);
    this.#waiting.rows.push(row);
    this.#waiting.bytes += row.kv.length;
  }

  #check({ revision, key, sub }: LogRow): void {
    const { keySizeMax, batchRowsMax } = this.backend.capabilities;
    if (key.length > keySizeMax) {
      throw new MigrationError(
        `revision ${revision} has a key of ${key.length} bytes, and the store takes ${keySizeMax} at most: ` +
          "delete it, or choose another store",
      );
    }
    if (sub >= batchRowsMax) {
      throw new MigrationError(
        `revision ${revision} changes more than ${batchRowsMax} keys, which the store does not take at once: ` +
          "compact the source beyond it, or choose another store",
      );
    }
    if (revision > REVISION_MAX) {
      throw new MigrationError(
        `revision ${revision} is above ${REVISION_MAX}, the highest there is`,
      );
    }
  }

  async #writeFull(items: readonly unknown[]): Promise<void> {
    if (items.length < BATCH_ITEMS && this.#waiting.bytes < COMMIT_BYTES_MAX) return;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const waiting = this.#take();
    if (waiting.rows.length + waiting.leases.length + waiting.records.length === 0) return;
    await this.#write(waiting, { revision: waiting.rows.at(-1)?.revision ?? this.revision });
  }

  /** Writes what waits, and moves the store to where the source ended. It stays marked. */
  async settle({ revision, compactRevision }: SourceEnd): Promise<void> {
    await this.#flush();
    await this.#write(nothing(), { revision, compactRevision });
  }

  /** Takes the mark away: from now on it is a store like any other. */
  async release(): Promise<void> {
    const records = [{ name: MIGRATION_RECORD, value: null }];
    await this.#write({ ...nothing(), records }, {});
  }

  #take(): Waiting {
    const waiting = this.#waiting;
    this.#waiting = nothing();
    return waiting;
  }

  async #write({ rows, leases, records }: Waiting, moved: Partial<Head>): Promise<void> {
    const base = this.#head;
    const index = base.index + 1;
    const head = {
      ...base,
      revision: moved.revision ?? base.revision,
      compactRevision: moved.compactRevision ?? base.compactRevision,
      index,
      batchId: randomUUID(),
      recordsIndex: records.length > 0 ? index : base.recordsIndex,
      leasesIndex: leases.length > 0 ? index : base.leasesIndex,
    };
    await this.#append({ base, head, rows, leases, records, resumesLeases: false });
    this.#head = head;
  }

  /** The same batch may be sent again: its base lets it come once. */
  async #append(batch: Batch): Promise<void> {
    for (let attempt = 0;; attempt++) { // Ends with success, or after APPEND_RETRIES_MAX.
      try {
        return await this.backend.append(batch);
      } catch (error) {
        if (!(error instanceof BackendError)) throw error;
        const isAgain = error.kind === "conflict" && attempt > 0;
        if (isAgain && await this.backend.outcome(batch.head) === "applied") return;
        // A file that cannot be written stays so until somebody acts.
        const mayPass = !this.backend.capabilities.exclusive &&
          (error.kind === "unavailable" || error.kind === "indeterminate");
        if (!mayPass || attempt === APPEND_RETRIES_MAX) throw error;
      }
      await pause(APPEND_RETRY_MS * 2 ** attempt);
    }
  }
}

function notEmpty(): MigrationError {
  return new MigrationError(
    "the store to copy into is not empty, and nothing was changed: name one that does not exist yet",
  );
}
