/**
 * What other servers appended to a shared store: read from the history, in order, and published here as if it had been
 * committed here. Also notices when the store is not the one that was known: another history, or one whose compaction has
 * taken what was not read yet.
 */
import { Buffer } from "node:buffer";
import { type Backend, type Head, REVISION_MAX } from "../../backends/contract.ts";
import { CATCH_UP_BYTES, CATCH_UP_ROWS } from "../limits.ts";
import type { Commit, Restart } from "./types.ts";

export interface FollowerOptions {
  readonly backend: Backend;
  readonly published: (commit: Commit) => void;
  readonly restarted: (restart: Restart) => void;
}

export class Follower {
  readonly #options: FollowerOptions;
  /** All records as published last, so that it can be told which of them another server changed. */
  readonly #records = new Map<string, Uint8Array>();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Takes in the records of the store, or of a commit of this server. */
  observe(records: Commit["records"]): void {
    for (const { name, value } of records) {
      if (value === null) this.#records.delete(name);
      else this.#records.set(name, value);
    }
  }

  /**
   * Publishes everything behind a head that is known, and answers where the store stands then.
   *
   * @param reached is told of each step, so that a failure in between loses none
   */
  async catchUp(from: Head, reached: (head: Head) => void): Promise<void> {
    const { published } = this.#options;
    let revision = from.revision;
    for (;;) { // Ends with the newest revision; each page moves on.
      const { head, rows, through, hasSince } = await this.#read(from, revision);
      if (!hasSince || head.compactRevision > revision + 1) {
        await this.#restart({ before: { ...from, revision }, head, isOther: !hasSince });
        reached(head);
        return;
      }
      if (head.batchId === from.batchId) return;
      if (through < head.revision) {
        revision = through;
        const part = { ...from, revision };
        published({ head: part, rows, leases: [], records: [], isOwn: false });
        reached(part);
        continue;
      }
      const records = head.recordsIndex > from.recordsIndex ? await this.#changedRecords() : [];
      const leases = head.leasesIndex > from.leasesIndex ? null : [];
      published({ head, rows, leases, records, isOwn: false });
      reached(head);
      return;
    }
  }

  #read(from: Head, after: number) {
    return this.#options.backend.history({
      after,
      upTo: REVISION_MAX,
      rowsMax: CATCH_UP_ROWS,
      bytesMax: CATCH_UP_BYTES,
      withPrev: true,
      since: from,
    });
  }

  async #restart(restart: Restart): Promise<void> {
    const { published, restarted } = this.#options;
    const records = await this.#changedRecords();
    restarted(restart);
    published({ head: restart.head, rows: [], leases: null, records, isOwn: false });
  }

  /** They may be newer than the head that they are published with: whoever keeps a record's state sees it a little early. */
  async #changedRecords(): Promise<Commit["records"]> {
    const { records } = await this.#options.backend.records("");
    const gone = new Set(this.#records.keys());
    const changes: { name: string; value: Uint8Array | null }[] = [];
    for (const [name, value] of records) {
      gone.delete(name);
      if (!isSame(this.#records.get(name), value)) changes.push({ name, value });
    }
    for (const name of gone) changes.push({ name, value: null });
    this.observe(changes);
    return changes;
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
