import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { create, type DescMessage, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import {
  CompareSchema,
  DeleteRangeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RequestOpSchema,
  TxnRequestSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { WatchRequestSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import { TXN_OPS_MAX } from "../limits.ts";
import { decodeMessage } from "./decode.ts";

const BYTES = fc.uint8Array({ maxLength: 20 });
const INT64 = fc.oneof(
  fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
/** Also numbers that the schema has no name for. */
const ENUM = fc.oneof(fc.nat(4), fc.constantFrom(-1, 99));

const PUT = fc.record({
  key: BYTES,
  value: BYTES,
  lease: INT64,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
}).map((init) => create(PutRequestSchema, init));

const RANGE = fc.record({
  key: BYTES,
  rangeEnd: BYTES,
  limit: INT64,
  revision: INT64,
  sortOrder: ENUM,
  sortTarget: ENUM,
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  maxCreateRevision: INT64,
}).map((init) => create(RangeRequestSchema, init));

const DELETE = fc.record({ key: BYTES, rangeEnd: BYTES, prevKv: fc.boolean() })
  .map((init) => create(DeleteRangeRequestSchema, init));

const UNION = fc.oneof(
  INT64.map((value) => ({ case: "version" as const, value })),
  INT64.map((value) => ({ case: "lease" as const, value })),
  BYTES.map((value) => ({ case: "value" as const, value })),
  fc.constant({ case: undefined }),
);

const COMPARE = fc.record({
  result: ENUM,
  target: ENUM,
  key: BYTES,
  rangeEnd: BYTES,
  targetUnion: UNION,
}).map((init) => create(CompareSchema, init));

const { txn: TXN } = fc.letrec((tie) => {
  const ops = fc.array(tie("op"), { maxLength: 3 });
  return {
    op: fc.oneof(
      { maxDepth: 3 },
      PUT.map((value) => create(RequestOpSchema, { request: { case: "requestPut", value } })),
      RANGE.map((value) => create(RequestOpSchema, { request: { case: "requestRange", value } })),
      DELETE.map((value) =>
        create(RequestOpSchema, { request: { case: "requestDeleteRange", value } })
      ),
      fc.constant(create(RequestOpSchema)),
      tie("txn").map((value) =>
        // `letrec` does not know what it ties.
        create(RequestOpSchema, { request: { case: "requestTxn", value: value as never } })
      ),
    ),
    txn: fc.record({ compare: fc.array(COMPARE, { maxLength: 3 }), success: ops, failure: ops })
      .map((init) => create(TxnRequestSchema, init as never)), // As above.
  };
});

function assertSame(schema: DescMessage, bytes: Uint8Array): void {
  const expected = fromBinary(schema, bytes);
  assert.ok(equals(schema, decodeMessage(schema, bytes), expected), JSON.stringify([...bytes]));
}

Deno.test("decodeMessage() reads PutRequests and RangeRequests as protobuf-es does", () => {
  fc.assert(
    fc.property(PUT, (put) => assertSame(PutRequestSchema, toBinary(PutRequestSchema, put))),
  );
  fc.assert(
    fc.property(
      RANGE,
      (range) => assertSame(RangeRequestSchema, toBinary(RangeRequestSchema, range)),
    ),
  );
});

Deno.test("decodeMessage() reads nested TxnRequests as protobuf-es does", () => {
  fc.assert(
    fc.property(TXN, (txn) => {
      assertSame(TxnRequestSchema, toBinary(TxnRequestSchema, txn as never)); // See `letrec`.
    }),
    { numRuns: 200 },
  );
});

Deno.test("decodeMessage() reads lists of numbers, packed or not", () => {
  // `filters` is field 5 of WatchCreateRequest, which is field 1 of WatchRequest.
  const packed = Uint8Array.of(0x0a, 4, 0x2a, 2, 0, 1);
  const unpacked = Uint8Array.of(0x0a, 4, 0x28, 0, 0x28, 1);
  for (const bytes of [packed, unpacked]) {
    const { requestUnion } = decodeMessage(WatchRequestSchema, bytes);
    assert.equal(requestUnion.case, "createRequest");
    assert.ok(requestUnion.case === "createRequest");
    assert.deepEqual(requestUnion.value.filters, [0, 1]);
  }
});

Deno.test("decodeMessage() takes the last of a field that comes twice", () => {
  const twice = Buffer.concat([
    toBinary(PutRequestSchema, create(PutRequestSchema, { key: Uint8Array.of(1), lease: 3n })),
    toBinary(PutRequestSchema, create(PutRequestSchema, { key: Uint8Array.of(2) })),
  ]);
  const { key, lease } = decodeMessage(PutRequestSchema, twice);
  assert.deepEqual([[...key], lease], [[2], 3n]);
});

Deno.test("decodeMessage() skips fields that it does not know and those of another wire type", () => {
  const bytes = new BinaryWriter()
    .tag(1, WireType.Varint).uint32(7) // `key`, but as a number
    .tag(2, WireType.Bit32).fixed32(7) // `value`, likewise
    .tag(3, WireType.LengthDelimited).bytes(Uint8Array.of(1, 2)) // `lease`, but as bytes
    .tag(99, WireType.LengthDelimited).bytes(Uint8Array.of(3))
    .tag(98, WireType.Bit64).fixed64(1n)
    .tag(97, WireType.StartGroup).tag(1, WireType.Varint).uint32(1).tag(97, WireType.EndGroup)
    .tag(4, WireType.Varint).bool(true)
    .finish();
  const message = decodeMessage(PutRequestSchema, bytes);
  assert.ok(equals(PutRequestSchema, message, create(PutRequestSchema, { prevKv: true })));
});

Deno.test("decodeMessage() refuses a message that is cut off within a field", () => {
  fc.assert(
    fc.property(TXN, fc.nat(), (txn, at) => {
      const bytes = toBinary(TxnRequestSchema, txn as never); // See `letrec`.
      const cut = bytes.subarray(0, bytes.length === 0 ? 0 : at % bytes.length);
      // Cut between two fields it is a shorter message; all else is an error of ours, not a hang or a wrong message.
      try {
        decodeMessage(TxnRequestSchema, cut);
      } catch (error) {
        assert.ok(error instanceof Error);
        return;
      }
      assertSame(TxnRequestSchema, cut);
    }),
  );
  const put = toBinary(PutRequestSchema, create(PutRequestSchema, { value: new Uint8Array(200) }));
  for (let length = 1; length < put.length; length++) {
    assert.throws(() => decodeMessage(PutRequestSchema, put.subarray(0, length)));
  }
});

Deno.test("decodeMessage() refuses a field that is longer than the message that holds it", () => {
  // An operation of four bytes, with a put that takes eight more out of what is behind it.
  const overlong = Uint8Array.of(0x12, 4, 0x12, 10, 0x0a, 8, ...new Uint8Array(8));
  assert.throws(() => decodeMessage(TxnRequestSchema, overlong), RangeError);
  const packed = Uint8Array.of(0x0a, 3, 0x2a, 50, 0);
  assert.throws(() => decodeMessage(WatchRequestSchema, packed), RangeError);
});

Deno.test("decodeMessage() survives whatever bytes it is given", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeMessage(TxnRequestSchema, bytes);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }),
    { numRuns: 500 },
  );
});

/** A transaction within a transaction, so many times. */
function nested(depth: number): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < depth; i++) {
    const op = new BinaryWriter().tag(4, WireType.LengthDelimited).bytes(bytes).finish();
    bytes = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(op).finish();
  }
  return bytes;
}

Deno.test("decodeMessage() reads transactions nested as deep as they may be, and refuses deeper ones", () => {
  const { success } = decodeMessage(TxnRequestSchema, nested(TXN_OPS_MAX));
  assert.equal(success[0]?.request.case, "requestTxn");
  assert.throws(() => decodeMessage(TxnRequestSchema, nested(500)), /nested too deep/);
});
