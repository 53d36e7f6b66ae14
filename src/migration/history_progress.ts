/** How far the reading of a history is, though nobody knows how many rows it has. */
import type { Backend, Head, LogRow } from "../../backends/contract.ts";

export class HistoryProgress {
  readonly #head: Head;
  readonly #oldKeys: number;
  #oldRows = 0;
  #newRows = 0;
  #revision: number;

  /** @param oldKeys how many keys lived at the head's compact revision: about as many rows are left up to there */
  constructor(head: Head, oldKeys: number) {
    this.#head = head;
    this.#oldKeys = oldKeys;
    this.#revision = Math.max(1, head.compactRevision);
  }

  add(rows: readonly LogRow[]): void {
    const { compactRevision } = this.#head;
    for (const { revision } of rows) {
      if (revision <= compactRevision) this.#oldRows++;
      else this.#newRows++;
      this.#revision = Math.max(this.#revision, revision);
    }
  }

  /** From 0 to 1: what is to come has as many rows a revision as what was read. */
  get fraction(): number {
    const from = Math.max(1, this.#head.compactRevision);
    const rowsPerRevision = this.#newRows === 0
      ? 1
      : this.#newRows / Math.max(1, this.#revision - from);
    const oldLeft = this.#newRows > 0 ? 0 : Math.max(0, this.#oldKeys - this.#oldRows);
    const left = oldLeft + Math.max(0, this.#head.revision - this.#revision) * rowsPerRevision;
    const read = this.#oldRows + this.#newRows;
    return read === 0 ? 0 : read / (read + left);
  }
}

/** How many keys lived at the head's compact revision; 0 if it has none. */
export async function oldKeysOf(backend: Backend, { compactRevision }: Head): Promise<number> {
  if (compactRevision <= 0) return 0;
  const all = { start: new Uint8Array(0), end: null };
  return (await backend.count({ ...all, revision: compactRevision })).count;
}
