import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { contains } from "./key_range.ts";
import { KeySpans } from "./key_spans.ts";
import { KEY, SPAN } from "./testing/arbitraries.ts";

const SPANS = fc.array(SPAN, { maxLength: 8 });

function spansOf(list: readonly { start: Uint8Array; end: Uint8Array | null }[]): KeySpans {
  const spans = new KeySpans();
  for (const span of list) spans.add(span);
  return spans;
}

Deno.test("KeySpans has a key exactly when one of the added intervals contains it", () => {
  fc.assert(
    fc.property(SPANS, fc.array(KEY, { maxLength: 12 }), (list, keys) => {
      const spans = spansOf(list);
      // The bounds themselves are where a search goes wrong.
      const bounds = list.flatMap(({ start, end }) => end === null ? [start] : [start, end]);
      for (const key of [...keys, ...bounds]) {
        assert.equal(spans.has(key), list.some((span) => contains(span, key)));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("KeySpans.addAll() has what either set had", () => {
  fc.assert(
    fc.property(SPANS, SPANS, KEY, (first, second, key) => {
      const spans = spansOf(first);
      spans.addAll(spansOf(second));
      assert.equal(spans.has(key), [...first, ...second].some((span) => contains(span, key)));
    }),
  );
});

Deno.test("KeySpans has nothing when only empty intervals were added", () => {
  const spans = spansOf([{ start: Buffer.from("b"), end: Buffer.from("a") }]);
  assert.ok(!spans.has(Buffer.from("a")));
  assert.ok(!spans.has(Buffer.from("b")));
});
