/** Frames of WebSockets (RFC 6455), without extensions. */

import { Buffer } from "node:buffer";

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export const CLOSE_CODE = { NORMAL: 1000, PROTOCOL_ERROR: 1002 } as const;

/** Longest payload of a frame that is about the connection. */
const CONTROL_BYTES_MAX = 125;

/** What the client sent is no frame that it may send. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

export interface FrameSink {
  /** A piece of a message, and whether it is the last one. */
  onData(piece: Uint8Array, isLast: boolean): void;
  onPing(payload: Uint8Array): void;
  onClose(): void;
}

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly mask: Uint8Array;
  readonly bytes: number;
  /** Bytes of the payload that have come. */
  taken: number;
}

/** Takes a client's bytes as they come; payloads of messages are handed on at once, so that little waits here. */
export class FrameReader {
  readonly #sink: FrameSink;
  #head = Buffer.alloc(0);
  #frame: Frame | undefined;
  #control: Uint8Array[] = [];
  #isInMessage = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws {FrameError} */
  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#frame === undefined) {
        // A head has at most 14 bytes, so this is no copy of what is large.
        const wanted = rest.subarray(0, 14);
        const head = Buffer.concat([this.#head, wanted]);
        const parsed = parseHead(head);
        if (parsed === undefined) {
          this.#head = head;
          rest = rest.subarray(wanted.length);
          continue;
        }
        rest = rest.subarray(parsed.headBytes - this.#head.length);
        this.#head = Buffer.alloc(0);
        this.#begin(parsed.frame);
        if (parsed.frame.bytes > 0) continue;
      }
      rest = this.#takePayload(rest);
    }
  }

  #begin(frame: Frame): void {
    const { opcode, isFinal, bytes } = frame;
    if (opcode >= OPCODE.CLOSE) {
      const isKnown = opcode <= OPCODE.PONG;
      if (!isKnown || !isFinal || bytes > CONTROL_BYTES_MAX) throw new FrameError("bad control");
    } else {
      if (opcode > OPCODE.BINARY) throw new FrameError("unknown opcode");
      if ((opcode === OPCODE.CONTINUATION) !== this.#isInMessage) throw new FrameError("bad order");
      this.#isInMessage = !isFinal;
    }
    this.#frame = frame;
  }

  #takePayload(chunk: Uint8Array): Uint8Array {
    const frame = this.#frame;
    if (frame === undefined) return chunk;
    const piece = Buffer.from(chunk.subarray(0, frame.bytes - frame.taken));
    for (let i = 0; i < piece.length; i++) {
      piece[i] = (piece[i] ?? 0) ^ (frame.mask[(frame.taken + i) % 4] ?? 0);
    }
    frame.taken += piece.length;
    const isWhole = frame.taken === frame.bytes;
    if (isWhole) this.#frame = undefined;
    if (frame.opcode < OPCODE.CLOSE) this.#sink.onData(piece, isWhole && frame.isFinal);
    else this.#takeControl(piece, { frame, isWhole });
    return chunk.subarray(piece.length);
  }

  #takeControl(piece: Uint8Array, { frame, isWhole }: { frame: Frame; isWhole: boolean }): void {
    this.#control.push(piece);
    if (!isWhole) return;
    const payload = Buffer.concat(this.#control);
    this.#control = [];
    if (frame.opcode === OPCODE.CLOSE) this.#sink.onClose();
    else if (frame.opcode === OPCODE.PING) this.#sink.onPing(payload);
  }
}

/** Undefined if more bytes are needed. */
function parseHead(head: Buffer): { frame: Frame; headBytes: number } | undefined {
  if (head.length < 2) return undefined;
  const [first = 0, second = 0] = head;
  if ((first & 0x70) !== 0) throw new FrameError("reserved bits");
  if ((second & 0x80) === 0) throw new FrameError("no mask");
  const short = second & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const headBytes = 2 + lengthBytes + 4;
  if (head.length < headBytes) return undefined;
  const bytes = lengthBytes === 0
    ? short
    : lengthBytes === 2
    ? head.readUInt16BE(2)
    : Number(head.readBigUInt64BE(2));
  if (!Number.isSafeInteger(bytes)) throw new FrameError("too long");
  return {
    headBytes,
    frame: {
      opcode: first & 0x0f,
      isFinal: (first & 0x80) !== 0,
      mask: head.subarray(headBytes - 4, headBytes),
      bytes,
      taken: 0,
    },
  };
}

/** A server's frame: whole, and without a mask. */
export function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

export function closeFrame(code: number): Uint8Array {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(OPCODE.CLOSE, payload);
}
