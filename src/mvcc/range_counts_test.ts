import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import type { HistoryRow } from "../../backends/contract.ts";
import { contains, isEmpty, keyName, type KeyRange, keyRange } from "./key_range.ts";
import { RangeCounts } from "./range_counts.ts";
import { KEY, SPAN } from "./testing/arbitraries.ts";

const BOUNDS = { liveMax: 4, pagesMax: 4 };

const RANGE: fc.Arbitrary<KeyRange> = fc.oneof(
  SPAN.filter((span) => !isEmpty(span)).map((span) => ({ ...span, single: false })),
  KEY.map((key) => keyRange(key, new Uint8Array(0))),
);

/** The keys that a random history has left. */
class LiveKeys {
  readonly #keys = new Map<string, Uint8Array>();

  row(key: Uint8Array, tombstone: boolean): HistoryRow[] {
    const name = keyName(key);
    const exists = this.#keys.has(name);
    // Nobody deletes what is not there.
    if (tombstone && !exists) return [];
    if (tombstone) this.#keys.delete(name);
    else this.#keys.set(name, key);
    const prevKv = exists ? new Uint8Array(0) : null;
    return [{
      ...{ revision: 2, sub: 0, key, kv: key, metaSize: 0, tombstone, lease: 0n },
      prevKv,
    }];
  }

  count(range: KeyRange): number {
    return [...this.#keys.values()].filter((key) => contains(range, key)).length;
  }
}

function prefix(name: string): KeyRange {
  return keyRange(Buffer.from(name), Buffer.from(`${name}\xff`, "latin1"));
}

Deno.test("RangeCounts.live() stays what counting again would give, whatever is committed", () => {
  const change = fc.record({ key: KEY, tombstone: fc.boolean() });
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ commit: fc.array(change, { maxLength: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ ask: RANGE }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const counts = new RangeCounts(BOUNDS);
      const keys = new LiveKeys();
      const asked: KeyRange[] = [];
      for (const step of steps) {
        if ("ask" in step) {
          counts.setLive(step.ask, keys.count(step.ask));
          asked.push(step.ask);
        } else {
          counts.apply(step.commit.flatMap(({ key, tombstone }) => keys.row(key, tombstone)));
        }
        for (const range of asked) {
          const known = counts.live(range);
          assert.ok(known === undefined || known === keys.count(range));
        }
        const last = asked.at(-1);
        if (last !== undefined) assert.equal(counts.live(last), keys.count(last));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("RangeCounts.live() takes a single key and the interval around it for the same", () => {
  const counts = new RangeCounts(BOUNDS);
  counts.setLive(keyRange(Buffer.from("a"), new Uint8Array(0)), 1);
  assert.equal(counts.live(keyRange(Buffer.from("a"), Buffer.from("a\0"))), 1);
  assert.equal(counts.live(keyRange(Buffer.from("a"), new Uint8Array(1))), undefined);
});

Deno.test("RangeCounts.page() answers for exactly the interval and revision that were remembered", () => {
  const counts = new RangeCounts(BOUNDS);
  counts.setPage(prefix("a"), { revision: 7, count: 3 });
  assert.equal(counts.page(prefix("a"), 7), 3);
  assert.equal(counts.page(prefix("a"), 8), undefined);
  assert.equal(counts.page(prefix("b"), 7), undefined);
  // A page count belongs to its revision: later commits do not change it.
  counts.apply(new LiveKeys().row(Buffer.from("ab"), false));
  assert.equal(counts.page(prefix("a"), 7), 3);
});

Deno.test("RangeCounts keeps no more than its bounds; the oldest go first", () => {
  const counts = new RangeCounts(BOUNDS);
  const names = ["a", "b", "c", "d", "e", "f"];
  for (const name of names) {
    counts.setLive(prefix(name), 1);
    counts.setPage(prefix(name), { revision: 2, count: 1 });
  }
  assert.deepEqual(names.filter((name) => counts.live(prefix(name)) !== undefined), names.slice(2));
  assert.deepEqual(
    names.filter((name) => counts.page(prefix(name), 2) !== undefined),
    names.slice(2),
  );
  counts.clear();
  assert.ok(names.every((name) => counts.live(prefix(name)) === undefined));
  assert.ok(names.every((name) => counts.page(prefix(name), 2) === undefined));
});
