/**
 * Memory for the messages of versions: cut from slabs that hold nothing else, so that what stays in caches does not keep
 * the short-lived buffers of requests and answers alive beside it.
 */
import { Buffer } from "node:buffer";

const SLAB_BYTES = 32 * 1024;
/** A larger message gets memory of its own, or most of a slab could be left over. */
const SHARED_BYTES_MAX = SLAB_BYTES / 8;

export class KvArena {
  #slab = Buffer.allocUnsafeSlow(0);
  #offset = 0;

  allocate(size: number): Buffer {
    if (size > SHARED_BYTES_MAX) return Buffer.allocUnsafeSlow(size);
    if (this.#offset + size > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset += size;
    return this.#slab.subarray(start, this.#offset);
  }
}
