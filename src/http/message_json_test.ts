import assert from "node:assert/strict";
import {
  create,
  type DescMessage,
  fromJson,
  type JsonValue,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { RangeResponseSchema, TxnResponseSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import { WatchCreateRequestSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import { GATEWAY_PATHS } from "./gateway_paths.ts";
import { escapeHtml, isLarge, jsonOfLargeMessage, jsonOfMessage } from "./message_json.ts";
import { ScalarType } from "@bufbuild/protobuf";

const DEPTH_MAX = 3;

/** Any JSON of a message type. */
function anyJson(schema: DescMessage, depth = 0): fc.Arbitrary<JsonValue> {
  const seen = new Set<string>();
  const fields: Record<string, fc.Arbitrary<JsonValue>> = {};
  for (const field of schema.fields) {
    // Of a choice the first that comes.
    if (field.oneof !== undefined && (field.message !== undefined && depth >= DEPTH_MAX)) continue;
    if (field.oneof !== undefined && seen.has(field.oneof.name)) continue;
    if (field.message !== undefined && depth >= DEPTH_MAX) continue;
    if (field.oneof !== undefined) seen.add(field.oneof.name);
    const one = field.message !== undefined
      ? anyJson(field.message, depth + 1)
      : field.enum !== undefined
      ? fc.constantFrom<JsonValue>(...field.enum.values.map(({ name }) => name), 99)
      : anyScalar(field.scalar);
    fields[field.name] = field.fieldKind === "list" ? fc.array(one, { maxLength: 3 }) : one;
  }
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<JsonValue>;
}

function anyScalar(type: ScalarType | undefined): fc.Arbitrary<JsonValue> {
  switch (type) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return fc.string({ unit: "binary", maxLength: 5 });
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 5 }).map((bytes) => bytes.toBase64());
    case ScalarType.INT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    case ScalarType.UINT32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    default:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  }
}

Deno.test("jsonOfMessage() writes every answer as protobuf's own JSON", async () => {
  const outputs = new Set([...GATEWAY_PATHS.values()].map(({ output }) => output));
  // For a list of enums.
  outputs.add(WatchCreateRequestSchema);
  for (const schema of outputs) {
    await fc.assert(
      fc.asyncProperty(anyJson(schema), async (json) => {
        const message = fromJson(schema, json);
        const bytes = toBinary(schema, message);
        const expected = toJsonString(schema, message, { useProtoFieldName: true });
        assert.equal(jsonOfMessage(schema, [bytes]), expected);
        const half = bytes.length >> 1;
        const parts = [bytes.subarray(0, half), bytes.subarray(half)];
        assert.equal(await jsonOfLargeMessage(schema, parts), expected);
      }),
      { numRuns: 30 },
    );
  }
});

Deno.test("jsonOfMessage() puts fields in order, whatever order they came in", () => {
  const header = toBinary(RangeResponseSchema, create(RangeResponseSchema, { header: {} }));
  const rest = toBinary(
    RangeResponseSchema,
    create(RangeResponseSchema, { more: true, count: 3n }),
  );
  assert.equal(
    jsonOfMessage(RangeResponseSchema, [rest, header]),
    '{"header":{},"more":true,"count":"3"}',
  );
});

Deno.test("jsonOfMessage() drops what it does not know", () => {
  const unknown = new Uint8Array([
    0xf8,
    0x01,
    0x05,
    0xf9,
    0x01,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0xfa,
    0x01,
    1,
    7,
  ]);
  assert.equal(jsonOfMessage(TxnResponseSchema, [unknown]), "{}");
});

Deno.test("jsonOfLargeMessage() lets others run", async () => {
  const kv = { key: new Uint8Array(8), value: new Uint8Array(1_000) };
  const message = create(RangeResponseSchema, { kvs: Array.from({ length: 2_000 }, () => kv) });
  const parts = [toBinary(RangeResponseSchema, message)];
  assert.ok(isLarge(parts));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const json = await jsonOfLargeMessage(RangeResponseSchema, parts);
  clearInterval(timer);
  assert.equal(json, toJsonString(RangeResponseSchema, message, { useProtoFieldName: true }));
  assert.ok(turns > 0);
});

Deno.test("escapeHtml() escapes as Go does", () => {
  assert.equal(escapeHtml('{"a":"<b>&\u2028"}'), '{"a":"\\u003cb\\u003e\\u0026\\u2028"}');
});
