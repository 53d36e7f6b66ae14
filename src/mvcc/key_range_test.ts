import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  compareKeys,
  contains,
  isEmpty,
  keyName,
  keyOfName,
  keyRange,
  successor,
} from "./key_range.ts";
import { KEY, SPAN } from "./testing/arbitraries.ts";

const NONE = new Uint8Array(0);

Deno.test("keyRange() means the one key when range_end is empty", () => {
  const range = keyRange(Buffer.from("a"), NONE);
  assert.equal(range.single, true);
  assert.ok(contains(range, Buffer.from("a")));
  assert.ok(!contains(range, Buffer.from("a\0")));
  assert.ok(!contains(range, Buffer.from("b")));
});

Deno.test("keyRange() has no upper bound when range_end is one zero byte", () => {
  const range = keyRange(Buffer.from("b"), new Uint8Array(1));
  assert.equal(range.end, null);
  assert.equal(range.single, false);
  assert.ok(contains(range, Buffer.from([0xff, 0xff])));
  assert.ok(!contains(range, Buffer.from("a")));
});

Deno.test("keyRange() takes two zero bytes and all else as an exclusive upper bound", () => {
  const all = keyRange(Buffer.from("a"), new Uint8Array(2));
  assert.ok(isEmpty(all));
  const range = keyRange(Buffer.from("a"), Buffer.from("c"));
  assert.deepEqual(["a", "b", "b\xff", "c"].map((name) => contains(range, keyOfName(name))), [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("isEmpty() holds exactly when no key can be contained", () => {
  assert.ok(isEmpty({ start: Buffer.from("b"), end: Buffer.from("b") }));
  assert.ok(isEmpty({ start: Buffer.from("b"), end: Buffer.from("a") }));
  assert.ok(!isEmpty({ start: Buffer.from("b"), end: Buffer.from("b\0") }));
  assert.ok(!isEmpty({ start: Buffer.from("b"), end: null }));
  fc.assert(fc.property(SPAN, KEY, (span, key) => {
    if (isEmpty(span)) assert.ok(!contains(span, key));
    else assert.ok(contains(span, span.start));
  }));
});

Deno.test("successor() is the least key behind a key", () => {
  fc.assert(fc.property(KEY, KEY, (key, other) => {
    assert.ok(compareKeys(key, successor(key)) < 0);
    // Whatever is behind the key is not before its successor.
    if (compareKeys(key, other) < 0) assert.ok(compareKeys(successor(key), other) <= 0);
  }));
});

Deno.test("keyName() sorts as the bytes do and leads back to them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
      const [first, second] = [keyName(a), keyName(b)];
      const byName = first < second ? -1 : first > second ? 1 : 0;
      assert.equal(byName, Math.sign(compareKeys(a, b)));
      assert.equal(first.length, a.length);
      assert.deepEqual([...keyOfName(first)], [...a]);
    }),
  );
});

Deno.test("keyName() takes only the view's bytes when a key is part of a larger buffer", () => {
  const message = new TextEncoder().encode("before-key-behind");
  assert.equal(keyName(message.subarray(7, 10)), "key");
  assert.equal(keyName(Buffer.from(message).subarray(7, 10)), "key");
});
