/**
 * Each answer of a backend against what was asked and what the contract promises of it. Pure: an answer and its question
 * in, the typed answer out, or a `BrokenPromise`. What is promised of more than one answer is in `checked_heads.ts`.
 */

import { Buffer } from "node:buffer";
import type {
  Head,
  HistoryPage,
  HistoryQuery,
  HistoryRow,
  KeySpan,
  LeaseRow,
  Loaded,
  LoadQuery,
  Member,
  Outcome,
  PackedKvs,
  Presence,
  RangePage,
  RangeQuery,
  Size,
  TrimResult,
} from "../contract.ts";
import {
  bigId,
  BrokenPromise,
  byteArray,
  type Fields,
  fieldsOf,
  finiteNumber,
  headOf,
  keyIn,
  listIn,
  nameOf,
  packedList,
  truth,
  unsignedId,
  wholeNumber,
} from "./checked_shapes.ts";
import { keptListOf, listOf } from "./codec.ts";

/** Keys must rise; `last` is the one before. */
function checkRises(
  key: Uint8Array,
  last: Uint8Array | undefined,
  method: string,
): void {
  if (last !== undefined && Buffer.compare(last, key) >= 0) {
    throw new BrokenPromise(`${method} answered keys out of order`);
  }
}

function checkInside(key: Uint8Array, { start, end }: KeySpan, method: string): void {
  if (Buffer.compare(key, start) >= 0 && (end === null || Buffer.compare(key, end) < 0)) return;
  throw new BrokenPromise(`${method} answered a key outside of the interval`);
}

/** Each kv's key rises and lies in the interval. */
function checkKeys(kvs: readonly Uint8Array[], span: KeySpan, method: string): void {
  let last: Uint8Array | undefined;
  for (const kv of kvs) {
    const key = keyIn(kv, `a kv that ${method} answered`);
    checkRises(key, last, method);
    checkInside(key, span, method);
    last = key;
  }
}

const EVERYTHING: KeySpan = { start: new Uint8Array(), end: null };

export function checkedLoaded(value: unknown, query: LoadQuery): Loaded {
  const fields = fieldsOf(value, "load");
  const kvs = packedList(fields["kvs"], {
    what: "the kvs that load answered",
    length: query.keys.length,
    hasGaps: true,
  });
  const records = packedList(fields["records"], {
    what: "the records that load answered",
    length: query.records.length,
    hasGaps: true,
  });
  const leases = listIn(fields["leases"], "the leases that load answered");
  if (leases.length !== query.leases.length) {
    throw new BrokenPromise(
      `the leases that load answered are ${leases.length}, not the ${query.leases.length} asked for`,
    );
  }
  const list = keptListOf(kvs);
  for (const [at, kv] of list.entries()) {
    if (kv === null) continue;
    const asked = query.keys[at];
    if (asked === undefined || Buffer.compare(keyIn(kv, "a kv that load answered"), asked) !== 0) {
      throw new BrokenPromise("load answered another key than the one asked for");
    }
  }
  return {
    head: headOf(fields["head"], "load"),
    kvs: list,
    leases: leases.map((lease, at) => lease === null ? null : leaseRow(lease, query.leases[at])),
    records: keptListOf(records),
  };
}

function leaseRow(value: unknown, asked: bigint | undefined): LeaseRow {
  const fields = fieldsOf(value, "a lease");
  const id = bigId(fields["id"], "the id of a lease");
  if (asked !== undefined && id !== asked) {
    throw new BrokenPromise("load answered another lease than the one asked for");
  }
  return {
    id,
    ttl: wholeNumber(fields["ttl"], { what: "the ttl of a lease" }),
    remainingMs: finiteNumber(fields["remainingMs"], "the remaining time of a lease"),
  };
}

export function checkedRange(value: unknown, query: RangeQuery): RangePage {
  const fields = fieldsOf(value, "range");
  const list = packedList(fields["kvs"], { what: "the kvs that range answered" });
  const kvs = listOf(list);
  const packed = fields["packed"] === null ? null : packedKvs(fields["packed"], query);
  const more = truth(fields["more"], "more, that range answered,");
  if (packed !== null && kvs.length > 0) {
    throw new BrokenPromise("range answered a page both packed and as a list");
  }
  const count = packed?.count ?? kvs.length;
  if (count > query.limit) {
    throw new BrokenPromise(`range answered ${count} keys with a limit of ${query.limit}`);
  }
  if (more && count === 0) {
    throw new BrokenPromise("range answered no keys and says there are more");
  }
  if (more && packed !== null && packed.lastKey === null) {
    throw new BrokenPromise(
      "range answered a packed page without its last key, and says there are more",
    );
  }
  checkKeys(kvs, query, "range");
  return { head: headOf(fields["head"], "range"), kvs, packed, more };
}

function packedKvs(value: unknown, query: RangeQuery): PackedKvs {
  if (!query.packed) throw new BrokenPromise("range answered a packed page that was not asked for");
  const fields = fieldsOf(value, "the packed page of range");
  const bytes = byteArray(fields["bytes"], "the packed page of range");
  const count = wholeNumber(fields["count"], { what: "the count of a packed page", min: 1 });
  const kvs = [...kvsIn(bytes)];
  if (kvs.length !== count) {
    throw new BrokenPromise(`range answered a packed page of ${kvs.length} keys as ${count}`);
  }
  checkKeys(kvs, query, "range");
  if (fields["lastKey"] === null) return { bytes, count, lastKey: null };
  const lastKey = byteArray(fields["lastKey"], "the last key of a packed page");
  const last = kvs.at(-1);
  if (last === undefined || Buffer.compare(keyIn(last, "a kv"), lastKey) !== 0) {
    throw new BrokenPromise("range answered a last key that is not the last of its packed page");
  }
  return { bytes, count, lastKey };
}

/** Field 2 of a message, of bytes. */
const KV_TAG = 0x12;

function* kvsIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) { // Ends: each round goes on by two bytes at least.
    if (bytes[at++] !== KV_TAG) {
      throw new BrokenPromise("range answered a packed page that is none");
    }
    let length = 0;
    for (let scale = 1, byte = 0x80; byte > 0x7f; scale *= 128) {
      byte = bytes[at++] ?? 0;
      length += (byte & 0x7f) * scale;
    }
    if (at + length > bytes.length) {
      throw new BrokenPromise("range answered a packed page that ends within a key");
    }
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

export function checkedCount(value: unknown): { head: Head; count: number } {
  const fields = fieldsOf(value, "count");
  return {
    head: headOf(fields["head"], "count"),
    count: wholeNumber(fields["count"], { what: "the count that count answered" }),
  };
}

export function checkedHistory(
  value: unknown,
  query: HistoryQuery,
  rowsOf: (rows: unknown) => readonly HistoryRow[],
): HistoryPage {
  const fields = fieldsOf(value, "history");
  const head = headOf(fields["head"], "history");
  const rows = rowsOf(fields["rows"]);
  const hasSince = truth(fields["hasSince"], "hasSince, that history answered,");
  const through = wholeNumber(fields["through"], { what: "through, that history answered," });
  const upTo = Math.min(query.upTo, head.revision);
  if (through <= query.after && upTo > query.after) {
    throw new BrokenPromise(`history did not move on from revision ${query.after}`);
  }
  if (through > Math.max(upTo, query.after)) {
    throw new BrokenPromise(`history answered as complete up to ${through}, behind the head`);
  }
  checkHistoryRows(rows, { query, through });
  return { head, rows, through, hasSince };
}

function checkHistoryRows(
  rows: readonly HistoryRow[],
  { query, through }: { readonly query: HistoryQuery; readonly through: number },
): void {
  let last = { revision: query.after, sub: -1 };
  for (const row of rows) {
    const { revision, sub } = row;
    if (revision < last.revision || (revision === last.revision && sub <= last.sub)) {
      throw new BrokenPromise("history answered rows out of order");
    }
    if (revision <= query.after || revision > through) {
      throw new BrokenPromise("history answered a revision that was not asked for");
    }
    if (!query.withPrev && row.prevKv !== null) {
      throw new BrokenPromise("history answered previous kvs that were not asked for");
    }
    if (Buffer.compare(keyIn(row.kv, "a kv that history answered"), row.key) !== 0) {
      throw new BrokenPromise("history answered a row whose kv is another key's");
    }
    last = row;
  }
}

export function checkedLeaseKeys(value: unknown): { head: Head; kvs: readonly Uint8Array[] } {
  const fields = fieldsOf(value, "leaseKeys");
  const kvs = listOf(packedList(fields["kvs"], { what: "the kvs that leaseKeys answered" }));
  checkKeys(kvs, EVERYTHING, "leaseKeys");
  return { head: headOf(fields["head"], "leaseKeys"), kvs };
}

export function checkedLeases(
  value: unknown,
  limit: number,
): { head: Head; leases: readonly LeaseRow[] } {
  const fields = fieldsOf(value, "leases");
  const rows = listIn(fields["leases"], "the leases that leases answered");
  if (rows.length > limit) {
    throw new BrokenPromise(`leases answered ${rows.length} with a limit of ${limit}`);
  }
  const leases = rows.map((row) => leaseRow(row, undefined));
  for (const [at, { remainingMs }] of leases.entries()) {
    if (at > 0 && remainingMs < (leases[at - 1]?.remainingMs ?? 0)) {
      throw new BrokenPromise("leases answered leases out of order");
    }
  }
  if (new Set(leases.map(({ id }) => id)).size < leases.length) {
    throw new BrokenPromise("leases answered a lease twice");
  }
  return { head: headOf(fields["head"], "leases"), leases };
}

export function checkedRecords(
  value: unknown,
  prefix: string,
): { head: Head; records: readonly (readonly [name: string, value: Uint8Array])[] } {
  const fields = fieldsOf(value, "records");
  const names = listIn(fields["names"], "the names that records answered").map((name) => {
    if (typeof name === "string" && name.startsWith(prefix)) return name;
    throw new BrokenPromise("records answered a name that was not asked for");
  });
  const values = packedList(fields["values"], {
    what: "the values that records answered",
    length: names.length,
  });
  const inBytes = names.map((name) => Buffer.from(name));
  if (inBytes.some((name, at) => at > 0 && Buffer.compare(inBytes[at - 1] ?? name, name) >= 0)) {
    throw new BrokenPromise("records answered names out of order");
  }
  const list = keptListOf(values);
  return {
    head: headOf(fields["head"], "records"),
    records: names.map((name, at) => [name, list[at] ?? new Uint8Array()] as const),
  };
}

export function checkedOutcome(value: unknown): Outcome {
  if (value === "applied" || value === "not-applied" || value === "unknown") return value;
  throw new BrokenPromise(`outcome answered ${nameOf(value)}`);
}

export function checkedTrim(value: unknown): TrimResult {
  const fields = fieldsOf(value, "trim");
  return {
    removed: wholeNumber(fields["removed"], { what: "removed, that trim answered," }),
    done: truth(fields["done"], "done, that trim answered,"),
    isBusy: truth(fields["isBusy"], "isBusy, that trim answered,"),
  };
}

export function checkedSize(value: unknown): Size {
  const fields = fieldsOf(value, "size");
  const of = (name: keyof Size) =>
    wholeNumber(fields[name], { what: `${name}, that size answered,` });
  const size = { total: of("total"), inUse: of("inUse"), empty: of("empty") };
  if (size.inUse <= size.total) return size;
  throw new BrokenPromise("size answered more bytes in use than there are");
}

export function checkedPresence(value: unknown, own: Member): Presence {
  const fields = fieldsOf(value, "announce");
  const members = listIn(fields["members"], "the members that announce answered").map((one) => {
    const { id, info }: Fields = fieldsOf(one, "a member");
    return { id: unsignedId(id, "a member's id"), info: byteArray(info, "a member's info") };
  });
  if (members.some(({ id }, at) => at > 0 && id <= (members[at - 1]?.id ?? 0n))) {
    throw new BrokenPromise("announce answered members out of order");
  }
  if (!members.some(({ id }) => id === own.id)) {
    throw new BrokenPromise("announce did not answer the member that announced itself");
  }
  return { head: headOf(fields["head"], "announce"), members };
}
