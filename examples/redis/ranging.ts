/** Pages of keys and counts, in steps in which Redis is busy for some milliseconds each. */

import type { Head, KeySpan, RangePage, RangeQuery } from "./kit.ts";
import type { Argument } from "./link.ts";
import { beyond, from } from "./bounds.ts";
import { bytesOf, bytesOrNull, listOf, numberOf } from "./replies.ts";
import { kvOf } from "./rows.ts";
import { inSteps, type Store } from "./store.ts";

/** Bounds of a span: where it starts or goes on, its end for keys, its end for versions. */
function boundsOf({ end }: KeySpan, start: Argument): Argument[] {
  if (end === null) return [start, "+", "+"];
  return [start, beyond(end), beyond(escapedBytes(end))];
}

/** As the scripts do: a zero becomes two bytes. */
function escapedBytes(key: Uint8Array): Uint8Array {
  if (!key.includes(0)) return key;
  return Uint8Array.from([...key].flatMap((byte) => byte === 0 ? [0, 0xff] : [byte]));
}

export function readRange(
  store: Store,
  query: RangeQuery,
  timeoutMs: number,
): Promise<RangePage> {
  return inSteps(store, { revision: query.revision, timeoutMs }, async (steps) => {
    const kvs: Uint8Array[] = [];
    let bytes = 0;
    let start = from(query.start);
    for (;;) { // Ends with the span or the page: each step goes on behind the last key of the one before.
      const { rest } = await steps.next("range", [
        ...boundsOf(query, start),
        String(query.limit - kvs.length),
        String(kvs.length === 0 ? query.bytesMax : query.bytesMax - bytes),
        query.keysOnly ? "1" : "0",
      ]);
      const [rows, more, behind] = rest;
      for (const row of listOf(rows)) {
        const kv = kvOf(bytesOf(row));
        kvs.push(kv);
        bytes += kv.length;
      }
      const goesOn = bytesOrNull(behind);
      if (numberOf(more) === 1 || goesOn === null) {
        return { head: steps.head(), kvs, packed: null, more: numberOf(more) === 1 };
      }
      start = beyond(goesOn);
    }
  });
}

export function countKeys(
  store: Store,
  query: KeySpan & { readonly revision: number },
  timeoutMs: number,
): Promise<{ head: Head; count: number }> {
  return inSteps(store, { revision: query.revision, timeoutMs }, async (steps) => {
    let count = 0;
    let start = from(query.start);
    for (;;) { // Ends with the span: each step goes on behind the last key of the one before.
      const { rest } = await steps.next("count", boundsOf(query, start));
      const [counted, behind] = rest;
      count += numberOf(counted);
      const goesOn = bytesOrNull(behind);
      if (goesOn === null) return { head: steps.head(), count };
      start = beyond(goesOn);
    }
  });
}
