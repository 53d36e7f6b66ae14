import assert from "node:assert/strict";
import { frameKv, frameSize, splitFrames, unframe } from "./frame.ts";
import { successor } from "../keys.ts";
import { keyOfKv } from "./kv_key.ts";

/** Around each step of the length's varint. */
const SIZES = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152];

Deno.test("frameKv() is undone by unframe(), and joined frames by splitFrames()", () => {
  const kvs = SIZES.map((size, at) => new Uint8Array(size).fill(at + 1));
  const framed = kvs.map((kv) => frameKv(kv));
  framed.forEach((bytes, at) => {
    const kv = kvs[at] ?? new Uint8Array();
    assert.equal(bytes[0], 0x12);
    assert.equal(bytes.length, frameSize(kv.length) + kv.length);
    assert.deepEqual(new Uint8Array(unframe(bytes)), kv);
  });
  const joined = new Uint8Array(framed.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const bytes of framed) {
    joined.set(bytes, end);
    end += bytes.length;
  }
  assert.deepEqual(splitFrames(joined), kvs);
});

Deno.test("unframe() gives what is there of a kv that was cut off", () => {
  const framed = frameKv(new Uint8Array(300).fill(7));
  assert.deepEqual(new Uint8Array(unframe(framed.subarray(0, 10))), new Uint8Array(7).fill(7));
});

Deno.test("keyOfKv() finds the key wherever it stands", () => {
  const key = [0x0a, 2, 0x6b, 0x31];
  const others = [0x10, 0xff, 0x01, 0x2a, 3, 1, 2, 3];
  for (const kv of [[...key, ...others], [...others, ...key]]) {
    assert.deepEqual(keyOfKv(Uint8Array.from(kv)), Uint8Array.of(0x6b, 0x31));
  }
  assert.throws(() => keyOfKv(Uint8Array.from(others)), { kind: "corrupt" });
  assert.deepEqual(successor(Uint8Array.of(5)), Uint8Array.of(5, 0));
});
