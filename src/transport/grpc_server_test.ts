/** The server as gRPC clients see it; the same with unary calls on the unary path and through grpc-js. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { GRPC } from "../errors.ts";
import {
  EchoClient,
  type EchoServer,
  frame,
  MAX_RECEIVE_BYTES,
  RawClient,
  startEchoServer,
} from "./testing/echo_server.ts";

interface Fixture {
  readonly server: EchoServer;
  readonly client: EchoClient;
  readonly raw: RawClient;
}

/** One fact, on both ways of unary calls. */
function fact(name: string, check: (fixture: Fixture) => Promise<void>): void {
  for (const hotPath of [true, false]) {
    Deno.test(`${name} (${hotPath ? "unary path" : "grpc-js"})`, async () => {
      await using server = await startEchoServer({ grpc: { hotPath } });
      using client = new EchoClient(server.address);
      await using raw = new RawClient(server.address);
      await check({ server, client, raw });
    });
  }
}

fact("unary calls are answered with what their handler returned", async ({ client }) => {
  for (const method of ["Sync", "Async"]) {
    for (const size of [0, 1, 1_000, 20_000, 300_000, MAX_RECEIVE_BYTES]) {
      const { code, messages } = await client.unary(method, Buffer.alloc(size, "x"));
      assert.equal(code, GRPC.OK);
      assert.ok(messages[0]?.equals(Buffer.alloc(size, "x")), `${method} ${size}`);
    }
  }
});

fact("an answer in parts arrives as one message", async ({ client }) => {
  const { messages } = await client.unary("Parts", "");
  const expected = [Buffer.alloc(40_000, 1), Buffer.from("|"), Buffer.alloc(9, 2)];
  assert.ok(messages[0]?.equals(Buffer.concat(expected)));
});

fact("many calls at once each get their own answer", async ({ client }) => {
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, i) => client.unary("Async", `call ${i}`)),
  );
  assert.deepEqual(
    answers.map(({ messages }) => messages.join()),
    answers.map((_, i) => `call ${i}`),
  );
});

fact("a handler knows metadata, authority and peer", async ({ server, client }) => {
  const { messages } = await client.unary("Context", "", { metadata: { token: "root.7" } });
  const [token, authority, peer] = JSON.parse(messages.join());
  assert.equal(token, "root.7");
  assert.equal(authority, server.address);
  assert.match(peer, /^127\.0\.0\.1:\d+$/);
});

fact("a thrown status reaches the client, whatever its text", async ({ client }) => {
  for (const text of ["etcdserver: key not found", "50 % über\n", ""]) {
    const { code, details } = await client.unary("Fail", text);
    assert.deepEqual([code, details], [GRPC.NOT_FOUND, text]);
  }
});

fact("spaces in a status text are sent as they are", async ({ raw }) => {
  const { headers } = await raw.call("Fail", frame("a text: 1%"));
  assert.equal(headers["grpc-message"], "a text: 1%25");
});

fact("a defect is an internal error without details, and reported", async ({ server, client }) => {
  const { code, details } = await client.unary("Defect", "");
  assert.deepEqual([code, details], [GRPC.INTERNAL, "internal error"]);
  assert.deepEqual(server.defects.map(({ path }) => path), ["/test.Echo/Defect"]);
});

fact("an unknown method or service is Unimplemented, in known words", async ({ client, raw }) => {
  const { code, details } = await client.unary("Nope", "");
  assert.equal(code, GRPC.UNIMPLEMENTED);
  assert.equal(details, "unknown method Nope for service test.Echo");
  for (
    const [path, text] of [
      ["/other.Service/Nope", "unknown service other.Service"],
      ["/nope", 'malformed method name: "/nope"'],
    ] as const
  ) {
    const { headers } = await raw.call("", frame(""), { headers: { ":path": path } });
    assert.equal(headers["grpc-status"], "12");
    assert.equal(headers["grpc-message"], text);
  }
});

fact("a message over the limit is refused before it has arrived", async ({ client, raw }) => {
  const text = "grpc: received message larger than max (2097153 vs. 2097152)";
  for (let i = 0; i < 5; i++) {
    const { code, details } = await client.unary("Sync", Buffer.alloc(MAX_RECEIVE_BYTES + 1));
    assert.deepEqual([code, details], [GRPC.RESOURCE_EXHAUSTED, text]);
  }
  const prefix = frame(Buffer.alloc(MAX_RECEIVE_BYTES + 1)).subarray(0, 5);
  const { headers } = await raw.call("Sync", prefix, { leaveOpen: true });
  assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["8", text]);
  // The connection lives on, with its flow control intact.
  assert.equal((await client.unary("Sync", Buffer.alloc(MAX_RECEIVE_BYTES))).code, GRPC.OK);
});

fact("a request that is not one plain message is refused", async ({ raw }) => {
  const cases: [Uint8Array, RegExp][] = [
    [Buffer.concat([frame("a"), frame("b")]), /received multiple request messages/],
    [new Uint8Array(), /received no request message/],
  ];
  for (const [body, text] of cases) {
    const { headers } = await raw.call("Sync", body);
    assert.equal(headers["grpc-status"], "13");
    assert.match(String(headers["grpc-message"]), text);
  }
});

fact("an encoding that is not supported is Unimplemented", async ({ raw }) => {
  const { headers } = await raw.call("Sync", frame("abc", 1), {
    headers: { "grpc-encoding": "snappy" },
  });
  assert.equal(headers["grpc-status"], "12");
  assert.equal(
    headers["grpc-message"],
    'grpc: Decompressor is not installed for grpc-encoding "snappy"',
  );
});

fact("what is no gRPC call is refused as such", async ({ raw }) => {
  const { headers } = await raw.call("Sync", frame(""), {
    headers: { "content-type": "application/json" },
  });
  assert.equal(headers[":status"], 415);
  assert.equal(headers["grpc-message"], 'invalid gRPC request content-type "application/json"');
});

fact("a deadline aborts the handler and answers DeadlineExceeded", async ({ server, raw }) => {
  const call = raw.call("Wait", frame(""), { headers: { "grpc-timeout": "20m" } });
  const { aborted } = await server.nextWaiting();
  assert.match(String(await aborted), /context deadline exceeded/);
  const { headers } = await call;
  assert.deepEqual(
    [headers["grpc-status"], headers["grpc-message"]],
    ["4", "context deadline exceeded"],
  );
});

fact("a deadline that no timer can wait for does not fire at once", async ({ raw }) => {
  for (const timeout of ["99999999H", "99999999S"]) {
    const { headers } = await raw.call("Async", frame("x"), {
      headers: { "grpc-timeout": timeout },
    });
    assert.equal(headers["grpc-status"], "0", timeout);
  }
});

fact("a malformed deadline is refused", async ({ raw }) => {
  const { headers } = await raw.call("Sync", frame(""), { headers: { "grpc-timeout": "soon" } });
  assert.equal(headers["grpc-status"], "13");
  assert.match(String(headers["grpc-message"]), /malformed grpc-timeout/);
});

fact("a client's cancellation aborts the handler", async ({ server, client }) => {
  const controller = new AbortController();
  const call = client.unary("Wait", "", { signal: controller.signal });
  const { aborted } = await server.nextWaiting();
  controller.abort();
  assert.match(String(await aborted), /context canceled/);
  assert.equal((await call).code, GRPC.CANCELLED);
  assert.equal((await client.unary("Sync", "still here")).code, GRPC.OK);
});

fact("a broken connection aborts its handlers", async ({ server, raw }) => {
  const unary = raw.call("Wait", frame(""));
  const { aborted } = await server.nextWaiting();
  const stream = raw.call("WaitStream", frame(""), { leaveOpen: true });
  const waitingStream = await server.nextWaiting();
  raw.session.destroy();
  assert.match(String(await aborted), /context canceled/);
  assert.match(String(await waitingStream.aborted), /context canceled/);
  await Promise.all([unary, stream]);
});

fact("each call is observed once, with its code", async ({ server, client }) => {
  await client.unary("Sync", "");
  await client.unary("Fail", "no");
  await client.serverStream("Repeat", "x");
  await client.bidi("FailStream").outcome;
  assert.deepEqual(server.events, [
    "started /test.Echo/Sync",
    "finished /test.Echo/Sync 0",
    "started /test.Echo/Fail",
    "finished /test.Echo/Fail 5",
    "started /test.Echo/Repeat",
    "finished /test.Echo/Repeat 0",
    "started /test.Echo/FailStream",
    "finished /test.Echo/FailStream 11",
  ]);
});
