import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { JsonError, JsonScanner } from "./json_scanner.ts";

/** Where the first value ends, cut into pieces of the given length; -1 if it goes on. */
function endOf(text: string, pieceBytes = Infinity): number {
  const bytes = Buffer.from(text);
  const scanner = new JsonScanner();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, Math.min(at + pieceBytes, bytes.length));
    const end = scanner.scan(piece, 0);
    if (end >= 0) return at + end;
  }
  return scanner.finish() ? bytes.length : -1;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("JsonScanner finds where the first of several values ends", () => {
  const cases: [text: string, end: number][] = [
    ["{}{}", 2],
    [' {"a":[1,{"b":"}"}]} x', 20],
    ['"a\\"b" 1', 6],
    ["12 34", 2],
    ["12", 2],
    ["-0.5e+10,", 8],
    ["true false", 4],
    ["null", 4],
    ["[[],[[]]]]", 9],
    ['{"a":"\\u00e9"}{', 14],
    ["12x", 2],
    ["1.2.3", 3],
  ];
  for (const [text, end] of cases) {
    for (const pieceBytes of [Infinity, 1, 2, 3]) assert.equal(endOf(text, pieceBytes), end, text);
  }
});

Deno.test("JsonScanner says that a value goes on", () => {
  for (
    const text of [
      "",
      "  ",
      "{",
      '{"a"',
      '{"a":',
      '{"a":1',
      "[1,",
      '"a',
      '"a\\',
      "-",
      "1.",
      "1e",
      "tru",
    ]
  ) {
    assert.equal(endOf(text), -1, text);
  }
});

Deno.test("JsonScanner takes what JSON.parse takes, and nothing else", () => {
  const snippet = fc.constantFrom(
    ..."{}[]:,\"\\ \n0123456789-+.eEtrufalsn'".split(""),
    '"a":',
    "true",
    "null",
    "\\u12aB",
    "1e5",
  );
  const text = fc.oneof(
    fc.array(snippet, { maxLength: 12 }).map((parts) => parts.join("")),
    fc.json(),
    fc.json().map((json) => json.slice(0, -1)),
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 5 }), (json, pieceBytes) => {
      let end: number;
      try {
        end = endOf(json, pieceBytes);
      } catch (error) {
        assert.ok(error instanceof JsonError);
        assert.ok(!isJson(json), "refused what is JSON");
        return;
      }
      const bytes = Buffer.from(json);
      if (end < 0) assert.ok(!isJson(json), "wanted more than there is");
      else assert.ok(isJson(bytes.subarray(0, end).toString()), "took what is no JSON");
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("JsonScanner gives up on what is nested without end", () => {
  assert.throws(() => endOf("[".repeat(10_001)), { message: "exceeded max depth" });
  assert.equal(endOf("[".repeat(10_000)), -1);
});
