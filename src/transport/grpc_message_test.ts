import assert from "node:assert/strict";
import { encodeGrpcMessage } from "./grpc_message.ts";

Deno.test("encodeGrpcMessage() leaves printable ASCII as it is", () => {
  const text = 'etcdserver: mvcc: a "text" (1 vs. 2) ~!';
  assert.equal(encodeGrpcMessage(text), text);
});

Deno.test("encodeGrpcMessage() encodes percent signs, control characters and other scripts", () => {
  assert.equal(encodeGrpcMessage("100 %\n"), "100 %25%0A");
  assert.equal(encodeGrpcMessage("é✓"), "%C3%A9%E2%9C%93");
  assert.equal(encodeGrpcMessage("\ud800"), "%EF%BF%BD");
});

Deno.test("encodeGrpcMessage() cuts a text that no header could carry", () => {
  assert.equal(encodeGrpcMessage("x".repeat(1_000_000)).length, 4_096);
});
