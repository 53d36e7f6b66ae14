/** Clients that break off, send nonsense or misbehave: the server lives on, and nobody else notices. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { GRPC } from "../errors.ts";
import {
  EchoClient,
  type EchoServer,
  frame,
  RawClient,
  startEchoServer,
} from "./testing/echo_server.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const EMPTY_SETTINGS = Buffer.from("000000040000000000", "hex");

/** A plain connection; `closed` resolves when the server (or the test) has ended it. */
function open(port: number): Promise<{ socket: Socket; closed: Promise<void> }> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve({ socket, closed }));
    socket.on("error", () => {});
    socket.resume();
    const closed = new Promise<void>((done) => socket.on("close", () => done()));
  });
}

/** Checks that the server still serves, and has told of no defect. */
async function assertServes(server: EchoServer): Promise<void> {
  using client = new EchoClient(server.address);
  const { code, messages } = await client.unary("Async", "alive");
  assert.deepEqual([code, messages.join()], [GRPC.OK, "alive"]);
  assert.deepEqual(server.defects, []);
}

/** Bytes that look random and are the same each time. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

Deno.test("garbage after the preface ends that connection alone", async () => {
  await using server = await startEchoServer();
  for (let seed = 1; seed <= 30; seed++) {
    const { socket, closed } = await open(server.listener.port);
    socket.write(Buffer.concat([PREFACE, noise(1_000, seed)]));
    socket.end();
    await closed;
  }
  for (let seed = 31; seed <= 60; seed++) {
    const { socket, closed } = await open(server.listener.port);
    socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS, noise(1_000, seed)]));
    socket.end();
    await closed;
  }
  await assertServes(server);
});

Deno.test("frames that break the protocol end that connection alone", async () => {
  await using server = await startEchoServer();
  const frames = [
    "0000010000000000010a", // DATA on a stream that was never opened
    "000004080000000000" + "00000000", // WINDOW_UPDATE by nothing
    "000004080000000000" + "7fffffff", // WINDOW_UPDATE over the maximum
    "000005010400000001" + "ffffffffff", // HEADERS that cannot be decompressed
    "ffffff000000000001", // a frame longer than allowed
    "000000010400000002", // a stream id that is not the client's
  ];
  for (const hex of frames) {
    const { socket, closed } = await open(server.listener.port);
    socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS, Buffer.from(hex, "hex")]));
    await closed;
  }
  await assertServes(server);
});

for (const hotPath of [true, false]) {
  const way = hotPath ? "unary path" : "grpc-js";

  Deno.test(`a connection that breaks in the middle of a message is forgotten (${way})`, async () => {
    await using server = await startEchoServer({ grpc: { hotPath } });
    for (let i = 0; i < 20; i++) {
      const raw = new RawClient(server.address);
      await raw.connected;
      const half = frame(Buffer.alloc(100_000)).subarray(0, 50_000);
      const call = raw.call("Async", half, { leaveOpen: true });
      await new Promise<void>((resolve) => raw.session.ping(() => resolve()));
      await raw[Symbol.asyncDispose]();
      await call;
    }
    await assertServes(server);
  });

  Deno.test(`calls reset at every moment are forgotten (${way})`, async () => {
    await using server = await startEchoServer({ grpc: { hotPath } });
    await using raw = new RawClient(server.address);
    const ends: Promise<void>[] = [];
    for (let i = 0; i < 300; i++) {
      const method = ["Async", "Wait", "Parts", "Bidi"][i % 4];
      const stream = raw.session.request({
        ":method": "POST",
        ":path": `/test.Echo/${method}`,
        "content-type": "application/grpc",
      });
      stream.on("error", () => {});
      stream.resume();
      ends.push(new Promise((resolve) => stream.on("close", () => resolve())));
      if (i % 3 > 0) stream.write(frame("x"));
      if (i % 5 > 2) stream.end();
      if (i % 2 === 0) stream.close(constants.NGHTTP2_CANCEL);
      else setImmediate(() => stream.close(constants.NGHTTP2_CANCEL));
    }
    await Promise.all(ends);
    await assertServes(server);
  });
}

Deno.test("a thousand connections may come and go", async () => {
  await using server = await startEchoServer();
  for (let round = 0; round < 10; round++) {
    const sockets = await Promise.all(
      Array.from({ length: 100 }, () => open(server.listener.port)),
    );
    for (const [i, { socket }] of sockets.entries()) {
      if (i % 3 === 0) socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS]));
      if (i % 3 === 1) socket.write(PREFACE.subarray(0, 5));
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.end();
    }
    await Promise.all(sockets.map(({ closed }) => closed));
  }
  await assertServes(server);
});

Deno.test("a client that pings too often is sent away with too_many_pings", async () => {
  await using server = await startEchoServer();
  await using raw = new RawClient(server.address);
  await raw.connected;
  const { promise: goaway, resolve } = Promise.withResolvers<[number, string]>();
  raw.session.on("goaway", (code, _lastStream, data) => resolve([code, String(data)]));
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  raw.session.on("close", () => close());
  for (let i = 0; i < 5; i++) raw.session.ping(() => {});
  assert.deepEqual(await goaway, [constants.NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings"]);
  await closed;
});

Deno.test("pings between answers are no offence", async () => {
  await using server = await startEchoServer();
  await using raw = new RawClient(server.address);
  await raw.connected;
  for (let i = 0; i < 20; i++) {
    await new Promise<void>((resolve) => raw.session.ping(() => resolve()));
    const { headers } = await raw.call("Sync", frame("x"));
    assert.equal(headers["grpc-status"], "0");
  }
});
