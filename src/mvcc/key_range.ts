/** Keys and intervals of keys: all arithmetic on etcd's `key` and `range_end`. */
import { Buffer } from "node:buffer";

/** What a request's `key` and `range_end` name. */
export interface KeyRange {
  readonly start: Uint8Array;
  /** Exclusive; `null` for no upper bound. For a single key, the first key behind it. */
  readonly end: Uint8Array | null;
  /** Whether exactly the key `start` is meant. */
  readonly single: boolean;
}

/** The first key behind `key`. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/**
 * The interval that etcd's pair of fields names: an empty `rangeEnd` means the one key, a single zero byte means all
 * keys from `key` on, anything else is an exclusive upper bound (at or below `key`: nothing).
 */
export function keyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  if (rangeEnd.length === 0) return { start: key, end: successor(key), single: true };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start: key, end: null, single: false };
  return { start: key, end: rangeEnd, single: false };
}

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function contains(
  range: { start: Uint8Array; end: Uint8Array | null },
  key: Uint8Array,
): boolean {
  return compareKeys(range.start, key) <= 0 &&
    (range.end === null || compareKeys(key, range.end) < 0);
}

export function isEmpty(range: { start: Uint8Array; end: Uint8Array | null }): boolean {
  return range.end !== null && compareKeys(range.start, range.end) >= 0;
}

/** The key as a string of the same length with one character a byte: what maps are keyed by; it sorts as the bytes do. */
export function keyName(key: Uint8Array): string {
  return asBuffer(key).toString("latin1");
}

/** The bytes behind a `keyName`. */
export function keyOfName(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
