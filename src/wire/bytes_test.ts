import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { Bytes, varintSize, varintSize64 } from "./bytes.ts";

const NUMBER = fc.oneof(
  // Where the size, or the arithmetic, changes.
  fc.integer({ min: 0, max: 7 }).chain((bytes) =>
    fc.constantFrom(2 ** (7 * bytes), 2 ** (7 * bytes) - 1)
  ),
  fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const INT64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 127n, 128n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

function written(size: number, write: (out: Bytes) => void): Uint8Array {
  const out = new Bytes(Buffer.alloc(size, 0xff));
  write(out);
  assert.equal(out.offset, size);
  return out.buffer;
}

Deno.test("Bytes.varint() writes safe integers as protobuf does, in varintSize() bytes", () => {
  fc.assert(
    fc.property(NUMBER, (value) => {
      const bytes = written(varintSize(value), (out) => out.varint(value));
      assert.deepEqual([...bytes], [...new BinaryWriter().uint64(BigInt(value)).finish()]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Bytes.varint64() writes 64-bit integers as protobuf does, in varintSize64() bytes", () => {
  fc.assert(
    fc.property(INT64, (value) => {
      const bytes = written(varintSize64(value), (out) => out.varint64(value));
      assert.deepEqual([...bytes], [...new BinaryWriter().int64(value).finish()]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Bytes.varint64() takes the unsigned ids of clusters and members as they are", () => {
  const value = 2n ** 64n - 1n;
  const bytes = written(varintSize64(value), (out) => out.varint64(value));
  assert.equal(new BinaryReader(bytes).uint64(), value);
});

Deno.test("Bytes leaves out fields that are zero, false or empty, but writes empty messages", () => {
  const bytes = written(4, (out) => {
    out.numberField(0x08, 0);
    out.bigintField(0x10, 0n);
    out.boolField(0x18, false);
    out.bytesField(0x22, new Uint8Array(0));
    out.messageField(0x2a, new Uint8Array(0));
    out.boolField(0x30, true);
  });
  assert.deepEqual([...bytes], [0x2a, 0, 0x30, 1]);
});

Deno.test("Bytes writes fields behind each other", () => {
  const bytes = written(15, (out) => {
    out.numberField(0x08, 300);
    out.bigintField(0x10, 5n);
    out.bytesField(0x22, Uint8Array.of(1, 2, 3));
    out.messageField(0x2a, Uint8Array.of(9));
    out.raw(Uint8Array.of(7, 8));
  });
  assert.deepEqual([...bytes], [0x08, 0xac, 2, 0x10, 5, 0x22, 3, 1, 2, 3, 0x2a, 1, 9, 7, 8]);
});
