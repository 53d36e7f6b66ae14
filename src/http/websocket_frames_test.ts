import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeFrame, frame, FrameError, FrameReader, OPCODE } from "./websocket_frames.ts";

/** A frame as clients send it. */
function clientFrame(opcode: number, payload: Uint8Array, isFinal = true): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const server = Buffer.from(frame(opcode, payload));
  const headBytes = server.length - payload.length;
  const head = server.subarray(0, headBytes);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  const masked = Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
  return Buffer.concat([head, mask, masked]);
}

/** What a reader makes of the bytes, cut into pieces of the given length. */
function readAll(bytes: Uint8Array, pieceBytes = Infinity): string[] {
  const seen: string[] = [];
  let message = "";
  const reader = new FrameReader({
    onData(piece, isLast) {
      message += Buffer.from(piece).toString("latin1");
      if (!isLast) return;
      seen.push(`message ${message}`);
      message = "";
    },
    onPing: (payload) => seen.push(`ping ${Buffer.from(payload).toString("latin1")}`),
    onClose: () => seen.push("close"),
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(bytes.subarray(at, Math.min(at + pieceBytes, bytes.length)));
  }
  return seen;
}

const text = (content: string) => Buffer.from(content, "latin1");

Deno.test("FrameReader reads messages of all lengths, however they are cut", () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 70_000]) {
    const content = "abc".repeat(Math.ceil(length / 3)).slice(0, length);
    const bytes = Buffer.concat([
      clientFrame(OPCODE.TEXT, text(content)),
      clientFrame(OPCODE.BINARY, text("next")),
    ]);
    for (const pieceBytes of [Infinity, 13, 1_000]) {
      assert.deepEqual(readAll(bytes, pieceBytes), [`message ${content}`, "message next"]);
    }
  }
});

Deno.test("FrameReader lets a ping come within a message in frames", () => {
  const bytes = Buffer.concat([
    clientFrame(OPCODE.TEXT, text("a"), false),
    clientFrame(OPCODE.PING, text("?")),
    clientFrame(OPCODE.CONTINUATION, text(""), false),
    clientFrame(OPCODE.CONTINUATION, text("b")),
    clientFrame(OPCODE.PONG, text("!")),
    clientFrame(OPCODE.CLOSE, text("")),
  ]);
  for (const pieceBytes of [Infinity, 1]) {
    assert.deepEqual(readAll(bytes, pieceBytes), ["ping ?", "message ab", "close"]);
  }
});

Deno.test("FrameReader refuses what a client must not send", () => {
  const noMask = Buffer.from(frame(OPCODE.TEXT, text("a")));
  const reserved = clientFrame(OPCODE.TEXT, text("a"));
  reserved[0] = (reserved[0] ?? 0) | 0x40;
  const endless = clientFrame(OPCODE.TEXT, Buffer.alloc(65_536));
  endless.fill(0xff, 2, 10);
  const bad = {
    noMask,
    reserved,
    endless,
    unknown: clientFrame(3, text("")),
    unknownControl: clientFrame(11, text("")),
    longPing: clientFrame(OPCODE.PING, Buffer.alloc(126)),
    pingInFrames: clientFrame(OPCODE.PING, text(""), false),
    continuationOfNothing: clientFrame(OPCODE.CONTINUATION, text("")),
    twoAtOnce: Buffer.concat([
      clientFrame(OPCODE.TEXT, text("a"), false),
      clientFrame(OPCODE.TEXT, text("b")),
    ]),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    assert.throws(() => readAll(bytes), FrameError, name);
  }
});

Deno.test("closeFrame() holds the code", () => {
  assert.deepEqual([...closeFrame(1000)], [0x88, 2, 0x03, 0xe8]);
});
