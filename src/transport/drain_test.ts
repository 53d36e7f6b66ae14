/** The end of a server. That nothing is left behind is also checked by the test runner: sockets and timers of each test. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { GRPC } from "../errors.ts";
import type { Method } from "./call.ts";
import { EchoClient, frame, RawClient, startEchoServer } from "./testing/echo_server.ts";

Deno.test("drain() lets unary calls finish, then aborts streams with Unavailable", async () => {
  const { promise: hasStarted, resolve: started } = Promise.withResolvers<void>();
  const { promise: mayFinish, resolve: finish } = Promise.withResolvers<void>();
  const streamEnds: string[] = [];
  const methods = new Map<string, Method>([
    ["/test.Echo/Slow", {
      kind: "unary",
      async handle() {
        started();
        await mayFinish;
        streamEnds.push("unary finished");
        return [Buffer.from("done")];
      },
    }],
    ["/test.Echo/Stream", {
      kind: "bidi",
      handle(call) {
        return new Promise((resolve) => {
          call.signal.addEventListener("abort", () => {
            streamEnds.push("stream aborted");
            resolve();
          });
          call.send([Buffer.from("open")]);
        });
      },
    }],
  ]);
  await using server = await startEchoServer({ grpc: { methods } });
  using client = new EchoClient(server.address);
  const { call, outcome } = client.bidi("Stream");
  await new Promise((resolve) => call.once("data", resolve));
  const slow = client.unary("Slow", "");
  await hasStarted;
  await server.listener.close();
  const drained = server.grpc.drain(60_000);
  finish();
  assert.equal((await slow).messages.join(), "done");
  const { code, details } = await outcome;
  assert.deepEqual([code, details], [GRPC.UNAVAILABLE, "etcdserver: server stopped"]);
  await drained;
  assert.deepEqual(streamEnds, ["unary finished", "stream aborted"]);
});

Deno.test("drain() ends hundreds of open streams at once", async () => {
  await using server = await startEchoServer();
  const clients = [new EchoClient(server.address), new EchoClient(server.address)];
  const outcomes = clients.flatMap((client) => {
    return Array.from({ length: 300 }, () => client.bidi("WaitStream").outcome);
  });
  for (const _outcome of outcomes) await server.nextWaiting();
  await server.listener.close();
  await server.grpc.drain(60_000);
  for (const { code } of await Promise.all(outcomes)) assert.equal(code, GRPC.UNAVAILABLE);
  for (const client of clients) client[Symbol.dispose]();
});

Deno.test("drain() cuts off calls that do not leave, when the grace is over", async () => {
  const { promise: hasStarted, resolve: started } = Promise.withResolvers<void>();
  const stubborn: Method = {
    kind: "bidi",
    handle() {
      started();
      return new Promise(() => {});
    },
  };
  await using server = await startEchoServer({
    grpc: { methods: new Map([["/test.Echo/Stubborn", stubborn]]) },
  });
  await using raw = new RawClient(server.address);
  const call = raw.call("Stubborn", frame(""), { leaveOpen: true });
  await hasStarted;
  // Resolves only when there is no connection left.
  await server.grpc.drain(20);
  await call;
});

Deno.test("drain() aborts unary calls that wait for something, and answers them", async () => {
  await using server = await startEchoServer();
  using client = new EchoClient(server.address);
  const call = client.unary("Wait", "");
  const { aborted } = await server.nextWaiting();
  await server.grpc.drain(100);
  assert.match(String(await aborted), /server stopped/);
  const { code, details } = await call;
  assert.deepEqual([code, details], [GRPC.UNAVAILABLE, "etcdserver: server stopped"]);
});

Deno.test("drain() of an idle server is immediate, and may come twice", async () => {
  const server = await startEchoServer();
  await server.listener.close();
  await server.grpc.drain(60_000);
  await server.grpc.drain(60_000);
});
