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
import { Bytes, bytesFieldSize, numberFieldSize, varintSize, varintSize64 } from "../wire/bytes.ts";

/** What a version is made of. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** 1 for a key's first version; 0 for a tombstone. */
  readonly version: number;
  readonly lease: bigint;
  readonly value: Uint8Array;
}

const KEY = 0x0a;
const CREATE_REVISION = 0x10;
const MOD_REVISION = 0x18;
const VERSION = 0x20;
const VALUE = 0x2a;
const LEASE = 0x30;

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * A version as the engine holds it: the message, and its numbers. Key and value are cut out of the message when they are
 * asked for: thousands of versions stay in memory, and each view would cost as much as a small value.
 */
export class Version implements KeyValue {
  readonly kv: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
  /** Bytes of the message before its value field. */
  readonly metaSize: number;
  readonly #keySize: number;
  readonly #valueSize: number;

  constructor(
    kv: Uint8Array,
    fields: Omit<KeyValue, "key" | "value"> & {
      metaSize: number;
      keySize: number;
      valueSize: number;
    },
  ) {
    this.kv = kv;
    this.createRevision = fields.createRevision;
    this.modRevision = fields.modRevision;
    this.version = fields.version;
    this.lease = fields.lease;
    this.metaSize = fields.metaSize;
    this.#keySize = fields.keySize;
    this.#valueSize = fields.valueSize;
  }

  get key(): Uint8Array {
    const size = this.#keySize;
    if (size === 0) return EMPTY;
    const start = 1 + varintSize(size);
    return this.kv.subarray(start, start + size);
  }

  get value(): Uint8Array {
    const size = this.#valueSize;
    return size === 0 ? EMPTY : this.kv.subarray(this.kv.length - size);
  }
}

/** Encodes a version, into memory that `allocate` gives. Zero fields are left out, as protobuf does. */
export function encodeKv(
  fields: KeyValue,
  allocate: (size: number) => Buffer = Buffer.alloc,
): Version {
  const { key, createRevision, modRevision, version, lease, value } = fields;
  const metaSize = bytesFieldSize(key) + numberFieldSize(createRevision) +
    numberFieldSize(modRevision) + numberFieldSize(version) +
    (lease === 0n ? 0 : 1 + varintSize64(lease));
  const out = new Bytes(allocate(metaSize + bytesFieldSize(value)));
  out.bytesField(KEY, key);
  out.numberField(CREATE_REVISION, createRevision);
  out.numberField(MOD_REVISION, modRevision);
  out.numberField(VERSION, version);
  if (lease !== 0n) out.bigintField(LEASE, lease);
  out.bytesField(VALUE, value);
  const sizes = { metaSize, keySize: key.length, valueSize: value.length };
  return new Version(out.buffer, { createRevision, modRevision, version, lease, ...sizes });
}

/** Reads a message made by `encodeKv`, whole or cut before its value. */
export function parseKv(kv: Uint8Array): Version {
  const reader = new KvReader(kv);
  let keySize = 0, valueSize = 0, metaSize = kv.length;
  let createRevision = 0, modRevision = 0, version = 0;
  let lease = 0n;
  while (reader.offset < kv.length) {
    const at = reader.offset;
    switch (kv[reader.offset++]) {
      case KEY:
        keySize = reader.skipBytes();
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
        metaSize = at;
        valueSize = reader.skipBytes();
        break;
      default:
        assert.fail("a stored key-value has a field that no Rhino writes");
    }
  }
  const sizes = { metaSize, keySize, valueSize };
  return new Version(kv, { createRevision, modRevision, version, lease, ...sizes });
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
    if (tag === KEY) reader.skipBytes();
    else reader.skipVarint();
  }
  return end === kv.length ? kv : kv.subarray(0, end);
}

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

  /** Passes over a field of bytes; answers their number. */
  skipBytes(): number {
    const length = this.number();
    this.offset += length;
    return length;
  }

  skipVarint(): void {
    while ((this.#kv[this.offset++] ?? 0) >= 0x80);
  }
}
