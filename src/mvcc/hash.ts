/**
 * HashKV: etcd's checksum over the history, equal to etcd's for the same history.
 *
 * What it covers (source: etcd's server/storage/mvcc/hash.go), for revision R and compact revision C: every row in (C, R];
 * of the rows up to C only those that are still their key's live version at R (all that are left if no key lives at R);
 * never a tombstone at exactly C. Each row counts as etcd's key (revision and place) followed by its encoded KeyValue with
 * fields in the order of their numbers; a tombstone's has only the key.
 */
import { Buffer } from "node:buffer";
import type { Backend, HistoryRow } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { RANGE_RESTARTS_MAX } from "../limits.ts";
import { crc32c } from "./crc32c.ts";
import { etcdRowKey, etcdRowValue } from "./etcd_row.ts";
import type { HashStorage } from "./hash_storage.ts";
import { historyPages, type HistorySpan } from "./history_pages.ts";
import { keyName } from "./key_range.ts";
import { checkRevision } from "./range_pages.ts";

export interface HashResult {
  readonly hash: number;
  /** The header's. */
  readonly revision: number;
  readonly hashRevision: number;
  readonly compactRevision: number;
}

export interface HashOptions {
  readonly backend: Backend;
  /** Checksums made at earlier compactions. */
  readonly storage: HashStorage;
  /** Waits until what was compacted is gone, so that the rows up to the compact revision are those that stay. */
  readonly trimmed: () => Promise<void>;
}

/** What a checksum is made over: etcd's rule needs both. */
export interface HashScope {
  readonly compactRevision: number;
  readonly revision: number;
}

const BUCKET_NAME = Buffer.from("key");

/**
 * @param revision 0 for the newest
 * @throws {EtcdError} `compacted`, `futureRevision`; `timeout` if compactions overtook it again and again
 */
export async function hashKv(options: HashOptions, revision: number): Promise<HashResult> {
  const { backend, storage, trimmed } = options;
  for (let attempt = 0; attempt < RANGE_RESTARTS_MAX; attempt++) {
    const { compactRevision } = await backend.head();
    // What is known already waits for no trimming; and with the trimming it may become known.
    if (storage.get(revision) === undefined) await trimmed();
    const head = await backend.head();
    const stored = storage.get(revision);
    if (stored !== undefined) return { ...stored, revision: head.revision };
    checkRevision(revision, head);
    const scope = { compactRevision, revision: revision === 0 ? head.revision : revision };
    const hash = await hashScope(backend, scope);
    // A compaction meanwhile may have left rows that it will trim, or taken some away before they were read.
    if ((await backend.head()).compactRevision !== compactRevision) continue;
    return { hash, revision: head.revision, hashRevision: scope.revision, compactRevision };
  }
  throw new EtcdError("timeout");
}

/** The checksum; the rows up to the scope's compact revision must be trimmed, the later ones must not be. */
export async function hashScope(backend: Backend, scope: HashScope): Promise<number> {
  const { compactRevision, revision } = scope;
  // etcd takes a negative revision as it stands: no row is that old.
  if (revision < 0) return crc32c(BUCKET_NAME);
  const all = { start: new Uint8Array(0), end: null };
  const { count: liveKeys } = await backend.count({ ...all, revision });
  const changed = new Set<string>();
  if (compactRevision > 0) {
    for await (const row of rows(backend, { after: compactRevision, upTo: revision })) {
      changed.add(keyName(row.key));
    }
  }
  let hash = crc32c(BUCKET_NAME);
  for await (const row of rows(backend, { after: 0, upTo: revision })) {
    const isOld = row.revision <= compactRevision;
    if (isOld && liveKeys > 0 && (row.tombstone || changed.has(keyName(row.key)))) continue;
    if (row.tombstone && row.revision === compactRevision) continue;
    hash = crc32c(etcdRowValue(row), crc32c(etcdRowKey(row), hash));
  }
  return hash;
}

async function* rows(backend: Backend, span: HistorySpan): AsyncGenerator<HistoryRow> {
  for await (const page of historyPages(backend, span)) yield* page;
}
