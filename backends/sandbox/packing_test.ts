import assert from "node:assert/strict";
import { buffersOf, isPacked, packBytes, unpackCopies, unpackViews } from "./packing.ts";

const LIST = [Uint8Array.of(1, 2), null, new Uint8Array(), Uint8Array.of(255)];

Deno.test("packBytes() keeps arrays, empty ones and gaps apart", () => {
  const packed = packBytes(LIST);
  assert.ok(isPacked(packed));
  assert.deepEqual(unpackViews(packed), LIST);
  assert.deepEqual(unpackCopies(packed), LIST);
  assert.deepEqual(unpackViews(packBytes([])), []);
});

Deno.test("packBytes() takes of a view no more than the view", () => {
  const large = new Uint8Array(1_000_000).fill(7);
  const packed = packBytes([large.subarray(10, 20)]);
  assert.equal(buffersOf(packed).reduce((sum, { byteLength }) => sum + byteLength, 0), 10 + 4);
});

Deno.test("unpackCopies() gives arrays that keep nothing but themselves", () => {
  const [one] = unpackCopies(packBytes([Uint8Array.of(1), new Uint8Array(1_000)]));
  assert.equal(one?.buffer.byteLength, 1);
});

Deno.test("isPacked() refuses what packBytes() never makes", () => {
  const { bytes, lengths } = packBytes(LIST);
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  const wrong = [
    null,
    "text",
    {},
    { bytes },
    { lengths },
    { bytes: bytes.slice(1), lengths },
    { bytes, lengths: Int32Array.of(-2, 5) },
    { bytes: [...bytes], lengths },
    // The other thread could change it after it was checked.
    { bytes: shared, lengths },
  ];
  for (const value of wrong) assert.equal(isPacked(value), false, JSON.stringify(value));
});
