/** The keys, ends and values that histories are made of: few, so that they meet, and nasty. */

import { bytesOf } from "./byte_string.ts";
import type { Random } from "./random.ts";

/**
 * No more than twelve: up to there etcd's sort leaves equals in key order, and what it does beyond
 * is no promise that a model could check. More than ten: RangeStream's first part holds ten keys.
 */
export const KEYS = [
  "\0",
  "\0\0",
  "A", // Differs from the next in case alone.
  "a",
  "a\0", // The very next key after "a".
  "a\xff",
  "a\xff\xff",
  "ab",
  "b%_", // Wildcards, to some.
  "\xc3\x28", // Not UTF-8.
  "\xff",
  "\xff\xfe\0",
] as const;

const RANGE_ENDS = ["\0", ...KEYS, "b", "c", "\xc3", "\xff\xff\xff"] as const;

const VALUES = ["", "v", "v\0", "w", "\xff\x80", "x".repeat(3_000)] as const;

export function randomKey(random: Random): Uint8Array {
  return bytesOf(random.chance(0.02) ? "" : random.pick(KEYS));
}

export function randomValue(random: Random): Uint8Array {
  return bytesOf(random.pick(VALUES));
}

/** One key, a range (an empty one, too), a prefix, all from a key on, or all there is. */
export function randomRange(random: Random): { key: Uint8Array; rangeEnd: Uint8Array } {
  const key = random.pick(KEYS);
  const [from, end] = random.weighted([
    [4, [key, ""]],
    [4, [key, random.pick(RANGE_ENDS)]],
    [2, ["a", "b"]],
    [1, [key, "\0"]],
    [2, ["\0", "\0"]],
  ]);
  return { key: random.chance(0.02) ? bytesOf("") : bytesOf(from), rangeEnd: bytesOf(end) };
}
