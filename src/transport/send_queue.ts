/**
 * What waits to be written to an HTTP/2 stream. The stream gets a little at a time, because it copies what it is given;
 * the rest stays here, large chunks by reference.
 */

import type { ServerHttp2Stream } from "node:http2";

/** A larger chunk is given to the stream in pieces of this size. */
const PIECE_BYTES = 64 * 1024;

/** Chunks that may be done at the front of the list before it is cut. */
const DONE_MAX = 1_024;

const DONE = new Uint8Array();

type Sink = Pick<ServerHttp2Stream, "write" | "end" | "writableLength">;

/** The owner calls `pump` at each `drain` event of the stream. */
export class SendQueue {
  readonly #stream: Sink;
  #chunks: Uint8Array[] = [];
  /** Where in the list the next chunk is. */
  #next = 0;
  #waitingBytes = 0;
  /** All bytes that were ever pushed. */
  #pushedBytes = 0;
  /** Memory of the large chunks that wait → where in all that was pushed the last of them ends; in that order. */
  readonly #large = new Map<ArrayBufferLike, number>();
  /** The stream has as much as it takes, and tells when it takes more. */
  #isBlocked = false;
  #isEnding = false;

  constructor(stream: Sink) {
    this.#stream = stream;
  }

  /** Bytes that the connection has not taken yet. */
  get bytes(): number {
    return this.#waitingBytes + this.#stream.writableLength;
  }

  /** Whether a large chunk in the same memory waits. */
  holds(part: Uint8Array): boolean {
    return this.#large.has(part.buffer);
  }

  push(chunk: Uint8Array): void {
    this.#pushedBytes += chunk.byteLength;
    if (!this.#isBlocked && chunk.byteLength <= PIECE_BYTES) {
      this.#isBlocked = !this.#stream.write(chunk);
      return;
    }
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (chunk.byteLength > PIECE_BYTES) {
      this.#large.delete(chunk.buffer);
      this.#large.set(chunk.buffer, this.#pushedBytes);
    }
    if (!this.#isBlocked) this.pump();
  }

  /** Writes as much as the stream takes. */
  pump(): void {
    this.#isBlocked = false;
    while (!this.#isBlocked) {
      const piece = this.#shift();
      if (piece === undefined) break;
      this.#isBlocked = !this.#stream.write(piece);
    }
    const writtenBytes = this.#pushedBytes - this.#waitingBytes;
    for (const [memory, end] of this.#large) {
      if (end > writtenBytes) break;
      this.#large.delete(memory);
    }
    if (this.#isEnding && this.#waitingBytes === 0) this.#end();
  }

  #shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#next];
    if (chunk === undefined) return undefined;
    const piece = chunk.subarray(0, PIECE_BYTES);
    this.#waitingBytes -= piece.byteLength;
    if (chunk.byteLength > PIECE_BYTES) {
      this.#chunks[this.#next] = chunk.subarray(PIECE_BYTES);
      return piece;
    }
    // The memory behind it may be large.
    this.#chunks[this.#next++] = DONE;
    if (this.#next === this.#chunks.length || this.#next >= DONE_MAX) {
      this.#chunks = this.#chunks.slice(this.#next);
      this.#next = 0;
    }
    return piece;
  }

  /** Ends the stream after what waits. */
  end(): void {
    this.#isEnding = true;
    if (this.#waitingBytes === 0) this.#end();
  }

  #end(): void {
    this.#isEnding = false;
    this.#stream.end();
  }

  /** Drops what waits. */
  clear(): void {
    this.#chunks = [];
    this.#next = 0;
    this.#waitingBytes = 0;
    this.#large.clear();
    this.#isEnding = false;
  }
}
