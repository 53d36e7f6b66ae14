/**
 * The wire form of a key's version: an encoded `mvccpb.KeyValue`, made once when it is written and sent as it is ever
 * after. The value field comes last (protobuf lets a writer choose the order), so a prefix of the message is the same
 * message without its value:
 *
 *     key(1) create_revision(2) mod_revision(3) version(4) lease(6) │ value(5)
 *                                                                   └ metaSize
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Bytes, varintSize, varintSize64 } from "../wire/bytes.ts";

/** A version's fields. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** 1 for a key's first version; 0 for a tombstone. */
  readonly version: number;
  readonly lease: bigint;
  readonly value: Uint8Array;
}

/** A live version as the engine holds it: the message and the fields it is asked for. */
export interface Version extends KeyValue {
  readonly kv: Uint8Array;
}

const KEY = 0x0a;
const CREATE_REVISION = 0x10;
const MOD_REVISION = 0x18;
const VERSION = 0x20;
const VALUE = 0x2a;
const LEASE = 0x30;

/** Encodes a version. Zero fields are left out, as protobuf does. */
export function encodeKv(fields: KeyValue): { kv: Uint8Array; metaSize: number } {
  const { key, createRevision, modRevision, version, lease, value } = fields;
  const metaSize = bytesFieldSize(key) + numberFieldSize(createRevision) +
    numberFieldSize(modRevision) + numberFieldSize(version) +
    (lease === 0n ? 0 : 1 + varintSize64(lease));
  const out = new Bytes(Buffer.allocUnsafe(metaSize + bytesFieldSize(value)));
  out.bytesField(KEY, key);
  out.numberField(CREATE_REVISION, createRevision);
  out.numberField(MOD_REVISION, modRevision);
  out.numberField(VERSION, version);
  if (lease !== 0n) out.bigintField(LEASE, lease);
  out.bytesField(VALUE, value);
  return { kv: out.buffer, metaSize };
}

function bytesFieldSize(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : 1 + varintSize(bytes.length) + bytes.length;
}

function numberFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Reads a message made by `encodeKv`, whole or cut before its value. The arrays in the answer share its memory. */
export function parseKv(kv: Uint8Array): Version {
  const reader = new KvReader(kv);
  let key: Uint8Array = EMPTY, value: Uint8Array = EMPTY;
  let createRevision = 0, modRevision = 0, version = 0;
  let lease = 0n;
  while (reader.offset < kv.length) {
    switch (kv[reader.offset++]) {
      case KEY:
        key = reader.bytes();
        break;
      case CREATE_REVISION:
        createRevision = reader.number();
        break;
      case MOD_REVISION:
        modRevision = reader.number();
        break;
      case VERSION:
        version = reader.number();
        break;
      case LEASE:
        lease = reader.int64();
        break;
      case VALUE:
        value = reader.bytes();
        break;
      default:
        assert.fail("a stored key-value has a field that no Rhino writes");
    }
  }
  return { key, createRevision, modRevision, version, lease, value, kv };
}

/** The same message without its value, and without its lease unless `keepLease`. */
export function withoutValue(kv: Uint8Array, options: { keepLease: boolean }): Uint8Array {
  const reader = new KvReader(kv);
  let end = kv.length;
  while (reader.offset < kv.length) {
    const at = reader.offset;
    const tag = kv[reader.offset++];
    if (tag === VALUE || (tag === LEASE && !options.keepLease)) {
      end = at;
      break;
    }
    if (tag === KEY) reader.bytes();
    else reader.skipVarint();
  }
  return end === kv.length ? kv : kv.subarray(0, end);
}

const EMPTY: Uint8Array = new Uint8Array(0);

class KvReader {
  readonly #kv: Uint8Array;
  offset = 0;

  constructor(kv: Uint8Array) {
    this.#kv = kv;
  }

  /** An unsigned varint within the safe integers. */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let shift = 0; shift < 8; shift++) {
      const byte = this.#kv[this.offset++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    assert.fail("a stored number is above the safe integers");
  }

  int64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#kv[this.offset++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    assert.fail("a stored integer is longer than 64 bits");
  }

  bytes(): Uint8Array {
    const length = this.number();
    const start = this.offset;
    this.offset += length;
    return this.#kv.subarray(start, this.offset);
  }

  skipVarint(): void {
    while ((this.#kv[this.offset++] ?? 0) >= 0x80);
  }
}
