import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { RangeRequestSchema, RangeResponseSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import { message } from "../support/message_init.ts";
import { frame, rawCall } from "../support/raw_call.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { keysOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const RANGE = "/etcdserverpb.KV/Range";
const PUT = "/etcdserverpb.KV/Put";
const KEY_A = new Uint8Array([0x0a, 1, 0x61]);

const MALFORMED = {
  "a tag without an end": [0xff],
  "a length beyond the end": [0x0a, 5, 1],
  "field number zero": [0x00, 1],
  "the end of a group that never began": [0x0c],
  "a number of more than 64 bits": [0x18, ...new Array<number>(10).fill(0xff), 1],
} as const;

// Go's protobuf library varies the blank after "proto:" from build to build, so that nobody relies
// on the text.
const MALFORMED_REQUEST = [
  CODE.INTERNAL,
  /^grpc: error unmarshalling request: proto:\s/,
] as const;
const MALFORMED_MESSAGE = /^grpc: failed to unmarshal the received message: proto:\s/;

serviceTest(
  "Errors: a malformed message is an internal error",
  async ({ client: { connection } }) => {
    for (const bytes of Object.values(MALFORMED)) {
      await assertFails(connection.unaryBytes(PUT, new Uint8Array(bytes)), MALFORMED_REQUEST);
    }
    const bad = new Uint8Array([0xff]);
    await assertFails(connection.unaryBytes(RANGE, bad), MALFORMED_REQUEST);
    await assertFails(
      connection.unaryBytes("/etcdserverpb.Lease/LeaseGrant", bad),
      MALFORMED_REQUEST,
    );
    const badOperation = new Uint8Array([0x12, 1, 0xff]);
    await assertFails(
      connection.unaryBytes("/etcdserverpb.KV/Txn", badOperation),
      MALFORMED_REQUEST,
    );
  },
);

serviceTest("Errors: a malformed message ends a stream with an internal error", async (t) => {
  const { watch, lease } = t.client;
  for (const open of [() => watch.watch(), () => lease.leaseKeepAlive()]) {
    using stream = open();
    stream.sendBytes(new Uint8Array([0xff]));
    const { code, details } = await stream.end();
    assert.equal(code, CODE.INTERNAL);
    assert.match(details, MALFORMED_MESSAGE);
  }
});

serviceTest("Errors: unknown fields are skipped, of a repeated one the last counts", async (t) => {
  const { client: { connection, kv } } = t;
  await kv.put({ key: "b", value: "1" });
  const unknown = [0xf8, 0x07, 1];
  const group = [0xfb, 0x07, ...unknown, 0xfc, 0x07];
  const request = new Uint8Array([...KEY_A, ...unknown, ...group, 0x0a, 1, 0x62]);
  const answer = fromBinary(RangeResponseSchema, await connection.unaryBytes(RANGE, request));
  assert.deepEqual(keysOf(answer), ["b"]);
});

serviceTest("Errors: a field of the wrong wire type is an unknown one", async ({ client }) => {
  await assertFails(
    client.connection.unaryBytes(PUT, new Uint8Array([0x08, 1])),
    [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"],
  );
});

serviceTest(
  "Errors: unknown services and methods are unimplemented",
  async ({ client: { connection } }) => {
    await assertFails(
      connection.unaryBytes("/etcdserverpb.KV/Nope", KEY_A),
      [CODE.UNIMPLEMENTED, "unknown method Nope for service etcdserverpb.KV"],
    );
    await assertFails(
      connection.unaryBytes("/no.Such/Service", KEY_A),
      [CODE.UNIMPLEMENTED, "unknown service no.Such"],
    );
  },
);

serviceTest("Errors: the server works on after errors of all kinds", async (t) => {
  const { client: { connection, kv }, key } = t;
  const failing = [
    ...Object.values(MALFORMED).map((bytes) => connection.unaryBytes(PUT, new Uint8Array(bytes))),
    connection.unaryBytes("/etcdserverpb.KV/Nope", KEY_A),
    kv.range({}),
    kv.put({ key: key("a"), value: new Uint8Array(3_000_000) }),
  ];
  for (const { status } of await Promise.allSettled(failing)) assert.equal(status, "rejected");
  await kv.put({ key: key("a"), value: "1" });
  assert.equal((await kv.range({ key: key("a") })).count, 1n);
});

/** Asks for a key, with headers of the test's choice, and gives status and text. */
async function statusWith(t: ServiceTestContext, headers: Record<string, string>) {
  const { trailers } = await rawCall(t.endpoint.address, {
    path: RANGE,
    headers,
    body: frame(KEY_A),
  });
  return [trailers["grpc-status"], trailers["grpc-message"] ?? ""];
}

serviceTest("Errors: a client API version that is no UTF-8 is refused", async (t) => {
  assert.deepEqual(await statusWith(t, { "client-api-version": "\xff\xfe" }), [
    "3",
    "etcdserver: invalid client api version",
  ]);
  assert.deepEqual(await statusWith(t, { "client-api-version": "3.7.1" }), ["0", ""]);
  assert.deepEqual(await statusWith(t, { "client-api-version": "anything" }), ["0", ""]);
});

serviceTest("Errors: metadata that clients send is taken without auth as well", async (t) => {
  assert.deepEqual(await statusWith(t, { hasleader: "true" }), ["0", ""]);
  assert.deepEqual(await statusWith(t, { token: "stale.1" }), ["0", ""]);
  assert.deepEqual(await statusWith(t, { authorization: "Bearer stale.1" }), ["0", ""]);
  assert.deepEqual(await statusWith(t, { "x-unknown-bin": "AAEC" }), ["0", ""]);
  assert.deepEqual(await statusWith(t, { "content-type": "application/grpc+proto" }), ["0", ""]);
});

serviceTest("Errors: a deadline that has passed is deadline exceeded", async (t) => {
  assert.deepEqual(await statusWith(t, { "grpc-timeout": "0n" }), [
    "4",
    "context deadline exceeded",
  ]);
  for (const timeout of ["99999999n", "10000000u", "10000m", "10S", "10M", "10H", "99999999H"]) {
    assert.deepEqual(await statusWith(t, { "grpc-timeout": timeout }), ["0", ""]);
  }
});

serviceTest("Errors: a malformed timeout is an internal error", async (t) => {
  for (const timeout of ["abc", "123456789S", "5", "-1S", "1s"]) {
    const [code, text] = await statusWith(t, { "grpc-timeout": timeout });
    assert.equal(code, "13");
    assert.match(String(text), /^malformed grpc-timeout: /);
  }
});

serviceTest("Errors: an encoding that nobody knows is unimplemented", async (t) => {
  assert.deepEqual(await statusWith(t, { "grpc-encoding": "deflated" }), [
    "12",
    'grpc: Decompressor is not installed for grpc-encoding "deflated"',
  ]);
  assert.deepEqual(await statusWith(t, { "grpc-encoding": "identity" }), ["0", ""]);
});

serviceTest("Errors: a compressed message without an encoding is an internal error", async (t) => {
  const { trailers } = await rawCall(t.endpoint.address, {
    path: RANGE,
    body: frame(KEY_A, { compressed: true }),
  });
  assert.deepEqual([trailers["grpc-status"], trailers["grpc-message"]], [
    "13",
    "grpc: compressed flag set with identity or empty encoding",
  ]);
});

serviceTest("Errors: requests may be gzipped", async (t) => {
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  const request = toBinary(RangeRequestSchema, message(RangeRequestSchema, { key: t.key("a") }));
  const answer = await rawCall(t.endpoint.address, {
    path: RANGE,
    headers: { "grpc-encoding": "gzip", "grpc-accept-encoding": "gzip,identity" },
    body: frame(gzipSync(request), { compressed: true }),
  });
  assert.equal(answer.trailers["grpc-status"], "0");
  // The answer may be compressed too, or not.
  const payload = answer.body.slice(5);
  const bytes = answer.body[0] === 1 ? new Uint8Array(gunzipSync(payload)) : payload;
  assert.deepEqual(keysOf(fromBinary(RangeResponseSchema, bytes)), [t.key("a")]);
});
