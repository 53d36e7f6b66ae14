/** `range`, `count` and `load`. */

import assert from "node:assert/strict";
import type { KeySpan, LogRow, PackedKvs, RangePage } from "../contract.ts";
import type { Dice } from "./dice.ts";
import { AWKWARD_KEYS, growHistory, Model } from "./model.ts";
import {
  append,
  assertSameBytes,
  bytes,
  type Fact,
  putRow,
  range,
  type Subject,
  tombstoneRow,
} from "./subject.ts";

/** More than a backend is likely to count in one go. */
const MANY_KEYS = 25_000;

/** Of values: none, and around what a store may treat as small or large. */
const SIZES = [0, 1, 120, 500, 850, 880, 900, 905, 910, 915, 920, 925, 930, 935, 940, 950, 960, 970]
  .concat([980, 1_000, 1_030, 2_000, 4_060, 4_096, 9_000, 17_000, 66_000, 300_000]);

export const rangeFacts: readonly Fact[] = [
  {
    name: "range() orders keys as unsigned bytes and takes them as they are",
    see: "Backend (bytes are ordered as unsigned bytes), RangePage.kvs",
    async check(subject) {
      const rows = AWKWARD_KEYS.map((key, sub) => putRow(key, { revision: 2, sub })).reverse();
      await append(subject, { rows });
      const sorted = rows.toSorted((a, b) => a.key.toHex() < b.key.toHex() ? -1 : 1);
      assertSameBytes((await range(subject.backend)).kvs, sorted.map(({ kv }) => kv));
      for (const { key, kv } of rows) {
        const query = { keys: [key], leases: [], records: [], revision: 0 };
        assertSameBytes((await subject.backend.load(query)).kvs, [kv]);
        const end = Uint8Array.of(...key, 0);
        assertSameBytes((await range(subject.backend, { start: key, end })).kvs, [kv]);
      }
    },
  },
  {
    name: "range() excludes its end, and an interval that ends where it starts is empty",
    see: "KeySpan.end",
    async check(subject) {
      const [a, b] = [putRow(bytes("a"), { revision: 2 }), putRow(bytes("b"), { revision: 3 })];
      await append(subject, { rows: [a, b] });
      const { backend } = subject;
      for (const revision of [0, 3]) {
        const upToB = { start: a.key, end: b.key, revision };
        assertSameBytes((await range(backend, upToB)).kvs, [a.kv]);
        for (const end of [a.key, bytes("A")]) {
          const page = await range(backend, { start: a.key, end, revision });
          assert.deepEqual([page.kvs, page.more], [[], false]);
          const { count } = await backend.count({ start: a.key, end, revision });
          assert.equal(count, 0, "count() of an empty interval");
        }
      }
    },
  },
  {
    name: "range() stops at its limit and tells whether there is more",
    see: "RangeQuery.limit, RangePage.more",
    async check(subject) {
      const rows = Array.from(
        { length: 200 },
        (_, sub) => putRow(bytes(`k${String(sub).padStart(3, "0")}`), { revision: 2, sub }),
      );
      await append(subject, { rows });
      await append(subject, { rows: [tombstoneRow(bytes("k199"), { revision: 3 })] });
      await append(subject, { rows: [putRow(bytes("new"), { revision: 4 })] });
      for (const [limit, last] of [[1, false], [199, false], [200, true], [201, true]] as const) {
        const page = await range(subject.backend, { revision: 2, limit });
        assertSameBytes(page.kvs, rows.slice(0, limit).map(({ kv }) => kv));
        assert.equal(page.more, !last, `at revision 2 with limit ${limit}`);
        const newest = await range(subject.backend, { limit, end: bytes("l") });
        assertSameBytes(newest.kvs, rows.slice(0, Math.min(limit, 199)).map(({ kv }) => kv));
        assert.equal(newest.more, limit < 199, `with limit ${limit}`);
      }
    },
  },
  {
    name: "range() may end with the row that reaches the bytes, never before it",
    see: "RangeQuery.bytesMax, RangePage.more",
    async check(subject) {
      const rows = Array.from({ length: 50 }, (_, sub) => {
        const value = new Uint8Array(sub % 7 === 0 ? 50_000 : 100);
        return putRow(bytes(`k${sub + 100}`), { revision: 2, sub, value });
      });
      await append(subject, { rows });
      await append(subject, { rows: [putRow(bytes("k100"), { revision: 3 })] });
      for (const revision of [0, 2]) {
        for (const bytesMax of [1, 60_000, 120_000, 10_000_000]) {
          await assertPaging(subject, { revision, bytesMax });
        }
      }
    },
  },
  {
    name: "values of every size come whole, in whatever way a key is read, and shrink and grow",
    see: "LogRow.kv, LogRow.metaSize",
    async check(subject) {
      const lease = 7n;
      await append(subject, { leases: [{ id: lease, state: { ttl: 60, remainingMs: 60_000 } }] });
      const first = sizedRows({ revision: 2, lease, sizes: SIZES });
      const second = sizedRows({ revision: 3, lease, sizes: SIZES.toReversed() });
      for (const rows of [first, second]) {
        await append(subject, { rows });
        await assertReadInEveryWay(subject, rows, lease);
      }
      const before = await range(subject.backend, { revision: 2 });
      assertSameBytes(before.kvs, first.map(({ kv }) => kv));
    },
  },
  {
    name: "range() of keys only gives each kv whole or cut before its value",
    see: "RangeQuery.keysOnly, LogRow.metaSize",
    async check(subject) {
      const rows = [
        putRow(bytes("a"), { revision: 2, value: new Uint8Array(300) }),
        putRow(bytes("b"), { revision: 2, sub: 1, value: new Uint8Array() }),
      ];
      await append(subject, { rows });
      await append(subject, { rows: [putRow(bytes("c"), { revision: 3 })] });
      for (const revision of [0, 2]) {
        const query = { revision, keysOnly: true, end: bytes("c") };
        const { kvs } = await range(subject.backend, query);
        assert.equal(kvs.length, rows.length, "kvs");
        kvs.forEach((kv, at) => {
          const row = rows[at];
          const sizes = [row?.metaSize, row?.kv.length];
          const message = `a kv of ${kv.length} bytes: whole or cut it has ${sizes.join(" or ")}`;
          assert.ok(sizes.includes(kv.length), message);
          assertSameBytes([kv], [row?.kv.subarray(0, kv.length) ?? null]);
        });
      }
    },
  },
  {
    name: "range(), count() and load() are exact at every revision of random histories",
    see: "Backend.range, Backend.count, LoadQuery.revision",
    rollsDice: true,
    async check(subject, dice) {
      const model = new Model();
      await growHistory(subject, model, { dice, batches: 40 });
      for (let revision = 0; revision <= model.revision; revision++) {
        await assertReadsAt(subject, model, { revision, dice });
      }
    },
  },
  {
    name: "range() and count() are of one moment, whatever is written meanwhile",
    see: "Backend (each answer is of one snapshot)",
    async check(subject) {
      const keys = Array.from({ length: MANY_KEYS }, (_, at) => bytes(`k${100_000 + at}`));
      await append(subject, { rows: keys.map((key, sub) => putRow(key, { revision: 2, sub })) });
      const [first, last] = [bytes("k100000"), bytes(`k${100_000 + MANY_KEYS - 1}`)];
      const everything = { start: bytes(""), end: null };
      const newest = subject.backend.count({ ...everything, revision: 0 });
      const older = subject.backend.count({ ...everything, revision: 2 });
      const newestPage = range(subject.backend);
      const olderPage = range(subject.backend, { revision: 2 });
      const rows = [first, last].map((key, sub) => tombstoneRow(key, { revision: 3, sub }));
      await append(subject, { rows: [...rows, putRow(bytes("l"), { revision: 4 })] });
      await append(subject, { rows: [putRow(bytes("a"), { revision: 5 })] });
      const expected = [MANY_KEYS, MANY_KEYS - 2, MANY_KEYS - 1, MANY_KEYS];
      const { head, count } = await newest;
      assert.equal(count, expected[head.revision - 2], `at revision ${head.revision}`);
      assert.equal((await older).count, MANY_KEYS, "count() at revision 2");
      const page = await newestPage;
      const { revision } = page.head;
      assert.equal(page.kvs.length, expected[revision - 2], `kvs at revision ${revision}`);
      assert.equal((await olderPage).kvs.length, MANY_KEYS, "kvs at revision 2");
      for (const [at, keysThen] of expected.entries()) {
        const again = await subject.backend.count({ ...everything, revision: at + 2 });
        assert.equal(again.count, keysThen, `at revision ${at + 2}`);
      }
    },
  },
  {
    name: "count() is exact over many deleted keys and a key that was deleted often",
    see: "Backend.count",
    async check(subject) {
      const keys = Array.from({ length: 9_000 }, (_, at) => bytes(`k${100_000 + at}`));
      await append(subject, { rows: keys.map((key, sub) => putRow(key, { revision: 2, sub })) });
      await append(subject, {
        rows: keys.map((key, sub) => tombstoneRow(key, { revision: 3, sub })),
      });
      const often = Array.from({ length: 4_500 }, (_, at) => [
        putRow(bytes("k104000"), { revision: 4 + 2 * at }),
        tombstoneRow(bytes("k104000"), { revision: 5 + 2 * at }),
      ]);
      await append(subject, { rows: often.flat() });
      for (const [revision, expected] of [[2, 9_000], [3, 0], [4, 1], [5, 0], [4_000, 1], [0, 0]]) {
        for (const start of ["", "k104000"].map((text) => bytes(text))) {
          const whole = revision === 2 && start.length > 0 ? 5_000 : expected;
          for (const end of [null, bytes("l")]) {
            const { count } = await subject.backend.count({ start, end, revision: revision ?? 0 });
            assert.equal(count, whole, `at revision ${revision}`);
          }
        }
      }
    },
  },
  {
    name: "range() packs what it would list, or lists it",
    see: "RangeQuery.packed, PackedKvs",
    async check(subject) {
      // Around each step of a length's varint, up to what is too large to be packed with others.
      const sizes = [0, 90, 100, 110, 127, 128, 3_000, 16_383, 16_384, 16_500, 3_000_000];
      const rows = sizes.map((size, sub) =>
        putRow(bytes(`k${100 + sub}`), { revision: 2, sub, value: new Uint8Array(size).fill(sub) })
      );
      await append(subject, { rows });
      for (const limit of [1, 2, 6, sizes.length, 100]) {
        for (const start of ["", "k101", "k105", "k110", "l"].map((text) => bytes(text))) {
          for (const end of [null, bytes("k109")]) {
            const query = { start, end, limit };
            const listed = await range(subject.backend, query);
            const page = await range(subject.backend, { ...query, packed: true });
            assert.equal(page.more, listed.more, "more of a packed page");
            if (page.packed === null) assertSameBytes(page.kvs, listed.kvs);
            else assertPacked(page.packed, listed);
          }
        }
      }
    },
  },
  {
    name: "load() answers in the order of the question, with null where there is nothing",
    see: "Loaded.kvs, Loaded.leases, Loaded.records",
    async check(subject) {
      const a = putRow(bytes("a"), { revision: 2 });
      const b = putRow(bytes("b"), { revision: 2, sub: 1 });
      await append(subject, { rows: [a, b], records: [{ name: "r", value: bytes("x") }] });
      const newer = putRow(bytes("a"), { revision: 3 });
      await append(subject, { rows: [newer, tombstoneRow(b.key, { revision: 3, sub: 1 })] });
      const keys = [b.key, bytes("none"), a.key, a.key];
      const query = { keys, leases: [5n], records: ["none", "r"], revision: 0 };
      const newest = await subject.backend.load(query);
      assertSameBytes(newest.kvs, [null, null, newer.kv, newer.kv]);
      assertSameBytes(newest.records, [null, bytes("x")]);
      assert.deepEqual(newest.leases, [null]);
      const older = await subject.backend.load({ ...query, revision: 2 });
      assertSameBytes(older.kvs, [b.kv, null, a.kv, a.kv]);
      assertSameBytes(older.records, [null, bytes("x")]);
    },
  },
];

/** A key for each size, in the order of the list. */
function sizedRows(
  { revision, lease, sizes }: { revision: number; lease: bigint; sizes: readonly number[] },
): LogRow[] {
  return sizes.map((size, sub) => {
    const value = new Uint8Array(size).fill(sub + 1);
    return putRow(bytes(`k${100 + sub}`), { revision, sub, value, lease });
  });
}

/** `rows` are all there is, and of one lease. */
async function assertReadInEveryWay(
  { backend }: Subject,
  rows: readonly LogRow[],
  lease: bigint,
): Promise<void> {
  const kvs = rows.map(({ kv }) => kv);
  const keys = rows.map(({ key }) => key);
  // All of them, and some that are not too different in size to be packed.
  for (const [from, to] of [[0, rows.length], [7, 21]] as const) {
    const span = { start: keys[from] ?? bytes(""), end: keys[to] ?? null };
    const expected = rows.slice(from, to);
    assertSameBytes((await range(backend, span)).kvs, kvs.slice(from, to));
    const page = await range(backend, { ...span, packed: true, bytesMax: 100_000_000 });
    if (page.packed === null) assertSameBytes(page.kvs, kvs.slice(from, to));
    else assertPacked(page.packed, { ...page, kvs: kvs.slice(from, to) });
    const cut = await range(backend, { ...span, keysOnly: true });
    assertSameBytes(
      cut.kvs.map((kv, at) => kv.subarray(0, expected[at]?.metaSize)),
      expected.map(({ kv, metaSize }) => kv.subarray(0, metaSize)),
    );
  }
  const query = { keys, leases: [], records: [], revision: 0 };
  assertSameBytes((await backend.load(query)).kvs, kvs);
  assertSameBytes((await backend.leaseKeys(lease)).kvs, kvs);
}

/** Each kv as field 2 of a message, in order. */
function assertPacked(packed: PackedKvs, { kvs, more }: RangePage): void {
  assert.equal(packed.count, kvs.length, "count of a packed page");
  const found: Uint8Array[] = [];
  for (let at = 0; at < packed.bytes.length;) {
    assert.equal(packed.bytes[at++], 0x12, "the byte before each kv of a packed page");
    let size = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = packed.bytes[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
    }
    found.push(packed.bytes.subarray(at, at += size));
  }
  assertSameBytes(found, kvs, "kvs of a packed page");
  assert.equal(packed.lastKey !== null, more, "whether a packed page names its last key");
  if (packed.lastKey !== null) assert.ok(kvs.at(-1)?.toHex().includes(packed.lastKey.toHex()));
}

async function assertReadsAt(
  { backend }: Subject,
  model: Model,
  { revision, dice }: { revision: number; dice: Dice },
): Promise<void> {
  const at = revision === 0 ? model.revision : revision;
  const everything = { start: new Uint8Array(), end: null };
  const from = dice.pick(AWKWARD_KEYS);
  const spans: KeySpan[] = [
    everything,
    { start: from, end: null },
    { start: from, end: dice.pick(AWKWARD_KEYS) },
  ];
  for (const span of spans) {
    const expected = model.live(span, at).map(({ kv }) => kv);
    const page = await range(backend, { ...span, revision });
    assertSameBytes(page.kvs, expected, `range at revision ${revision}`);
    assert.equal(page.more, false, `more at revision ${revision}`);
    const limit = 1 + dice.below(5);
    const short = await range(backend, { ...span, revision, limit });
    assertSameBytes(short.kvs, expected.slice(0, limit), `limited range at ${revision}`);
    assert.equal(short.more, expected.length > limit, `more of a limited range at ${revision}`);
    const { count } = await backend.count({ ...span, revision });
    assert.equal(count, expected.length, `count at revision ${revision}`);
  }
  const query = { keys: AWKWARD_KEYS, leases: [], records: [], revision };
  const expected = AWKWARD_KEYS.map((key) => model.kvAt(key, at));
  assertSameBytes((await backend.load(query)).kvs, expected, `load at revision ${revision}`);
}

/** Pages with a byte limit make up the whole, and only their last row goes over it. */
async function assertPaging(
  { backend }: Subject,
  { revision, bytesMax }: { revision: number; bytesMax: number },
): Promise<void> {
  const whole = await range(backend, { revision });
  const paged: Uint8Array[] = [];
  let start: Uint8Array = new Uint8Array();
  for (let more = true; more;) {
    const page = await range(backend, { revision, bytesMax, start });
    const sizes = page.kvs.map((kv) => kv.length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(page.kvs.length > 0, "a page has at least one row");
    if (page.more) assert.ok(total >= bytesMax, "a page that ends early has reached its bytes");
    paged.push(...page.kvs);
    more = page.more;
    // Keys of this fact are `k` and three digits.
    start = bytes(`k${100 + paged.length}`);
  }
  assertSameBytes(paged, whole.kvs);
}
