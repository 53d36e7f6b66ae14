/** Bounds of intervals, as Redis's sorted sets take them: `[` and a member, or `(` and one that is excluded. */

import { Buffer } from "node:buffer";

export function from(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from("["), ...parts]);
}

export function beyond(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from("("), ...parts]);
}

/** The same memory: what Redis's client takes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
