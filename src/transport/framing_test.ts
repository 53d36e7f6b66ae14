import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { StatusError } from "../errors.ts";
import { frameMessage, joinParts, RequestReader } from "./framing.ts";
import { frame } from "./testing/echo_server.ts";

Deno.test("frameMessage() makes one buffer of a small message", () => {
  const frames = frameMessage([Buffer.from("ab"), Buffer.from("c")]);
  assert.deepEqual(frames, [frame("abc")]);
  assert.deepEqual(frameMessage([]), [frame("")]);
});

Deno.test("frameMessage() passes large parts on uncopied and joins their small neighbours", () => {
  const large = new Uint8Array(100_000).fill(7);
  const small = Array.from({ length: 30_000 }, (_, i) => Uint8Array.of(i, i >> 8, 1));
  const parts = [Uint8Array.of(1), large, ...small, large];
  const frames = frameMessage(parts);
  assert.ok(frames.includes(large));
  assert.ok(frames.length < 8, `${frames.length} writes`);
  assert.ok(Buffer.concat(frames).equals(frame(joinParts(parts))));
});

/** Feeds the bytes in chunks of a size, and tells the outcome. */
function read(bytes: Uint8Array, options: { chunkBytes: number; maxBytes?: number }) {
  const reader = new RequestReader(options.maxBytes ?? 1_000);
  for (let i = 0; i < bytes.byteLength; i += options.chunkBytes) {
    const problem = reader.push(Buffer.from(bytes.subarray(i, i + options.chunkBytes)));
    if (problem !== undefined) return problem.message;
  }
  const message = reader.finish();
  return message instanceof StatusError ? message.message : Buffer.from(message).toString();
}

Deno.test("RequestReader gives the message however it is cut", () => {
  for (let chunkBytes = 1; chunkBytes < 20; chunkBytes++) {
    assert.equal(read(frame("hello, world"), { chunkBytes }), "hello, world");
    assert.equal(read(frame(""), { chunkBytes }), "");
  }
});

Deno.test("RequestReader refuses what is not one plain message", () => {
  for (let chunkBytes = 1; chunkBytes < 20; chunkBytes++) {
    assert.match(read(new Uint8Array(), { chunkBytes }), /received no request message/);
    assert.match(read(frame("abc").subarray(0, 7), { chunkBytes }), /unexpected EOF/);
    assert.match(read(frame("abc").subarray(0, 3), { chunkBytes }), /unexpected EOF/);
    const two = Buffer.concat([frame("a"), frame("b")]);
    assert.match(read(two, { chunkBytes }), /received multiple request messages/);
    assert.match(read(frame("abc", 1), { chunkBytes }), /compressed flag set/);
    assert.match(read(frame("abc", 2), { chunkBytes }), /unexpected payload format 2/);
  }
});

Deno.test("RequestReader refuses a long message when its prefix is there", () => {
  const start = frame("x".repeat(1_001)).subarray(0, 5);
  assert.equal(
    read(start, { chunkBytes: 5 }),
    "grpc: received message larger than max (1001 vs. 1000)",
  );
  assert.equal(read(frame("x".repeat(1_000)), { chunkBytes: 100 }), "x".repeat(1_000));
});
