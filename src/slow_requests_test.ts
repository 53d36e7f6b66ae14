import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
} from "../gen/etcdserverpb/kv_pb.ts";
import { SLOW_LINES_MAX, SLOW_WINDOW_MS, SlowRequests } from "./slow_requests.ts";
import type { CallFacts } from "./transport/calls.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

class Rig {
  nowMs = 0;
  readonly lines: { message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  readonly timers: (() => void)[] = [];
  readonly slow = new SlowRequests({
    expectedMs: 300,
    now: () => this.nowMs,
    log: (_level, message, fields = {}) => this.lines.push({ message, fields }),
    later: (_ms, call) => {
      this.timers.push(call);
      return () => this.timers.splice(this.timers.indexOf(call), 1);
    },
  });

  add(path: string, facts: Partial<CallFacts> = {}, code = 0): void {
    const given = { requestMessage: undefined, responseMessage: undefined, ...facts };
    const peer = "127.0.0.1:5000";
    this.slow.add({ path, code, durationMs: 400.4, facts: { peer, ...given } });
  }
}

Deno.test("a slow range is told with its keys and how many it answered", () => {
  const rig = new Rig();
  const request = create(RangeRequestSchema, { key: bytes("a/"), rangeEnd: bytes("a0") });
  const response = create(RangeResponseSchema, { kvs: [{ key: bytes("a/1") }], count: 1n });
  const encoded = toBinary(RangeResponseSchema, response);
  rig.add("/etcdserverpb.KV/Range", {
    requestMessage: toBinary(RangeRequestSchema, request),
    responseMessage: [encoded.subarray(0, 3), encoded.subarray(3)],
  });
  assert.deepEqual(rig.lines, [{
    message: "apply request took too long",
    fields: {
      path: "/etcdserverpb.KV/Range",
      tookMs: 400,
      expectedMs: 300,
      remote: "127.0.0.1:5000",
      requestBytes: 8,
      key: "a/",
      rangeEnd: "a0",
      responseBytes: encoded.byteLength,
      responseCount: 1,
    },
  }]);
});

Deno.test("a slow put is told without its value, and a key of any bytes", () => {
  const rig = new Rig();
  const put = create(PutRequestSchema, {
    key: new Uint8Array([0, 0x61, 0xff]),
    value: bytes("secret"),
  });
  rig.add("/etcdserverpb.KV/Put", { requestMessage: toBinary(PutRequestSchema, put) }, 14);
  const [line] = rig.lines;
  assert.equal(line?.fields["key"], "\\x00a\\xff");
  assert.equal(line?.fields["code"], 14);
  assert.doesNotMatch(JSON.stringify(line), /secret/);
});

Deno.test("a request that is no message, and one of another service, are told by their size", () => {
  const rig = new Rig();
  rig.add("/etcdserverpb.KV/Put", { requestMessage: new Uint8Array([0xff]) }, 13);
  rig.add("/etcdserverpb.Auth/UserAdd", { requestMessage: bytes("secret") });
  assert.deepEqual(rig.lines.map(({ fields }) => fields["requestBytes"]), [1, 6]);
  assert.doesNotMatch(JSON.stringify(rig.lines), /secret/);
});

Deno.test("a long key is cut", () => {
  const rig = new Rig();
  const range = create(RangeRequestSchema, { key: bytes("k".repeat(1_000)) });
  rig.add("/etcdserverpb.KV/Range", { requestMessage: toBinary(RangeRequestSchema, range) });
  assert.match(String(rig.lines[0]?.fields["key"]), /^k{128}… \(1000 bytes\)$/);
});

Deno.test("lines are bounded, and those left out are counted", () => {
  const rig = new Rig();
  for (let i = 0; i < SLOW_LINES_MAX + 5; i++) rig.add("/etcdserverpb.KV/Txn");
  assert.equal(rig.lines.length, SLOW_LINES_MAX);
  rig.nowMs = SLOW_WINDOW_MS;
  rig.timers.pop()?.();
  assert.deepEqual(rig.lines.at(-1)?.fields, { notLogged: 5 });
  rig.add("/etcdserverpb.KV/Txn");
  assert.equal(rig.lines.length, SLOW_LINES_MAX + 2);
  assert.deepEqual(rig.timers, []);
});

Deno.test("what was left out is told at the end", () => {
  const rig = new Rig();
  for (let i = 0; i < SLOW_LINES_MAX + 1; i++) rig.add("/etcdserverpb.KV/Txn");
  rig.slow[Symbol.dispose]();
  assert.deepEqual(rig.lines.at(-1)?.fields, { notLogged: 1 });
  assert.deepEqual(rig.timers, []);
});
