/** The key inside of a stored kv, for a page that is one piece of bytes: where it ended tells where to go on. */

import { BackendError } from "../contract.ts";

/** Field 1 of `mvccpb.KeyValue`, a length and that many bytes. */
const KEY_TAG = 0x0a;
const WIRE_TYPE_BYTES = 2;

/** @throws {BackendError} `corrupt` if the message has none */
export function keyOfKv(kv: Uint8Array): Uint8Array {
  for (let at = 0; at < kv.length;) {
    const tag = kv[at++] ?? 0;
    let number = 0;
    for (let scale = 1, byte = 0x80; byte > 0x7f; scale *= 128) {
      byte = kv[at++] ?? 0;
      number += (byte & 0x7f) * scale;
    }
    if (tag === KEY_TAG) return kv.subarray(at, at + number);
    if ((tag & 7) === WIRE_TYPE_BYTES) at += number;
  }
  throw new BackendError("corrupt", "a stored key-value has no key");
}
