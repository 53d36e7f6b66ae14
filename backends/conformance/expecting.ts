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
  const found = actual.map(hexOf);
  const wanted = expected.map(hexOf);
  const length = Math.max(found.length, wanted.length);
  const at = Array.from({ length }, (_, at) => at).find((at) => found[at] !== wanted[at]);
  if (at === undefined) return;
  throw new AssertionError({
    message: `${what === "" ? "" : `${what}: `}number ${at + 1} of ${found.length} is ` +
      `${show(found[at])}, expected ${show(wanted[at])} (number ${at + 1} of ${wanted.length})`,
  });
}

function hexOf(value: Uint8Array | null): string {
  return value === null ? "null" : value.toHex();
}

function show(hex: string | undefined): string {
  if (hex === undefined) return "missing";
  if (hex === "null") return hex;
  const size = hex.length / 2;
  const rest = size > BYTES_SHOWN ? `… (${size} bytes)` : "";
  return `0x${hex.slice(0, 2 * BYTES_SHOWN)}${rest}`;
}

/**
 * Waits for the failure that the contract names. May be begun now and awaited later: whatever fails in between is then
 * what the test tells of, and not this.
 */
export function assertFails(
  promise: Promise<unknown>,
  kind: BackendErrorKind,
  what = "the call",
): Promise<void> {
  const asserted = promise.then(
    () => assert.fail(`${what} resolved; a BackendError of kind "${kind}" is promised`),
    (error) => assertKind(error, kind, what),
  );
  asserted.catch(() => {});
  return asserted;
}

/** That something failed with what the contract names. */
export function assertKind(error: unknown, kind: BackendErrorKind, what = "the call"): void {
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
