import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  create,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { AuthRoleGrantPermissionRequestSchema } from "../../gen/etcdserverpb/auth_pb.ts";
import { MemberAddRequestSchema } from "../../gen/etcdserverpb/cluster_pb.ts";
import { RangeRequestSchema, TxnRequestSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import { WatchRequestSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import { MESSAGE_DEPTH_MAX } from "../limits.ts";
import { GATEWAY_PATHS } from "./gateway_paths.ts";
import { messageOfJson } from "./json_message.ts";

/** The message as protobuf-es reads it from the wire. */
function read(schema: DescMessage, json: string) {
  return fromBinary(schema, messageOfJson(schema, Buffer.from(json)));
}

Deno.test("messageOfJson() reads what protobuf's own JSON says", () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  const bytes = fc.uint8Array({ maxLength: 9 }).map((value) =>
    Buffer.from(value).toString("base64")
  );
  const put = fc.record({ key: bytes, value: bytes, lease: int64, prevKv: fc.boolean() }, {
    requiredKeys: [],
  });
  const range = fc.record({
    key: bytes,
    limit: int64,
    sort_order: fc.constantFrom("NONE", "ASCEND", "DESCEND"),
  }, { requiredKeys: [] });
  const op = fc.oneof(
    put.map((value) => ({ request_put: value })),
    range.map((value) => ({ requestRange: value })),
    fc.constant({}),
  );
  const compare = fc.oneof(
    fc.record({ key: bytes, result: fc.constantFrom("EQUAL", "LESS"), version: int64 }),
    fc.record({ key: bytes, target: fc.constant("VALUE"), value: bytes }),
  );
  const txn = fc.record({
    compare: fc.array(compare),
    success: fc.array(op),
    failure: fc.array(op),
  });
  fc.assert(fc.property(txn, (json) => {
    const expected = fromJson(TxnRequestSchema, json as JsonValue);
    const actual = messageOfJson(TxnRequestSchema, Buffer.from(JSON.stringify(json, null, 1)));
    assert.deepEqual(
      toJson(TxnRequestSchema, fromBinary(TxnRequestSchema, actual)),
      toJson(TxnRequestSchema, expected),
    );
    // Neither defaults nor anything else is added, as the length counts against limits.
    assert.equal(actual.length, toBinary(TxnRequestSchema, expected).length);
  }));
});

Deno.test("messageOfJson() takes lists of text, of enums and of messages", () => {
  const watch = read(
    WatchRequestSchema,
    '{"createRequest":{"key":"YQ","filters":["NOPUT",1,"NO_SUCH","NODELETE"]}}',
  );
  assert.deepEqual(toJson(WatchRequestSchema, watch as never), {
    createRequest: { key: "YQ==", filters: ["NOPUT", "NODELETE", "NODELETE"] },
  });
  const member = read(MemberAddRequestSchema, '{"peerURLs":["a","","\\u00e9"],"isLearner":true}');
  assert.deepEqual(toJson(MemberAddRequestSchema, member as never), {
    peerURLs: ["a", "", "é"],
    isLearner: true,
  });
  const grant = read(
    AuthRoleGrantPermissionRequestSchema,
    '{"name":"r","perm":{"permType":"READWRITE","key":"YQ=="}}',
  );
  assert.deepEqual(toJson(AuthRoleGrantPermissionRequestSchema, grant as never), {
    name: "r",
    perm: { permType: "READWRITE", key: "YQ==" },
  });
});

Deno.test("messageOfJson() leaves out defaults, but in a choice", () => {
  assert.equal(messageOfJson(RangeRequestSchema, Buffer.from('{"key":"","limit":"0"}')).length, 0);
  const compare = '{"compare":[{"version":"0"}]}';
  assert.deepEqual(
    [...messageOfJson(TxnRequestSchema, Buffer.from(compare))],
    [...toBinary(
      TxnRequestSchema,
      create(TxnRequestSchema, { compare: [{ targetUnion: { case: "version", value: 0n } }] }),
    )],
  );
});

Deno.test("messageOfJson() refuses messages that are nested without end", () => {
  const nested = (depth: number) =>
    `${'{"success":[{"request_txn":'.repeat(depth)}{}${"}]}".repeat(depth)}`;
  const deepest = Math.floor(MESSAGE_DEPTH_MAX / 2) - 1;
  messageOfJson(TxnRequestSchema, Buffer.from(nested(deepest)));
  assert.throws(() => messageOfJson(TxnRequestSchema, Buffer.from(nested(deepest + 1))), {
    message: "proto: exceeded max recursion depth",
  });
  // What is passed over may be nested, but costs no stack.
  const unknown = `{"no_such":${"[".repeat(9_000)}${"]".repeat(9_000)}}`;
  assert.equal(messageOfJson(TxnRequestSchema, Buffer.from(unknown)).length, 0);
});

Deno.test("every request of the gateway has only fields that can be read", () => {
  const seen = new Set<DescMessage>();
  const visit = (schema: DescMessage) => {
    if (seen.has(schema)) return;
    seen.add(schema);
    for (const field of schema.fields) {
      assert.notEqual(field.fieldKind, "map", `${schema.typeName}.${field.name}`);
      if (field.message !== undefined) visit(field.message);
      else if (field.enum === undefined) {
        const value = JSON.stringify(field.fieldKind === "list" ? [] : null);
        messageOfJson(schema, Buffer.from(`{"${field.name}":${value}}`));
      }
    }
  };
  for (const { input } of GATEWAY_PATHS.values()) visit(input);
  assert.ok(seen.size > 40);
});
