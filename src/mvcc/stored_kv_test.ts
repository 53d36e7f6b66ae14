import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { KeyValueSchema } from "../../gen/mvccpb/kv_pb.ts";
import { encodeKv, type KeyValue, parseKv, type Version, withoutValue } from "./stored_kv.ts";
import { KEY_VALUE } from "./testing/arbitraries.ts";

/** The fields alone, for comparing. */
function fieldsOf(kv: KeyValue) {
  const { createRevision, modRevision, version, lease } = kv;
  return { key: [...kv.key], createRevision, modRevision, version, lease, value: [...kv.value] };
}

function decoded(kv: Uint8Array) {
  const message = fromBinary(KeyValueSchema, kv);
  return {
    key: [...message.key],
    createRevision: Number(message.createRevision),
    modRevision: Number(message.modRevision),
    version: Number(message.version),
    lease: message.lease,
    value: [...message.value],
  };
}

function example(fields: Partial<KeyValue> = {}): Version {
  return encodeKv({
    key: Buffer.from("k"),
    createRevision: 2,
    modRevision: 3,
    version: 4,
    lease: 5n,
    value: Buffer.from("v"),
    ...fields,
  });
}

Deno.test("encodeKv() makes messages that protobuf reads as the fields they were made of", () => {
  fc.assert(
    fc.property(KEY_VALUE, (fields) => {
      assert.deepEqual(decoded(encodeKv(fields).kv), fieldsOf(fields));
    }),
    { numRuns: 300 },
  );
});

Deno.test("parseKv() reads what encodeKv() wrote", () => {
  fc.assert(
    fc.property(KEY_VALUE, (fields) => {
      const written = encodeKv(fields);
      const read = parseKv(written.kv);
      assert.deepEqual(fieldsOf(read), fieldsOf(fields));
      assert.deepEqual(fieldsOf(written), fieldsOf(fields));
      assert.equal(read.metaSize, written.metaSize);
    }),
    { numRuns: 300 },
  );
});

Deno.test("encodeKv() writes the value last: cut at metaSize, only it is missing", () => {
  fc.assert(fc.property(KEY_VALUE, (fields) => {
    const { kv, metaSize } = encodeKv(fields);
    const cut = kv.subarray(0, metaSize);
    const expected = { ...fieldsOf(fields), value: [] };
    assert.deepEqual(decoded(cut), expected);
    assert.deepEqual(fieldsOf(parseKv(cut)), expected);
    if (fields.value.length === 0) assert.equal(metaSize, kv.length);
  }));
});

Deno.test("withoutValue() takes the value away, and the lease unless it shall be kept", () => {
  fc.assert(fc.property(KEY_VALUE, (fields) => {
    const { kv } = encodeKv(fields);
    const expected = { ...fieldsOf(fields), value: [] };
    assert.deepEqual(decoded(withoutValue(kv, { keepLease: true })), expected);
    assert.deepEqual(decoded(withoutValue(kv, { keepLease: false })), { ...expected, lease: 0n });
  }));
});

Deno.test("withoutValue() answers the same bytes when there is nothing to take away", () => {
  const { kv } = example({ value: new Uint8Array(0), lease: 0n });
  assert.equal(withoutValue(kv, { keepLease: false }), kv);
});

Deno.test("encodeKv() leaves out what is zero or empty, as protobuf does", () => {
  const empty = new Uint8Array(0);
  const zeros = { createRevision: 0, modRevision: 0, version: 0, lease: 0n };
  const { kv, key, value } = encodeKv({ key: empty, value: empty, ...zeros });
  assert.equal(kv.length, 0);
  assert.equal(key.length, 0);
  assert.equal(value.length, 0);
});

Deno.test("encodeKv() asks for exactly the memory that it fills", () => {
  fc.assert(fc.property(KEY_VALUE, (fields) => {
    const sizes: number[] = [];
    const { kv } = encodeKv(fields, (size) => {
      sizes.push(size);
      // Ones instead of zeros: a byte that is not written shows.
      return Buffer.alloc(size, 0xff);
    });
    assert.deepEqual(sizes, [kv.length]);
    assert.deepEqual(decoded(kv), fieldsOf(fields));
  }));
});

Deno.test("Version cuts key and value out of its message when they need long length prefixes", () => {
  const key = Buffer.alloc(300, "k");
  const value = Buffer.alloc(70_000, "v");
  const version = parseKv(example({ key, value }).kv);
  assert.ok(key.equals(version.key));
  assert.ok(value.equals(version.value));
  assert.equal(version.key.buffer, version.kv.buffer);
});

Deno.test("parseKv() fails when the message has a field that Rhino does not write", () => {
  assert.throws(() => parseKv(Uint8Array.of(0x38, 1)), assert.AssertionError);
});

Deno.test("parseKv() fails when a number is above the safe integers", () => {
  const tooLong = Uint8Array.of(0x18, ...Array<number>(9).fill(0xff), 0x01);
  assert.throws(() => parseKv(tooLong), assert.AssertionError);
});
