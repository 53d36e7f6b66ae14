/** Which keys a key and a range end mean. */

import { byteString } from "./byte_string.ts";
import type { Keys, KeyVersion } from "./store_model.ts";

export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** No range end: the key alone. One zero byte: all keys from the key on. Else: up to the end. */
export function inRange(candidate: string, range: KeyRange): boolean {
  const key = byteString(range.key);
  const end = byteString(range.rangeEnd);
  if (end === "") return candidate === key;
  return candidate >= key && (end === "\0" || candidate < end);
}

export function keysInRange(keys: Keys, range: KeyRange): KeyVersion[] {
  return [...keys.values()].filter((kv) => inRange(kv.key, range));
}
