/** A row of the history as etcd's own database has it: what HashKV covers, and what a snapshot holds. */
import { Buffer } from "node:buffer";
import type { LogRow } from "../../backends/contract.ts";
import { Bytes, varintSize, varintSize64 } from "../wire/bytes.ts";
import { parseKv, withoutValue } from "./stored_kv.ts";

const SEPARATOR = 0x5f; // "_"
const TOMBSTONE = 0x74; // "t"

/** etcd's key of a row: revision and place, big endian, with a mark for tombstones. */
export function etcdRowKey({ revision, sub, tombstone }: LogRow): Buffer {
  const key = revisionKey({ revision, sub, size: tombstone ? 18 : 17 });
  if (tombstone) key[17] = TOMBSTONE;
  return key;
}

/** etcd's form of a revision, in a buffer of `size` bytes; the last ones are 0. */
export function revisionKey(
  { revision, sub, size }: { revision: number; sub: number; size: number },
): Buffer {
  const key = Buffer.alloc(size);
  writeNumber(key, revision, 0);
  key[8] = SEPARATOR;
  writeNumber(key, sub, 9);
  return key;
}

/** A safe, non-negative integer in 64 bits. */
function writeNumber(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  buffer.writeUInt32BE(value % 2 ** 32, at + 4);
}

/** etcd's value of a row: the encoded KeyValue with fields in the order of their numbers; a tombstone's has only the key. */
export function etcdRowValue({ kv, key, tombstone, lease }: LogRow): Uint8Array {
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
