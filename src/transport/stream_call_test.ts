import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { GRPC } from "../errors.ts";
import type { Method } from "./call.ts";
import { STREAM_BUFFER_BYTES_MAX } from "./stream_path.ts";
import {
  EchoClient,
  frame,
  MAX_RECEIVE_BYTES,
  RawClient,
  startEchoServer,
} from "./testing/echo_server.ts";

/** One fact, on both ways of streaming calls. */
function fact(name: string, check: (grpc: { hotPath: boolean }) => Promise<void>): void {
  for (const hotPath of [true, false]) {
    Deno.test(`${name} (${hotPath ? "stream path" : "grpc-js"})`, () => check({ hotPath }));
  }
}

fact("a bidirectional call echoes every message, in order", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  using client = new EchoClient(server.address);
  const { call, outcome } = client.bidi("Bidi");
  for (let i = 0; i < 2_000; i++) call.write(Buffer.from(`message ${i}`));
  call.end();
  const { code, messages } = await outcome;
  assert.equal(code, GRPC.OK);
  assert.deepEqual(messages.map(String), messages.map((_, i) => `message ${i}`));
  assert.equal(messages.length, 2_000);
});

fact("half-closing does not end a call whose handler goes on", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  using client = new EchoClient(server.address);
  const { call, outcome } = client.bidi("WaitStream");
  call.end();
  const { aborted } = await server.nextWaiting();
  call.cancel();
  assert.match(String(await aborted), /context canceled/);
  assert.equal((await outcome).code, GRPC.CANCELLED);
});

fact("a stream's status comes after what was sent, as gRPC encodes it", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  using client = new EchoClient(server.address);
  const { code, details, messages } = await client.bidi("FailStream").outcome;
  assert.deepEqual(
    [code, details, messages.join()],
    [GRPC.OUT_OF_RANGE, "100 % über", "first"],
  );
  await using raw = new RawClient(server.address);
  // The client never half-closes; the server ends the call all the same.
  const { headers } = await raw.call("FailStream", frame(""), { leaveOpen: true });
  assert.equal(headers["grpc-message"], "100 %25 %C3%BCber");
});

fact("a stream's deadline aborts its handler", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  await using raw = new RawClient(server.address);
  const call = raw.call("WaitStream", frame(""), { headers: { "grpc-timeout": "20m" } });
  const { aborted } = await server.nextWaiting();
  assert.match(String(await aborted), /context deadline exceeded/);
  assert.equal((await call).headers["grpc-message"], "context deadline exceeded");
});

fact("the first of repeated headers is the one that a stream's handler sees", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  await using raw = new RawClient(server.address);
  const stream = raw.session.request({
    ":method": "POST",
    ":path": "/test.Echo/WaitStream",
    "content-type": "application/grpc",
    token: ["one", "two"],
  });
  stream.on("error", () => {});
  const { context } = await server.nextWaiting();
  assert.equal(context.metadata("token"), "one");
});

fact("send() tells when a client does not read, and drained() when it does again", async (grpc) => {
  const bounds: { sent: number; buffered: number }[] = [];
  const { promise: isFull, resolve: full } = Promise.withResolvers<void>();
  const flood: Method = {
    kind: "bidi",
    async handle(call) {
      const message = [new Uint8Array(10_000)];
      let sent = 0;
      for (let round = 0; round < 2; round++) {
        while (call.send(message)) sent++;
        bounds.push({ sent, buffered: call.bufferedBytes });
        full();
        await call.drained();
        assert.ok(call.bufferedBytes < STREAM_BUFFER_BYTES_MAX);
      }
    },
  };
  await using server = await startEchoServer({
    grpc: { ...grpc, methods: new Map([["/test.Echo/Flood", flood]]) },
  });
  await using raw = new RawClient(server.address);
  const stream = raw.session.request({
    ":method": "POST",
    ":path": "/test.Echo/Flood",
    "content-type": "application/grpc",
  });
  stream.pause();
  await isFull;
  const [first] = bounds;
  assert.ok(first !== undefined && first.buffered >= STREAM_BUFFER_BYTES_MAX);
  assert.ok(first.buffered < STREAM_BUFFER_BYTES_MAX + 10_000);
  stream.resume();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  stream.on("close", () => resolve());
  await closed;
  assert.equal(bounds.length, 2);
});

fact("a stream's message over the limit ends it before it has arrived", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  await using raw = new RawClient(server.address);
  const text = "grpc: received message larger than max (2097153 vs. 2097152)";
  const prefix = frame(Buffer.alloc(MAX_RECEIVE_BYTES + 1)).subarray(0, 5);
  const { headers } = await raw.call("Bidi", prefix, { leaveOpen: true });
  assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["8", text]);
});

fact("a server-streaming call takes exactly one message", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  await using raw = new RawClient(server.address);
  const cases: [Uint8Array, RegExp][] = [
    [Buffer.concat([frame("a"), frame("b")]), /received multiple request messages/],
    [new Uint8Array(), /received no request message/],
  ];
  for (const [body, text] of cases) {
    const { headers } = await raw.call("Repeat", body);
    assert.equal(headers["grpc-status"], "13");
    assert.match(String(headers["grpc-message"]), text);
  }
});

fact("a stream's large messages arrive whole and in order", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  using client = new EchoClient(server.address);
  const { call, outcome } = client.bidi("Bidi");
  const sizes = [0, 100_000, 3, MAX_RECEIVE_BYTES, 65_531, 65_536, 20_000, 1];
  for (const [index, size] of sizes.entries()) call.write(Buffer.alloc(size, index));
  call.end();
  const { code, messages } = await outcome;
  assert.equal(code, GRPC.OK);
  assert.deepEqual(messages.map(({ length }) => length), sizes);
  for (const [index, message] of messages.entries()) {
    assert.ok(message.equals(Buffer.alloc(message.length, index)));
  }
});

fact("a compressed stream is read", async (grpc) => {
  await using server = await startEchoServer({ grpc });
  await using raw = new RawClient(server.address);
  const { headers, body } = await raw.call("Bidi", frame(gzipSync("hello"), 1), {
    headers: { "grpc-encoding": "gzip" },
  });
  assert.equal(headers["grpc-status"], "0");
  assert.ok(body.equals(frame("hello")));
});

fact("a handler that leaves without a word ends its call", async (grpc) => {
  const methods = new Map<string, Method>([
    ["/test.Echo/Leave", { kind: "bidi", handle: () => Promise.resolve() }],
  ]);
  await using server = await startEchoServer({ grpc: { ...grpc, methods } });
  await using raw = new RawClient(server.address);
  const { headers } = await raw.call("Leave", frame("x"), { leaveOpen: true });
  assert.equal(headers["grpc-status"], "0");
});
