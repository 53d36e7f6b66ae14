/**
 * The newest versions of the keys in use, so that point reads, and the previous version of what is written, need no
 * question to the store. It also remembers that a key does not exist.
 *
 * Two generations bound it: entries go into the young one; when that is full it becomes the old one, and the old one is
 * dropped. A hit in the old generation moves the entry to the young one, so what is used stays.
 */
import type { HistoryRow } from "../../backends/contract.ts";
import { keyName } from "./key_range.ts";
import { parseKv, type Version } from "./stored_kv.ts";

/** A version out of memory of its own: one that stays long must not keep the slab that it was cut from. */
function ownCopy(version: Version): Version {
  const { kv } = version;
  return kv.buffer.byteLength < 2 * kv.length ? version : parseKv(new Uint8Array(kv));
}

/** About what an entry costs besides its key and its message. */
const ENTRY_BYTES = 350;

export class HotCache {
  readonly #generationBytesMax: number;
  #young = new Map<string, Version | null>();
  #old = new Map<string, Version | null>();
  #youngBytes = 0;

  constructor(bytesMax: number) {
    this.#generationBytesMax = bytesMax / 2;
  }

  /** The key's newest version, `null` if it does not exist, `undefined` if that is not known here. */
  get(name: string): Version | null | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old === undefined) return undefined;
    const kept = old === null ? null : ownCopy(old);
    this.set(name, kept);
    return kept;
  }

  set(name: string, version: Version | null): void {
    this.#young.set(name, version);
    // Overwriting counts twice: the generation turns a little early, which is harmless.
    this.#youngBytes += ENTRY_BYTES + 2 * name.length + (version?.kv.length ?? 0);
    if (this.#youngBytes < this.#generationBytesMax) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  /** Takes in what a commit changed. */
  apply(rows: readonly HistoryRow[]): void {
    for (const row of rows) this.set(keyName(row.key), row.tombstone ? null : parseKv(row.kv));
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#youngBytes = 0;
  }
}
