import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { GRPC } from "../errors.ts";
import type { Method } from "./call.ts";
import { STREAM_BUFFER_BYTES_MAX } from "./stream_call.ts";
import { EchoClient, frame, RawClient, startEchoServer } from "./testing/echo_server.ts";

Deno.test("a bidirectional call echoes every message, in order", async () => {
  await using server = await startEchoServer();
  using client = new EchoClient(server.address);
  const { call, outcome } = client.bidi("Bidi");
  for (let i = 0; i < 2_000; i++) call.write(Buffer.from(`message ${i}`));
  call.end();
  const { code, messages } = await outcome;
  assert.equal(code, GRPC.OK);
  assert.deepEqual(messages.map(String), messages.map((_, i) => `message ${i}`));
  assert.equal(messages.length, 2_000);
});

Deno.test("half-closing does not end a call whose handler goes on", async () => {
  await using server = await startEchoServer();
  using client = new EchoClient(server.address);
  const { call, outcome } = client.bidi("WaitStream");
  call.end();
  const { aborted } = await server.nextWaiting();
  call.cancel();
  assert.match(String(await aborted), /context canceled/);
  assert.equal((await outcome).code, GRPC.CANCELLED);
});

Deno.test("a stream's status comes after what was sent, as gRPC encodes it", async () => {
  await using server = await startEchoServer();
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

Deno.test("a stream's deadline aborts its handler", async () => {
  await using server = await startEchoServer();
  await using raw = new RawClient(server.address);
  const call = raw.call("WaitStream", frame(""), { headers: { "grpc-timeout": "20m" } });
  const { aborted } = await server.nextWaiting();
  assert.match(String(await aborted), /context deadline exceeded/);
  assert.equal((await call).headers["grpc-message"], "context deadline exceeded");
});

Deno.test("the first of repeated headers is the one that a stream's handler sees", async () => {
  await using server = await startEchoServer();
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

Deno.test("send() tells when a client does not read, and drained() when it does again", async () => {
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
    grpc: { methods: new Map([["/test.Echo/Flood", flood]]) },
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
