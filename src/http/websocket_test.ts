import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { HeldCalls, startHttpEndpoint } from "./testing/http_endpoint.ts";

const WATCH = "/etcdserverpb.Watch/Watch";

/** Asks for a WebSocket; resolves with what came when the pattern has come. */
function open(address: string, headers: readonly string[] = []) {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  let received = "";
  let wake: () => void = () => {};
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    wake();
  });
  socket.on("close", () => wake());
  socket.write([
    "GET /v3/watch HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
    "\r\n",
  ].join("\r\n"));
  return {
    socket,
    closed: new Promise<void>((resolve) => socket.on("close", () => resolve())),
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(received)) {
        assert.ok(!socket.destroyed, received);
        await new Promise<void>((resolve) => wake = resolve);
      }
      return received;
    },
  };
}

Deno.test("a token comes as a protocol or as a cookie", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const cases: [headers: string[], token: string | undefined][] = [
    [[], undefined],
    [["Authorization: not.handed.on"], undefined],
    [["Sec-WebSocket-Protocol: Bearer, a.b"], "Bearer a.b"],
    [["Sec-WebSocket-Protocol: Bearer, a.b", "Cookie: x=y; token=c.d"], "Bearer c.d"],
  ];
  for (const [i, [headers, token]] of cases.entries()) {
    const client = open(endpoint.address, headers);
    const head = await client.until(/\r\n\r\n/);
    assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    const asksSo = headers.some((header) => header.startsWith("Sec-WebSocket-Protocol"));
    assert.equal(head.includes("\r\nSec-WebSocket-Protocol: Bearer\r\n"), asksSo);
    assert.equal((await held.begun(i + 1)).metadata("authorization"), token);
    client.socket.destroy();
  }
});

Deno.test("a client that closes its WebSocket, or breaks its rules, ends its call", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const goodbye = [0x88, 0x80, 0, 0, 0, 0];
  const noMask = [0x81, 0x01, 0x61];
  for (const [i, bytes] of [goodbye, noMask].entries()) {
    const client = open(endpoint.address);
    await client.until(/\r\n\r\n/);
    const call = await held.begun(i + 1);
    client.socket.write(Buffer.from(bytes));
    await client.closed;
    await held.aborted(call);
  }
  assert.deepEqual(endpoint.defects, []);
});

Deno.test("a ping is answered", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const client = open(endpoint.address);
  await client.until(/\r\n\r\n/);
  client.socket.write(Buffer.from([0x89, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  await client.until(new RegExp(`${String.fromCharCode(0x8a, 2)}hi$`));
  client.socket.destroy();
});

Deno.test("drain() tells streams on WebSockets, and ends them", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const client = open(endpoint.address);
  await client.until(/\r\n\r\n/);
  await held.begun(1);
  const drained = endpoint.http.drain(5_000);
  const error = '{"error":{"code":14,"message":"etcdserver: server stopped"}}';
  const normalClosure = String.fromCharCode(0x88, 2, 0x03, 0xe8);
  await client.until(new RegExp(`${RegExp.escape(error + normalClosure)}$`));
  await Promise.all([client.closed, drained]);
});

Deno.test("hosts that may not ask get no WebSocket", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({
    methods: { [WATCH]: held.method },
    hostWhitelist: ["other.example"],
  });
  const client = open(endpoint.address);
  assert.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 421 Misdirected Request\r\n/);
  await client.closed;
  assert.equal(held.calls.length, 0);
});
