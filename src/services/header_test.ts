import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { create, equals, fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ResponseHeaderSchema } from "../../gen/etcdserverpb/header_pb.ts";
import { PutResponseSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import { Bytes, varintSize } from "../wire/bytes.ts";
import { HeaderEncoder, type ServerIdentity } from "./header.ts";

const ID = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
const IDENTITY: fc.Arbitrary<ServerIdentity> = fc.record({
  clusterId: ID,
  memberId: ID,
  raftTerm: fc.integer({ min: 1, max: 2 ** 32 }),
});
const REVISION = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);

function written(encoder: HeaderEncoder, revision: number): Uint8Array {
  const size = encoder.size(revision);
  const out = new Bytes(Buffer.alloc(1 + varintSize(size) + size, 0xff));
  encoder.write(out, revision);
  assert.equal(out.offset, out.buffer.length, "size() is what write() takes");
  return out.buffer;
}

Deno.test("HeaderEncoder writes size() bytes that protobuf reads as the header, at every revision", () => {
  fc.assert(fc.property(IDENTITY, REVISION, (identity, revision) => {
    const encoder = new HeaderEncoder(identity);
    // Every response has its header as field 1.
    const { header } = fromBinary(PutResponseSchema, written(encoder, revision));
    const expected = create(ResponseHeaderSchema, encoder.message(revision));
    assert.ok(header !== undefined && equals(ResponseHeaderSchema, header, expected));
    assert.equal(header.revision, BigInt(revision));
    assert.equal(header.clusterId, identity.clusterId);
    assert.equal(header.memberId, identity.memberId);
    assert.equal(header.raftTerm, BigInt(identity.raftTerm));
  }));
});

Deno.test("HeaderEncoder.size() has no room for a revision of 0", () => {
  const encoder = new HeaderEncoder({ clusterId: 1n, memberId: 2n, raftTerm: 3 });
  assert.deepEqual([encoder.size(0), encoder.size(1), encoder.size(128)], [6, 8, 9]);
  assert.deepEqual([...written(encoder, 0)], [0x0a, 6, 0x08, 1, 0x10, 2, 0x20, 3]);
});
