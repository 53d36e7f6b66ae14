/**
 * PostgreSQL's binary form of arrays, both ways. A `Buffer` given as a parameter is sent in binary, whatever the
 * statement declares, so that thousands of keys go out as one value and without any text in between.
 */

import { Buffer } from "node:buffer";

/** Object ids of the element types, the same in every PostgreSQL. */
const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const INT4 = 23;

/** Dimensions, whether there are nulls, element type; then of the one dimension its length and lower bound. */
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;

function header(array: Buffer, type: number, length: number): Buffer {
  array.writeInt32BE(1, 0);
  array.writeInt32BE(0, 4);
  array.writeInt32BE(type, 8);
  array.writeInt32BE(length, 12);
  array.writeInt32BE(1, 16);
  return array;
}

export function byteaArray(values: readonly Uint8Array[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += LENGTH_BYTES + value.length;
  const array = header(Buffer.allocUnsafe(size), BYTEA, values.length);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(value.length, at);
    array.set(value, at);
    at += value.length;
  }
  return array;
}

/** Of values that are written into place, so that they need no array in between. */
export function writtenByteaArray(
  sizes: readonly number[],
  write: (array: Buffer, place: { readonly index: number; readonly at: number }) => void,
): Buffer {
  const size = sizes.reduce((sum, one) => sum + LENGTH_BYTES + one, HEADER_BYTES);
  const array = header(Buffer.allocUnsafe(size), BYTEA, sizes.length);
  let at = HEADER_BYTES;
  sizes.forEach((one, index) => {
    at = array.writeInt32BE(one, at);
    write(array, { index, at });
    at += one;
  });
  return array;
}

export function int8Array(values: readonly bigint[]): Buffer {
  const array = fixedArray(INT8, values.length, 8);
  values.forEach((value, index) => array.writeBigInt64BE(value, placeOf(index, 8)));
  return array;
}

/** Of values that are written into place. */
export function writtenInt8Array<T>(
  values: readonly T[],
  write: (array: Buffer, at: number, value: T) => void,
): Buffer {
  const array = fixedArray(INT8, values.length, 8);
  values.forEach((value, index) => write(array, placeOf(index, 8), value));
  return array;
}

export function int4Array(values: readonly number[]): Buffer {
  const array = fixedArray(INT4, values.length, 4);
  values.forEach((value, index) => array.writeInt32BE(value, placeOf(index, 4)));
  return array;
}

export function boolArray(values: readonly boolean[]): Buffer {
  const array = fixedArray(BOOL, values.length, 1);
  values.forEach((value, index) => array[placeOf(index, 1)] = value ? 1 : 0);
  return array;
}

function fixedArray(type: number, length: number, width: number): Buffer {
  const size = HEADER_BYTES + length * (LENGTH_BYTES + width);
  const array = header(Buffer.allocUnsafe(size), type, length);
  for (let index = 0; index < length; index++) {
    array.writeInt32BE(width, placeOf(index, width) - LENGTH_BYTES);
  }
  return array;
}

function placeOf(index: number, width: number): number {
  return HEADER_BYTES + index * (LENGTH_BYTES + width) + LENGTH_BYTES;
}

/** The elements of an array of one dimension, as views; an empty one has no dimension at all. */
export function readArray(array: Buffer): (Buffer | null)[] {
  if (array.readInt32BE(0) === 0) return [];
  const values = new Array<Buffer | null>(array.readInt32BE(12));
  let at = HEADER_BYTES;
  for (let index = 0; index < values.length; index++) {
    const size = array.readInt32BE(at);
    at += LENGTH_BYTES;
    values[index] = size < 0 ? null : array.subarray(at, at += size);
  }
  return values;
}
