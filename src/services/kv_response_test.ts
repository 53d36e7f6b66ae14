import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  DeleteRangeResponseSchema,
  PutResponseSchema,
  type RangeResponse,
  RangeResponseSchema,
  RangeStreamResponseSchema,
  type ResponseOp,
  TxnResponseSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { encodeKv } from "../mvcc/stored_kv.ts";
import type { RangeResult, TxnResult } from "../mvcc/types.ts";
import { HeaderEncoder } from "./header.ts";
import {
  encodeDelete,
  encodePut,
  encodeRange,
  encodeRangePart,
  encodeRangeStream,
  encodeTxn,
  fullHeader,
} from "./kv_response.ts";

const ENCODER = new HeaderEncoder({ clusterId: 11n, memberId: 12n, raftTerm: 13 });
const HEADER = fullHeader(ENCODER, 300);

function kv(key: string, value = ""): Uint8Array {
  const numbers = { createRevision: 2, modRevision: 3, version: 2, lease: 4n };
  return encodeKv({ key: Buffer.from(key), value: Buffer.from(value), ...numbers }).kv;
}

/** What a database that joins bytes itself would answer. */
function packed(kvs: readonly Uint8Array[]): Uint8Array {
  const [message] = encodeRangePart({ kvs, packed: null, more: false, count: 0 }, null);
  return message ?? new Uint8Array(0);
}

function decodeRange(parts: readonly Uint8Array[]): RangeResponse {
  return fromBinary(RangeResponseSchema, Buffer.concat(parts));
}

function shown({ kvs, more, count }: RangeResponse) {
  const names = kvs.map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`);
  return { kvs: names, more, count: Number(count) };
}

function range(fields: Partial<RangeResult>): RangeResult {
  return { kind: "range", revision: 300, kvs: [], more: false, count: 0, ...fields };
}

Deno.test("encodeRange() makes a message that protobuf reads as header, key-values, more and count", () => {
  const result = range({ kvs: [kv("a", "1"), kv("b", "2")], more: true, count: 70_000 });
  const response = decodeRange(encodeRange(result, HEADER));
  assert.deepEqual(shown(response), { kvs: ["a=1", "b=2"], more: true, count: 70_000 });
  assert.equal(response.header?.revision, 300n);
  assert.equal(response.header?.memberId, 12n);
  assert.equal(response.kvs[0]?.lease, 4n);
  const empty = decodeRange(encodeRange(range({}), HEADER));
  assert.deepEqual(shown(empty), { kvs: [], more: false, count: 0 });
  assert.equal(empty.header?.clusterId, 11n);
});

Deno.test("encodeRange() cuts a large answer into several buffers, which are one message together", () => {
  const value = "v".repeat(50_000);
  const kvs = Array.from({ length: 30 }, (_, i) => kv(`key${i}`, value));
  const parts = encodeRange(range({ kvs, count: 30 }), HEADER);
  assert.ok(parts.length > 3, `${parts.length} parts`);
  assert.ok(parts.every((part) => part.length < 400_000));
  const response = decodeRange(parts);
  assert.deepEqual(
    response.kvs.map(({ key }) => `${Buffer.from(key)}`),
    kvs.map((_, i) => `key${i}`),
  );
  assert.ok(response.kvs.every((one) => one.value.length === value.length));
  assert.equal(response.count, 30n);
});

Deno.test("encodeRangePart() answers the same whether a page comes packed or not", () => {
  const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 6 });
  const tail = fc.record({ more: fc.boolean(), count: fc.maxSafeNat() });
  fc.assert(fc.property(sizes, tail, fc.boolean(), (list, { more, count }, hasHeader) => {
    const kvs = list.map((size, i) => kv(`k${i}`, "v".repeat(size)));
    const header = hasHeader ? HEADER : null;
    const page = { bytes: packed(kvs), count: kvs.length, lastKey: Buffer.from("k") };
    const unpacked = encodeRangePart({ kvs, packed: null, more, count }, header);
    const whole = encodeRangePart({ kvs: [], packed: page, more, count }, header);
    assert.ok(Buffer.concat(whole).equals(Buffer.concat(unpacked)));
    assert.deepEqual(shown(decodeRange(whole)), {
      kvs: list.map((size, i) => `k${i}=${"v".repeat(size)}`),
      more,
      count,
    });
  }));
});

Deno.test("encodeRangePart() makes pieces that are one response together: header first, count last", () => {
  const first = { kvs: [kv("a", "1")], packed: null, more: false, count: 0 };
  const last = { kvs: [kv("b", "2")], packed: null, more: true, count: 9 };
  const parts = [...encodeRangePart(first, HEADER), ...encodeRangePart(last, null)];
  const response = decodeRange(parts);
  assert.deepEqual(shown(response), { kvs: ["a=1", "b=2"], more: true, count: 9 });
  assert.equal(response.header?.revision, 300n);
});

Deno.test("encodeRangeStream() wraps a response's pieces without copying them", () => {
  const pieces = encodeRange(range({ kvs: [kv("a", "1")], count: 1 }), HEADER);
  const parts = encodeRangeStream(pieces);
  assert.equal(parts[1], pieces[0]);
  const { rangeResponse } = fromBinary(RangeStreamResponseSchema, Buffer.concat(parts));
  assert.ok(rangeResponse !== undefined);
  assert.deepEqual(shown(rangeResponse), { kvs: ["a=1"], more: false, count: 1 });
});

Deno.test("encodePut() tells the previous version if there is one", () => {
  const without = encodePut({ kind: "put", revision: 300, prevKv: null }, HEADER);
  assert.equal(fromBinary(PutResponseSchema, without).prevKv, undefined);
  const bytes = encodePut({ kind: "put", revision: 300, prevKv: kv("a", "old") }, HEADER);
  const { header, prevKv } = fromBinary(PutResponseSchema, bytes);
  assert.equal(header?.raftTerm, 13n);
  assert.equal(`${Buffer.from(prevKv?.value ?? [])}`, "old");
});

Deno.test("encodeDelete() tells how many keys were deleted, and which", () => {
  const result = {
    kind: "delete" as const,
    revision: 300,
    deleted: 200,
    prevKvs: [kv("a"), kv("b")],
  };
  const { deleted, prevKvs, header } = fromBinary(
    DeleteRangeResponseSchema,
    encodeDelete(result, HEADER),
  );
  assert.equal(deleted, 200n);
  assert.deepEqual(prevKvs.map(({ key }) => `${Buffer.from(key)}`), ["a", "b"]);
  assert.equal(header?.revision, 300n);
});

function innerRevisions(responses: readonly ResponseOp[]): (bigint | undefined)[] {
  return responses.map(({ response }) => response.value?.header?.revision);
}

Deno.test("encodeTxn() encodes answers of every kind, nested ones too, with headers of a revision alone", () => {
  const inner: TxnResult = {
    kind: "txn",
    revision: 0,
    succeeded: false,
    results: [{ kind: "put", revision: 300, prevKv: null }],
  };
  const bytes = encodeTxn({
    kind: "txn",
    revision: 300,
    succeeded: true,
    results: [
      range({ kvs: [kv("a", "1")], count: 1 }),
      { kind: "put", revision: 300, prevKv: kv("b") },
      { kind: "delete", revision: 300, deleted: 1, prevKvs: [] },
      inner,
    ],
  }, HEADER);
  const { header, succeeded, responses } = fromBinary(TxnResponseSchema, bytes);
  assert.deepEqual([header?.memberId, succeeded], [12n, true]);
  assert.deepEqual(responses.map(({ response }) => response.case), [
    "responseRange",
    "responsePut",
    "responseDeleteRange",
    "responseTxn",
  ]);
  assert.deepEqual(innerRevisions(responses), [300n, 300n, 300n, 0n]);
  assert.ok(responses.every(({ response }) => response.value?.header?.memberId === 0n));
  const nested = responses[3]?.response;
  assert.ok(nested?.case === "responseTxn");
  assert.equal(nested.value.succeeded, false);
  assert.deepEqual(innerRevisions(nested.value.responses), [300n]);
});
