/** How heads, ids, rows and leases are written in Redis. The scripts in `lua/` rely on the same forms. */

import { Buffer } from "node:buffer";
import { BackendError, type BatchPlace, type Head, type LogRow, REVISION_MAX } from "./kit.ts";

/** 6 bytes of revision and 3 of the place within it, so that ids order as bytes. */
const REVISION_BYTES = 6;
const ID_BYTES = 9;
/** Whether the key lives, size of the kv before its value, lease, size of the key; then key and kv. */
const ROW_HEADER_BYTES = 17;

export function idOf({ revision, sub }: Pick<LogRow, "revision" | "sub">): Buffer {
  const id = Buffer.alloc(ID_BYTES);
  id.writeUIntBE(revision, 0, REVISION_BYTES);
  id.writeUIntBE(sub, REVISION_BYTES, ID_BYTES - REVISION_BYTES);
  return id;
}

/** Where ids of later revisions begin: a bound that no id of the revision or one before reaches. */
export function behindRevision(revision: number): Buffer {
  const bound = Buffer.alloc(REVISION_BYTES);
  bound.writeUIntBE(Math.min(revision, REVISION_MAX) + 1, 0, REVISION_BYTES);
  return bound;
}

export function encodeRow({ key, kv, metaSize, tombstone, lease }: LogRow): Buffer {
  const row = Buffer.allocUnsafe(ROW_HEADER_BYTES + key.length + kv.length);
  row[0] = tombstone ? 0 : 1;
  row.writeUInt32BE(metaSize, 1);
  row.writeBigInt64BE(lease, 5);
  row.writeUInt32BE(key.length, 13);
  row.set(key, ROW_HEADER_BYTES);
  row.set(kv, ROW_HEADER_BYTES + key.length);
  return row;
}

/** Keys and messages get memory of their own: an answer's memory may be much larger. */
export function decodeRow(id: Buffer, row: Buffer): LogRow {
  const keyEnd = ROW_HEADER_BYTES + row.readUInt32BE(13);
  return {
    revision: id.readUIntBE(0, REVISION_BYTES),
    sub: id.readUIntBE(REVISION_BYTES, ID_BYTES - REVISION_BYTES),
    key: Uint8Array.from(row.subarray(ROW_HEADER_BYTES, keyEnd)),
    kv: Uint8Array.from(row.subarray(keyEnd)),
    metaSize: row.readUInt32BE(1),
    tombstone: row[0] === 0,
    lease: row.readBigInt64BE(5),
  };
}

export function kvOf(row: Buffer): Uint8Array {
  return Uint8Array.from(row.subarray(ROW_HEADER_BYTES + row.readUInt32BE(13)));
}

export function encodeInt64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  return bytes;
}

/** By it the scripts tell one place of a history from another. */
export function placeOf({ index, batchId }: BatchPlace): string {
  return `${index} ${batchId}`;
}

export function readPlace(text: Buffer): BatchPlace {
  const [index = "", batchId = ""] = text.toString().split(" ", 2);
  return { index: Number(index), batchId };
}

export function encodeHead(head: Head): string {
  const { index, revision, compactRevision, recordsIndex, leasesIndex, batchId } = head;
  return JSON.stringify([index, revision, compactRevision, recordsIndex, leasesIndex, batchId]);
}

/** @throws {BackendError} `corrupt` */
export function decodeHead(top: Buffer): Head {
  const fields: unknown = parse(top.toString());
  if (Array.isArray(fields) && fields.length === 6) {
    const [index, revision, compactRevision, recordsIndex, leasesIndex, batchId] = fields;
    const numbers = [index, revision, compactRevision, recordsIndex, leasesIndex];
    if (numbers.every(Number.isSafeInteger) && typeof batchId === "string") {
      return { index, revision, compactRevision, recordsIndex, leasesIndex, batchId };
    }
  }
  throw new BackendError("corrupt", "what stands in place of the store's head is none");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
