/** Comparisons whose failures say what a backend answered and what it should have. */

import assert, { AssertionError } from "node:assert/strict";
import { BackendError, type BackendErrorKind } from "../contract.ts";

/** Of bytes that are shown; the rest is counted. */
const BYTES_SHOWN = 48;

/** Compares lists of bytes as text, many times faster than a deep comparison, and tells the first difference. */
export function assertSameBytes(
  actual: readonly (Uint8Array | null)[],
  expected: readonly (Uint8Array | null)[],
  what = "",
): void {
  assertSameTexts(actual.map(hexOf), expected.map(hexOf), { what, show });
}

export interface TextsOptions {
  /** What they are; empty if the fact's name says so. */
  readonly what?: string;
  readonly show?: (text: string) => string;
}

/** Compares lists, one of each pair after the other, and tells the first difference. */
export function assertSameTexts(
  actual: readonly string[],
  expected: readonly string[],
  { what = "", show = (text) => text }: TextsOptions = {},
): void {
  const length = Math.max(actual.length, expected.length);
  const at = Array.from({ length }, (_, at) => at).find((at) => actual[at] !== expected[at]);
  if (at === undefined) return;
  const [found, wanted] = [actual[at], expected[at]].map((text) =>
    text === undefined ? "none" : show(text)
  );
  const counts = actual.length === expected.length
    ? `${length} in all`
    : `${actual.length} in all, expected ${expected.length}`;
  throw new AssertionError({
    message: `${what === "" ? "" : `${what}: `}number ${at + 1} (${counts}): ` +
      `found ${found}, expected ${wanted}`,
  });
}

function hexOf(value: Uint8Array | null): string {
  return value === null ? "null" : value.toHex();
}

function show(hex: string): string {
  if (hex === "null") return hex;
  const bytes = Uint8Array.fromHex(hex);
  const isCut = bytes.length > BYTES_SHOWN;
  const shown = isCut ? bytes.subarray(0, BYTES_SHOWN) : bytes;
  return `0x${shown.toHex()}${isCut ? `… (${bytes.length} bytes)` : ""}${keyIn(bytes)}`;
}

/** The key of a kv, which its message begins with; nothing if the bytes are something else. */
function keyIn(bytes: Uint8Array): string {
  const [tag, size = 0] = bytes;
  const isKv = tag === 0x0a && size < 0x80 && bytes[size + 2] !== undefined;
  if (!isKv) return "";
  return ` (key ${JSON.stringify(new TextDecoder().decode(bytes.subarray(2, size + 2)))})`;
}

/**
 * Waits for the failure that the contract names. May be begun now and awaited later: whatever fails in between is then
 * what the test tells of, and not this.
 */
export function assertFails(
  promise: Promise<unknown>,
  kind: BackendErrorKind,
  what = "a call",
): Promise<void> {
  const asserted = promise.then(
    () => assert.fail(`${what} resolved; a BackendError of kind "${kind}" is promised`),
    (error) => assertKind(error, kind, what),
  );
  asserted.catch(() => {});
  return asserted;
}

/** That something failed with what the contract names. */
function assertKind(error: unknown, kind: BackendErrorKind, what: string): void {
  if (!(error instanceof BackendError)) {
    if (error instanceof Error && error.name === "BackendError") {
      assert.fail(
        "the BackendError is of another copy of the contract: import it from where the suite has it",
      );
    }
    assert.fail(
      `${what} failed with ${String(error)}; a BackendError of kind "${kind}" is promised`,
    );
  }
  assert.ok(
    error.kind === kind,
    `${what} failed with kind "${error.kind}" (${error.message}); "${kind}" is promised`,
  );
}
