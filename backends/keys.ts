/** Keys as every store orders them: as unsigned bytes. */

import { Buffer } from "node:buffer";

/** Negative if `a` comes before `b`, 0 if they are the same, positive if it comes behind. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** The least key above this one: a scan that goes on behind a key starts there. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** Orders names of records: as their bytes in UTF-8, which is not how JavaScript compares text. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
