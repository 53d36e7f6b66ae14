/** Protobuf's wire format, written by hand where a message is hot: varints and fields into a buffer of known size. */
import { Buffer } from "node:buffer";

/** Bytes that the varint of a safe, non-negative integer takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 4;
  for (let rest = Math.floor(value / 0x10000000); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes that the varint of a 64-bit integer takes; a negative one takes ten. */
export function varintSize64(value: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, value) >> 7n; rest > 0n; rest >>= 7n) size++;
  return size;
}

/** Bytes of the field of an encoded message of this length, with its tag and length. Tags here take one byte. */
export function messageFieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** The same for a field of bytes, which is left out if empty. */
export function bytesFieldSize(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : messageFieldSize(bytes.length);
}

/** The same for a field of a safe, non-negative integer, which is left out if 0. */
export function numberFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** A cursor that writes fields into a buffer; the caller has computed its size. */
export class Bytes {
  readonly buffer: Buffer;
  offset = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** A safe, non-negative integer. */
  varint(value: number): void {
    const { buffer } = this;
    let at = this.offset;
    let rest = value;
    while (rest > 0x7fffffff) {
      buffer[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.offset = at;
  }

  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.buffer[this.offset++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.offset++] = Number(rest);
  }

  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.offset);
    this.offset += bytes.length;
  }

  /** A field of a safe, non-negative integer; left out if 0. */
  numberField(tag: number, value: number): void {
    if (value === 0) return;
    this.buffer[this.offset++] = tag;
    this.varint(value);
  }

  bigintField(tag: number, value: bigint): void {
    if (value === 0n) return;
    this.buffer[this.offset++] = tag;
    this.varint64(value);
  }

  boolField(tag: number, value: boolean): void {
    if (!value) return;
    this.buffer[this.offset++] = tag;
    this.buffer[this.offset++] = 1;
  }

  /** A field of bytes; left out if empty. */
  bytesField(tag: number, bytes: Uint8Array): void {
    if (bytes.length !== 0) this.messageField(tag, bytes);
  }

  /** A field of an encoded message; written also if empty. */
  messageField(tag: number, message: Uint8Array): void {
    this.buffer[this.offset++] = tag;
    this.varint(message.length);
    this.raw(message);
  }
}
