/** Each promise that can be checked, kept once and broken once. */

import assert from "node:assert/strict";
import {
  FIRST_HEAD,
  type HistoryQuery,
  type HistoryRow,
  type LoadQuery,
  type RangeQuery,
  REVISION_MAX,
} from "../contract.ts";
import {
  checkedCount,
  checkedHistory,
  checkedLeaseKeys,
  checkedLeases,
  checkedLoaded,
  checkedOutcome,
  checkedPresence,
  checkedRange,
  checkedRecords,
  checkedSize,
  checkedTrim,
} from "./checked_answers.ts";
import { checkedRows } from "./checked_rows.ts";
import { BrokenPromise, capabilitiesOf, headOf } from "./checked_shapes.ts";
import { packHistory } from "./codec.ts";
import { packBytes } from "./packing.ts";

const encoder = new TextEncoder();
const head = { ...FIRST_HEAD, index: 9, revision: 20, compactRevision: 5, batchId: "b" };

/** The least message that has a key. */
function kv(key: string): Uint8Array {
  return Uint8Array.of(0x0a, key.length, ...encoder.encode(key));
}

function kvs(...keys: readonly string[]) {
  return packBytes(keys.map(kv));
}

function breaks(check: () => unknown, promise: RegExp): void {
  assert.throws(check, (error) => {
    assert.ok(error instanceof BrokenPromise, String(error));
    assert.match(error.message, promise);
    return true;
  });
}

Deno.test("headOf() takes heads that can be, and no others", () => {
  assert.deepEqual(headOf(head, "head"), head);
  assert.deepEqual(headOf({ ...FIRST_HEAD }, "head"), FIRST_HEAD);
  for (
    const [change, promise] of [
      [{ index: -1 }, /^index of the head that head answered is -1, not a whole number from 0/],
      [{ index: 2 ** 60 }, /^index/],
      [{ revision: 0 }, /^revision .+ is 0/],
      [{ revision: "20" }, /^revision .+ is "20"/],
      [{ compactRevision: 21 }, /^compactRevision .+ from -1 to 20$/],
      [{ recordsIndex: 10 }, /^recordsIndex .+ from 0 to 9$/],
      [{ leasesIndex: 10 }, /^leasesIndex/],
      [{ batchId: "" }, /^batch id of .+ is "" at index 9$/],
      [{ batchId: "x".repeat(65) }, /^batch id .+ at most 64 characters$/],
    ] as const
  ) breaks(() => headOf({ ...head, ...change }, "head"), promise);
  breaks(() => headOf(null, "head"), /answered nonsense: null$/);
});

Deno.test("capabilitiesOf() takes limits that the engine can work with", () => {
  const good = { exclusive: true, keySizeMax: 1_000, batchRowsMax: 10, isEphemeral: false };
  assert.deepEqual(capabilitiesOf(good), good);
  breaks(() => capabilitiesOf({ ...good, exclusive: 1 }), /^capabilities\.exclusive is 1/);
  breaks(() => capabilitiesOf({ ...good, keySizeMax: 0 }), /^capabilities\.keySizeMax is 0/);
  breaks(() => capabilitiesOf({ ...good, batchRowsMax: Infinity }), /^capabilities\.batchRowsMax/);
});

Deno.test("checkedLoaded() holds each list to its question", () => {
  const query: LoadQuery = {
    keys: [encoder.encode("a"), encoder.encode("b")],
    leases: [7n],
    records: ["r"],
    revision: 0,
  };
  const good = {
    head,
    kvs: packBytes([kv("a"), null]),
    leases: [{ id: 7n, ttl: 5, remainingMs: -0.5 }],
    records: packBytes([null]),
  };
  const { leases, records } = checkedLoaded(good, query);
  assert.deepEqual([leases, records], [good.leases, [null]]);
  for (
    const [change, promise] of [
      [{ kvs: kvs("a") }, /^the kvs that load answered are 1, not the 2 asked for$/],
      [{ kvs: kvs("b", "a") }, /^load answered another key/],
      [{ kvs: packBytes([Uint8Array.of(1), null]) }, /is no key-value message$/],
      [{ kvs: [] }, /are not a list of bytes$/],
      [{ leases: [] }, /^the leases that load answered are 0, not the 1 asked for$/],
      [{ leases: [{ id: 8n, ttl: 5, remainingMs: 0 }] }, /^load answered another lease/],
      [{ leases: [{ id: 7n, ttl: 5, remainingMs: NaN }] }, /^the remaining time of a lease is NaN/],
      [{ records: packBytes([]) }, /^the records that load answered are 0/],
    ] as const
  ) breaks(() => checkedLoaded({ ...good, ...change }, query), promise);
});

const RANGE: RangeQuery = {
  start: encoder.encode("b"),
  end: encoder.encode("e"),
  revision: 0,
  limit: 2,
  bytesMax: 1_000,
  keysOnly: false,
  packed: true,
};

Deno.test("checkedRange() holds a list to order, interval and limit", () => {
  const good = { head, kvs: kvs("b", "c"), packed: null, more: true };
  assert.equal(checkedRange(good, RANGE).kvs.length, 2);
  for (
    const [change, promise] of [
      [{ kvs: kvs("c", "b") }, /^range answered keys out of order$/],
      [{ kvs: kvs("c", "c") }, /^range answered keys out of order$/],
      [{ kvs: kvs("a", "b") }, /^range answered a key outside of the interval$/],
      [{ kvs: kvs("d", "e") }, /^range answered a key outside of the interval$/],
      [{ kvs: kvs("b", "c", "d") }, /^range answered 3 keys with a limit of 2$/],
      [{ kvs: kvs() }, /^range answered no keys and says there are more$/],
      [{ kvs: packBytes([null]) }, /^the kvs that range answered have gaps$/],
      [{ more: "yes" }, /^more, that range answered, is "yes"/],
    ] as const
  ) breaks(() => checkedRange({ ...good, ...change }, RANGE), promise);
});

Deno.test("checkedRange() holds a packed page to the same", () => {
  const piece = (...keys: readonly string[]) =>
    Uint8Array.from(keys.flatMap((key) => [0x12, kv(key).length, ...kv(key)]));
  const packed = { bytes: piece("b", "c"), count: 2, lastKey: encoder.encode("c") };
  const good = { head, kvs: kvs(), packed, more: true };
  assert.equal(checkedRange(good, RANGE).packed?.count, 2);
  const withPiece = (change: object) => ({ ...good, packed: { ...packed, ...change } });
  for (
    const [answer, promise] of [
      [withPiece({ count: 1 }), /^range answered a packed page of 2 keys as 1$/],
      [withPiece({ bytes: piece("c", "b") }), /^range answered keys out of order$/],
      [
        withPiece({ bytes: Uint8Array.of(0x12, 200) }),
        /^range answered a packed page that ends within a key$/,
      ],
      [withPiece({ bytes: Uint8Array.of(0x13, 0) }), /^range answered a packed page that is none$/],
      [
        withPiece({ lastKey: encoder.encode("b") }),
        /^range answered a last key that is not the last/,
      ],
      [withPiece({ lastKey: null }), /^range answered a packed page without its last key/],
      [{ ...good, kvs: kvs("b") }, /^range answered a page both packed and as a list$/],
    ] as const
  ) breaks(() => checkedRange(answer, RANGE), promise);
  breaks(() => checkedRange(good, { ...RANGE, packed: false }), /that was not asked for$/);
});

const HISTORY: HistoryQuery = {
  after: 10,
  upTo: REVISION_MAX,
  rowsMax: 100,
  bytesMax: 1_000,
  withPrev: false,
  since: null,
};

function row(revision: number, sub: number, change: Partial<HistoryRow> = {}): HistoryRow {
  const key = encoder.encode("k");
  const bytes = kv("k");
  return {
    revision,
    sub,
    key,
    kv: bytes,
    metaSize: bytes.length,
    tombstone: false,
    lease: 0n,
    prevKv: null,
    ...change,
  };
}

function historyOf(rows: readonly HistoryRow[], change: object = {}): unknown {
  const { value } = packHistory({ head, rows, through: 12, hasSince: true });
  return { ...value as object, ...change };
}

Deno.test("checkedHistory() holds rows to order and to what was asked, and a page to moving on", () => {
  const rows = [row(11, 0), row(12, 0, { lease: 5n }), row(12, 1)];
  const check = (answer: unknown) => checkedHistory(answer, HISTORY, checkedRows);
  assert.deepEqual(check(historyOf(rows)).rows, rows);
  for (
    const [answer, promise] of [
      [historyOf([row(12, 0), row(11, 0)]), /^history answered rows out of order$/],
      [historyOf([row(11, 1), row(11, 1)]), /^history answered rows out of order$/],
      [
        historyOf([row(10, 0)]),
        /^history answered (rows out of order|a revision that was not asked for)$/,
      ],
      [historyOf([row(13, 0)]), /^history answered a revision that was not asked for$/],
      [historyOf([row(11, 0, { prevKv: kv("k") })]), /previous kvs that were not asked for$/],
      [historyOf([row(11, 0, { key: encoder.encode("other") })]), /whose kv is another key's$/],
      [historyOf([row(11, 0, { metaSize: 99 })]), /have a metaSize beyond their kv$/],
      [historyOf([row(11, 0, { revision: 11.5 })]), /have numbers that are none$/],
      [historyOf([row(11, 0, { tombstone: true, lease: 5n })]), /have a tombstone with a lease$/],
      [historyOf([], { through: 10 }), /^history did not move on from revision 10$/],
      [historyOf([], { through: 21 }), /^history answered as complete up to 21, behind the head$/],
      [historyOf([], { hasSince: null }), /^hasSince/],
    ] as const
  ) breaks(() => check(answer), promise);
});

Deno.test("checkedLeases() and checkedLeaseKeys() hold lists to order, limit and no doubles", () => {
  const lease = (id: bigint, remainingMs: number) => ({ id, ttl: 1, remainingMs });
  const leases = [lease(2n, 5), lease(1n, 6)];
  assert.deepEqual(checkedLeases({ head, leases }, 2).leases, leases);
  breaks(() => checkedLeases({ head, leases }, 1), /^leases answered 2 with a limit of 1$/);
  breaks(() => checkedLeases({ head, leases: leases.toReversed() }, 2), /out of order$/);
  breaks(() => checkedLeases({ head, leases: [lease(1n, 5), lease(1n, 5)] }, 2), /a lease twice$/);
  breaks(() => checkedLeases({ head, leases: [lease(2n ** 70n, 5)] }, 2), /not an id of 64 bits$/);
  assert.equal(checkedLeaseKeys({ head, kvs: kvs("a", "b") }).kvs.length, 2);
  breaks(
    () => checkedLeaseKeys({ head, kvs: kvs("b", "a") }),
    /^leaseKeys answered keys out of order$/,
  );
});

Deno.test("checkedRecords() holds names to their prefix and to the order of their bytes", () => {
  const answer = (...names: readonly string[]) => ({
    head,
    names,
    values: packBytes(names.map((name) => encoder.encode(name))),
  });
  assert.equal(checkedRecords(answer("a/1", "a/2"), "a/").records.length, 2);
  breaks(() => checkedRecords(answer("a/2", "a/1"), "a/"), /names out of order$/);
  breaks(() => checkedRecords(answer("b"), "a/"), /a name that was not asked for$/);
  breaks(
    () => checkedRecords({ ...answer("a/1"), values: packBytes([]) }, "a/"),
    /are 0, not the 1/,
  );
});

Deno.test("the short answers are held to their forms", () => {
  assert.equal(checkedCount({ head, count: 3 }).count, 3);
  breaks(() => checkedCount({ head, count: -1 }), /^the count that count answered is -1/);
  assert.equal(checkedOutcome("applied"), "applied");
  breaks(() => checkedOutcome("maybe"), /^outcome answered "maybe"$/);
  assert.equal(checkedTrim({ removed: 1, done: true, isBusy: false }).done, true);
  breaks(
    () => checkedTrim({ removed: 1, done: 1, isBusy: false }),
    /^done, that trim answered, is 1/,
  );
  assert.equal(checkedSize({ total: 3, inUse: 2, empty: 1 }).total, 3);
  breaks(() => checkedSize({ total: 1, inUse: 2, empty: 1 }), /more bytes in use than there are$/);
  const own = { id: 2n, info: Uint8Array.of(1) };
  const other = { id: 1n, info: Uint8Array.of() };
  assert.equal(checkedPresence({ head, members: [other, own] }, own).members.length, 2);
  breaks(() => checkedPresence({ head, members: [own, other] }, own), /members out of order$/);
  breaks(() => checkedPresence({ head, members: [other] }, own), /did not answer the member/);
  breaks(
    () => checkedPresence({ head, members: [{ ...own, id: 0n }] }, own),
    /^a member's id is 0/,
  );
});
