/**
 * Fails when an upgrade of grpc-js moves what `grpc_js_internals.ts` leans on. Then: read grpc-js's `server.ts`
 * (`createHttp2Server`, `_setupHandlers`, `_streamHandler`, `_sessionHandler`) and adapt that one file.
 */

import assert from "node:assert/strict";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { stepInFront } from "./grpc_js_internals.ts";
import { EchoClient, RawClient, startEchoServer } from "./testing/echo_server.ts";

const FRONT = { settings: {}, onSession() {}, onStream() {} };

Deno.test("stepInFront() accepts this grpc-js, and its injector uses the handlers put in place", () => {
  const server = new Server({ "grpc.enable_channelz": 0 });
  stepInFront(server, FRONT);
  server.createConnectionInjector(ServerCredentials.createInsecure()).destroy();
});

Deno.test("stepInFront() refuses a server that is not built as expected", () => {
  assert.throws(() => stepInFront(new Server(), FRONT), /not built as expected/);
});

Deno.test("unary calls leave grpc-js at the stream, streaming ones pass", async () => {
  await using server = await startEchoServer();
  using client = new EchoClient(server.address);
  await using raw = new RawClient(server.address);
  // The two are told apart by the content type that each answers with.
  const { headers } = await raw.call("Sync", new Uint8Array(5));
  assert.equal(headers["content-type"], "application/grpc");
  const { code, messages } = await client.serverStream("Repeat", "x");
  assert.deepEqual([code, messages.join()], [0, "x,x,x"]);
});

Deno.test("settings of the front reach the client", async () => {
  await using server = await startEchoServer();
  await using raw = new RawClient(server.address);
  const { promise, resolve } = Promise.withResolvers<void>();
  raw.session.on("remoteSettings", () => resolve());
  await promise;
  assert.equal(raw.session.remoteSettings.initialWindowSize, 1_048_576);
  assert.equal(raw.session.remoteSettings.maxConcurrentStreams, 2 ** 32 - 1);
});
