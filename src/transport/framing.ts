/**
 * gRPC's message framing: one flag byte, four bytes of length, the message. Pure functions over bytes.
 */

import { Buffer } from "node:buffer";
import { GRPC, StatusError } from "../errors.ts";
import type { MessageParts } from "./call.ts";

/** Flag and length in front of each message. */
export const PREFIX_BYTES = 5;

/** A part of at least this size is written as it is; smaller neighbours are copied together, which is cheaper than a write each. */
export const LARGE_PART_BYTES = 16 * 1024;

const EMPTY: Buffer = Buffer.alloc(0);

/** Copied-together parts are written once they reach this size. */
const CHUNK_BYTES_MAX = 64 * 1024;

/** Bytes of all parts. */
export function partsLength(parts: MessageParts): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}

/** One buffer of all parts, with `headroom` bytes left free in front. */
function joinWithHeadroom(parts: MessageParts, options: { total: number; headroom: number }) {
  const joined = Buffer.allocUnsafe(options.headroom + options.total);
  let offset = options.headroom;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}

/** The message as one buffer, without prefix. */
export function joinParts(parts: MessageParts): Buffer {
  return joinWithHeadroom(parts, { total: partsLength(parts), headroom: 0 });
}

function writePrefix(target: Buffer, messageBytes: number): void {
  target[0] = 0;
  target.writeUInt32BE(messageBytes, 1);
}

/** The buffers to write for one message; exactly one if it is small. Large parts are not copied. */
export function frameMessage(parts: MessageParts): Uint8Array[] {
  const total = partsLength(parts);
  if (total <= LARGE_PART_BYTES) {
    const frame = joinWithHeadroom(parts, { total, headroom: PREFIX_BYTES });
    writePrefix(frame, total);
    return [frame];
  }
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  writePrefix(prefix, total);
  const chunks: Uint8Array[] = [];
  let run: Uint8Array[] = [prefix];
  let runBytes = PREFIX_BYTES;
  for (const part of parts) {
    const isLarge = part.byteLength >= LARGE_PART_BYTES;
    if (run.length > 0 && (isLarge || runBytes + part.byteLength > CHUNK_BYTES_MAX)) {
      chunks.push(joinWithHeadroom(run, { total: runBytes, headroom: 0 }));
      run = [];
      runBytes = 0;
    }
    if (isLarge) {
      chunks.push(part);
    } else {
      run.push(part);
      runBytes += part.byteLength;
    }
  }
  if (run.length > 0) chunks.push(joinWithHeadroom(run, { total: runBytes, headroom: 0 }));
  return chunks;
}

/**
 * Collects the one message of a unary request. Never holds more than about twice what has arrived, whatever length the
 * client announced and however small its pieces are; a message over the limit is refused as soon as its prefix is seen.
 */
export class RequestReader {
  readonly #maxBytes: number;
  /** The first `#bytes` of it have arrived. As long as there is one chunk, it is that chunk. */
  #received: Buffer = EMPTY;
  #bytes = 0;
  /** Prefix and message, once the prefix is known. */
  #expected = -1;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes the next chunk. Returns what is wrong with the request, as soon as that is certain. */
  push(chunk: Buffer): StatusError | undefined {
    if (this.#bytes === 0) this.#received = chunk;
    else this.#append(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#expected < 0) {
      if (this.#bytes < PREFIX_BYTES) return undefined;
      const problem = this.#readPrefix(this.#received);
      if (problem !== undefined) return problem;
    }
    if (this.#bytes <= this.#expected) return undefined;
    return new StatusError(
      GRPC.INTERNAL,
      "cardinality violation: received multiple request messages for non-client-streaming RPC",
    );
  }

  /** Grows by doubling, so that each byte is copied about twice at most. */
  #append(chunk: Buffer): void {
    const needed = this.#bytes + chunk.byteLength;
    if (needed > this.#received.byteLength) {
      const doubled = Math.max(needed, 2 * this.#received.byteLength);
      const capacity = this.#expected < needed ? doubled : Math.min(doubled, this.#expected);
      const grown = Buffer.allocUnsafe(capacity);
      grown.set(this.#received.subarray(0, this.#bytes));
      this.#received = grown;
    }
    this.#received.set(chunk, this.#bytes);
  }

  #readPrefix(start: Buffer): StatusError | undefined {
    const flag = start[0];
    const length = start.readUInt32BE(1);
    if (flag !== 0) {
      return new StatusError(
        GRPC.INTERNAL,
        flag === 1
          ? "grpc: compressed flag set with identity or empty encoding"
          : `grpc: received unexpected payload format ${flag}`,
      );
    }
    if (length > this.#maxBytes) return messageTooLarge(length, this.#maxBytes);
    this.#expected = PREFIX_BYTES + length;
    return undefined;
  }

  /** Bytes that are wanted next: the rest of the prefix, or of the message; 0 when all is here. */
  get missingBytes(): number {
    return (this.#expected < 0 ? PREFIX_BYTES : this.#expected) - this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** The message, after the client has half-closed, or what is wrong with it. */
  finish(): Uint8Array | StatusError {
    if (this.#bytes === 0) {
      return new StatusError(
        GRPC.INTERNAL,
        "cardinality violation: received no request message from non-client-streaming RPC",
      );
    }
    if (this.#bytes !== this.#expected) return new StatusError(GRPC.INTERNAL, "unexpected EOF");
    return this.#received.subarray(PREFIX_BYTES, this.#bytes);
  }
}

/** Cuts what a client streams into its messages. Holds one message at most, as `RequestReader` does. */
export class MessageSplitter {
  readonly #maxBytes: number;
  #reader: RequestReader;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#reader = new RequestReader(maxBytes);
  }

  /** Takes the next chunk and gives the messages that it completes. Returns what is wrong, as soon as that is certain. */
  push(chunk: Buffer, take: (message: Uint8Array) => void): StatusError | undefined {
    let rest = chunk;
    while (rest.byteLength > 0) {
      const piece = rest.subarray(0, this.#reader.missingBytes);
      const problem = this.#reader.push(piece);
      if (problem !== undefined) return problem;
      rest = rest.subarray(piece.byteLength);
      if (this.#reader.missingBytes > 0) continue;
      const message = this.#reader.finish();
      if (message instanceof StatusError) return message;
      this.#reader = new RequestReader(this.#maxBytes);
      take(message);
    }
    return undefined;
  }

  /** What is wrong when the client says that it has sent all. */
  finish(): StatusError | undefined {
    return this.#reader.isEmpty ? undefined : new StatusError(GRPC.INTERNAL, "unexpected EOF");
  }
}

/** The refusal of a message over the limit, in the words that clients know. */
export function messageTooLarge(bytes: number, maxBytes: number): StatusError {
  return new StatusError(
    GRPC.RESOURCE_EXHAUSTED,
    `grpc: received message larger than max (${bytes} vs. ${maxBytes})`,
  );
}
