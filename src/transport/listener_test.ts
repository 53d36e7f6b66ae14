import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { listen, type ListenOptions, protocolOf } from "./listener.ts";
import { EchoClient, startEchoServer } from "./testing/echo_server.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** A client connection that is open. */
function open(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => {});
  });
}

function closed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => socket.on("close", () => resolve()));
}

function get(port: number): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path: "/health", agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => body += chunk.toString());
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    call.on("error", reject);
    call.end();
  });
}

/** A listener whose HTTP/2 connections are dropped. */
function listenAlone(options: Partial<ListenOptions> = {}) {
  return listen({
    host: "127.0.0.1",
    port: 0,
    onHttp2: (socket) => socket.destroy(),
    ...options,
  });
}

Deno.test("protocolOf() tells HTTP/2, HTTP/1.1 and neither by the first bytes", () => {
  const cases: [string, string][] = [
    [PREFACE, "http2"],
    [PREFACE.slice(0, 16), "http2"],
    [PREFACE.slice(0, 15), "more bytes needed"],
    ["P", "more bytes needed"],
    ["", "more bytes needed"],
    ["POST / HTTP/1.1", "http1"],
    ["PR", "more bytes needed"],
    ["PROPFIND", "http1"],
    ["G", "http1"],
    ["\x16\x03\x01", "tls"],
    ["\0", "unknown"],
    ["get", "unknown"],
  ];
  for (const [bytes, protocol] of cases) {
    assert.equal(protocolOf(Buffer.from(bytes, "latin1")), protocol, JSON.stringify(bytes));
  }
});

Deno.test("gRPC and HTTP/1.1 are served on one port", async () => {
  const onHttp1 = (socket: Socket) => {
    socket.once("data", (chunk: Buffer) => {
      assert.match(chunk.toString(), /^GET \/health HTTP\/1\.1\r\n/);
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    socket.resume();
  };
  await using server = await startEchoServer({ listener: { onHttp1 } });
  using client = new EchoClient(server.address);
  assert.equal((await client.unary("Sync", "x")).code, 0);
  assert.deepEqual(await get(server.listener.port), { status: 200, body: "ok" });
});

Deno.test("a preface that comes byte by byte is recognised, and nothing of it is lost", async () => {
  let received = "";
  const { promise: isWhole, resolve } = Promise.withResolvers<void>();
  const listener = await listenAlone({
    onHttp2(socket) {
      socket.on("data", (chunk: Buffer) => {
        received += chunk.toString();
        if (received.length === PREFACE.length) {
          resolve();
          socket.destroy();
        }
      });
      socket.resume();
    },
  });
  const socket = await open(listener.port);
  socket.setNoDelay(true);
  const end = closed(socket);
  for (const byte of PREFACE) await new Promise((written) => socket.write(byte, written));
  await isWhole;
  assert.equal(received, PREFACE);
  await end;
  await listener.close();
});

Deno.test("garbage and silence are closed", async () => {
  const listener = await listenAlone({ firstBytesTimeoutMs: 20 });
  const garbage = await open(listener.port);
  garbage.write("\x16\x03\x01 no such protocol");
  await closed(garbage);
  await closed(await open(listener.port));
  await listener.close();
});

Deno.test("at one undecided connection too many, the oldest is closed", async () => {
  const listener = await listenAlone({ undecidedMax: 2 });
  const oldest = await open(listener.port);
  const end = closed(oldest);
  const others = [await open(listener.port), await open(listener.port)];
  await end;
  assert.deepEqual(others.map(({ destroyed }) => destroyed), [false, false]);
  await Promise.all([...others.map(closed), listener.close()]);
});

Deno.test("close() stops accepting and closes what has not said what it is", async () => {
  const { promise: isHttp1, resolve } = Promise.withResolvers<Socket>();
  const listener = await listenAlone({ onHttp1: resolve });
  const silent = await open(listener.port);
  const http1 = await open(listener.port);
  http1.write("GET / HTTP/1.1\r\n");
  const handedOver = await isHttp1;
  await Promise.all([closed(silent), listener.close()]);
  // It is its server's to end.
  assert.equal(handedOver.destroyed, false);
  handedOver.destroy();
  await closed(http1);
  await assert.rejects(get(listener.port), /ECONNREFUSED/);
});

Deno.test("a port that cannot be had is one clear line", async () => {
  const listener = await listenAlone();
  const { port } = listener;
  await assert.rejects(listenAlone({ port }), {
    message: `Cannot listen on 127.0.0.1:${port}: address already in use`,
  });
  await assert.rejects(listenAlone({ host: "192.0.2.1", port: 1 }), {
    message: "Cannot listen on 192.0.2.1:1: this machine has no such address",
  });
  await listener.close();
});
