/**
 * Kvs as they are stored: each with its frame in front, the byte 0x12 and the kv's length as a varint, which makes it
 * field 2 of a protobuf message. A packed page is then the plain concatenation of a column, and the database can make it.
 */

import { Buffer } from "node:buffer";

const TAG = 0x12;

/** Bytes in front of a kv of this length. */
export function frameSize(kvLength: number): number {
  let size = 2;
  for (let rest = kvLength >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}

/** Writes the frame and the kv at the place, and answers where they end. */
export function writeFramed(target: Uint8Array, kv: Uint8Array, at: number): number {
  target[at++] = TAG;
  let rest = kv.length;
  for (; rest > 0x7f; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  target.set(kv, at);
  return at + kv.length;
}

export function frameKv(kv: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(frameSize(kv.length) + kv.length);
  writeFramed(framed, kv, 0);
  return framed;
}

/** The kv behind its frame: a view. If it was cut off behind its meta part, what is there of it. */
export function unframe(framed: Uint8Array): Uint8Array {
  let at = 1;
  // Ends with the varint: its last byte is below 0x80.
  while ((framed[at++] ?? 0) > 0x7f);
  return framed.subarray(at);
}

/** The kvs of a packed page, as views. */
export function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const kvs: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    let size = 0;
    at++;
    for (let shift = 0, byte = 0x80; byte > 0x7f; shift += 7) {
      byte = bytes[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
    }
    kvs.push(bytes.subarray(at, at += size));
  }
  return kvs;
}
