/**
 * Sums over the rows of a history: one over all of them, by which a copy is compared with what it was made from, and
 * etcd's HashKV.
 */
import { Buffer } from "node:buffer";
import type { Backend, HistoryRow, LogRow } from "../../backends/contract.ts";
import { POINT_READ_KEYS_MAX } from "../limits.ts";
import { crc32c } from "../mvcc/crc32c.ts";
import { etcdRowKey, etcdRowValue } from "../mvcc/etcd_row.ts";
import type { HashScope } from "../mvcc/hash.ts";
import { historyPages } from "../mvcc/history_pages.ts";

/** Equal for equal rows in equal order, however they are stored. */
export class RowSum {
  rows = 0;
  bytes = 0;
  #crc = 0;

  add(row: LogRow): void {
    this.rows++;
    this.bytes += row.kv.length;
    this.#crc = crc32c(etcdRowValue(row), crc32c(etcdRowKey(row), this.#crc));
  }

  get value(): number {
    return this.#crc;
  }
}

const BUCKET_NAME = Buffer.from("key");

/**
 * HashKV of a history that is read row by row, whether what was compacted is trimmed or not; see `src/mvcc/hash.ts` for
 * what it covers. Takes no memory that grows with the history: of each row up to the compact revision the store is
 * asked whether it still counts.
 */
export class HashKvSum {
  readonly #backend: Backend;
  readonly #scope: HashScope;
  /** What decides about an old row: it must be its key's version then. */
  readonly #decidingRevision: number;
  #crc: number = crc32c(BUCKET_NAME);

  /** @param liveKeys how many keys live at the scope's revision */
  constructor(backend: Backend, scope: HashScope, liveKeys: number) {
    this.#backend = backend;
    this.#scope = scope;
    // etcd's rule: what is not live counts only where nothing is.
    this.#decidingRevision = liveKeys > 0 ? scope.revision : scope.compactRevision;
  }

  async add(rows: readonly LogRow[]): Promise<void> {
    const { compactRevision } = this.#scope;
    for (let at = 0; at < rows.length; at += POINT_READ_KEYS_MAX) {
      const some = rows.slice(at, at + POINT_READ_KEYS_MAX);
      const counts = await this.#counting(some.filter((row) => row.revision <= compactRevision));
      for (const row of some) {
        if (row.revision <= compactRevision && !counts.has(row)) continue;
        this.#crc = crc32c(etcdRowValue(row), crc32c(etcdRowKey(row), this.#crc));
      }
    }
  }

  async #counting(old: readonly LogRow[]): Promise<ReadonlySet<LogRow>> {
    const puts = old.filter(({ tombstone }) => !tombstone);
    if (puts.length === 0) return new Set();
    const keys = puts.map(({ key }) => key);
    const query = { keys, leases: [], records: [], revision: this.#decidingRevision };
    const { kvs } = await this.#backend.load(query);
    return new Set(puts.filter(({ kv }, at) => isSame(kvs[at] ?? null, kv)));
  }

  get value(): number {
    return this.#crc;
  }
}

export function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return Buffer.compare(a, b) === 0;
}

/** Both sums of the store's history up to a revision. Nobody may compact it meanwhile. */
export async function sumStore(
  backend: Backend,
  scope: HashScope,
  onPage: (rows: readonly HistoryRow[]) => void,
): Promise<{ readonly sum: RowSum; readonly hashKv: number; readonly liveKeys: number }> {
  const all = { start: new Uint8Array(0), end: null };
  const { count: liveKeys } = await backend.count({ ...all, revision: scope.revision });
  const sum = new RowSum();
  const hash = new HashKvSum(backend, scope, liveKeys);
  for await (const rows of historyPages(backend, { after: 0, upTo: scope.revision })) {
    for (const row of rows) sum.add(row);
    await hash.add(rows);
    onPage(rows);
  }
  return { sum, hashKv: hash.value, liveKeys };
}
