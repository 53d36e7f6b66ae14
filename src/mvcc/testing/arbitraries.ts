/** Random keys, intervals and versions for property tests. Keys are short and of few bytes, so that they meet. */
import fc from "fast-check";
import type { KeyValue } from "../stored_kv.ts";

/** Low and high bytes, and the zero byte that `successor` and "all keys" use. */
const KEY_BYTE = fc.constantFrom(0x00, 0x01, 0x61, 0x7f, 0x80, 0xff);

export const KEY: fc.Arbitrary<Uint8Array> = fc
  .array(KEY_BYTE, { minLength: 1, maxLength: 3 })
  .map((bytes) => Uint8Array.from(bytes));

/** Also empty and reversed ones. */
export const SPAN: fc.Arbitrary<{ start: Uint8Array; end: Uint8Array | null }> = fc.record({
  start: KEY,
  end: fc.option(KEY, { nil: null, freq: 6 }),
});

const NUMBER = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);

const LEASE = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

/** Fields up to their bounds. */
export const KEY_VALUE: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.uint8Array({ maxLength: 200 }),
  createRevision: NUMBER,
  modRevision: NUMBER,
  version: NUMBER,
  lease: LEASE,
  value: fc.uint8Array({ maxLength: 200 }),
});
