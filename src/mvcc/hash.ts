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
import { Bytes, varintSize, varintSize64 } from "../wire/bytes.ts";
import { EtcdError } from "../errors.ts";
import { CATCH_UP_ROWS, PAGE_BYTES, RANGE_RESTARTS_MAX } from "../limits.ts";
import { crc32c } from "./crc32c.ts";
import type { HashStorage } from "./hash_storage.ts";
import { keyName } from "./key_range.ts";
import { checkRevision } from "./range_pages.ts";
import { parseKv, withoutValue } from "./stored_kv.ts";

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
  const stored = storage.get(revision);
  if (stored !== undefined) return { ...stored, revision: (await backend.head()).revision };
  for (let attempt = 0; attempt < RANGE_RESTARTS_MAX; attempt++) {
    const { compactRevision } = await backend.head();
    await trimmed();
    const head = await backend.head();
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
    hash = crc32c(hashedValue(row), crc32c(hashedKey(row), hash));
  }
  return hash;
}

async function* rows(
  backend: Backend,
  { after, upTo }: { after: number; upTo: number },
): AsyncGenerator<HistoryRow> {
  for (let from = after; from < upTo;) {
    const page = await backend.history({
      after: from,
      upTo,
      rowsMax: CATCH_UP_ROWS,
      bytesMax: PAGE_BYTES,
      withPrev: false,
      since: null,
    });
    yield* page.rows;
    from = page.through;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** etcd's key of a row: revision and place, big endian, with a mark for tombstones. */
function hashedKey({ revision, sub, tombstone }: HistoryRow): Buffer {
  const key = Buffer.alloc(tombstone ? 18 : 17);
  key.writeBigUInt64BE(BigInt(revision), 0);
  key.write("_", 8);
  key.writeBigUInt64BE(BigInt(sub), 9);
  if (tombstone) key.write("t", 17);
  return key;
}

function hashedValue({ kv, key, tombstone, lease }: HistoryRow): Uint8Array {
  if (tombstone) return keyOnly(key);
  // Without a lease the stored order is the order of the field numbers.
  return lease === 0n ? kv : leaseLast(kv, lease);
}

function keyOnly(key: Uint8Array): Uint8Array {
  const out = new Bytes(Buffer.alloc(1 + varintSize(key.length) + key.length));
  out.messageField(0x0a, key);
  return out.buffer;
}

/** The stored message has the lease before the value; by number it comes behind. */
function leaseLast(kv: Uint8Array, lease: bigint): Uint8Array {
  const { value } = parseKv(kv);
  const before = withoutValue(kv, { keepLease: false });
  const valueSize = value.length === 0 ? 0 : 1 + varintSize(value.length) + value.length;
  const out = new Bytes(Buffer.alloc(before.length + valueSize + 1 + varintSize64(lease)));
  out.raw(before);
  out.bytesField(0x2a, value);
  out.bigintField(0x30, lease);
  return out.buffer;
}
