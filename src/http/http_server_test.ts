import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PutResponseSchema, RangeResponseSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import { WatchRequestSchema, WatchResponseSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import type { Method } from "../transport/call.ts";
import { HeldCalls, startHttpEndpoint } from "./testing/http_endpoint.ts";
import { HEADER_BYTES_MAX, JSON_EXPANSION_MAX, REQUESTS_AHEAD_MAX } from "./bounds.ts";

const WATCH = "/etcdserverpb.Watch/Watch";
const RANGE = "/etcdserverpb.KV/Range";

/** A connection that has sent the text. */
function send(address: string, text: string) {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  let received = "";
  socket.on("data", (chunk: Buffer) => received += chunk.toString("latin1"));
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.write(Buffer.from(text, "latin1"));
  return { socket, closed, received: () => received };
}

function postText(path: string, body: string, headers = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Posts and closes. */
async function post(address: string, path: string, body: string): Promise<string> {
  const { closed, received } = send(address, postText(path, body, "Connection: close\r\n"));
  await closed;
  return received();
}

Deno.test("a client that leaves ends its stream, and nothing is left of it", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  for (let round = 1; round <= 3; round++) {
    const { socket } = send(endpoint.address, postText("/v3/watch", '{"create_request":{}}'));
    const call = await held.begun(round);
    socket.destroy();
    await held.aborted(call);
  }
  assert.deepEqual(endpoint.events.filter((event) => event.startsWith("finished")), [
    `finished ${WATCH} 1`,
    `finished ${WATCH} 1`,
    `finished ${WATCH} 1`,
  ]);
  assert.deepEqual(endpoint.defects, []);
});

Deno.test("a client that leaves aborts its call, and the answer is dropped", async () => {
  const { promise: begun, resolve } = Promise.withResolvers<AbortSignal>();
  const method: Method = {
    kind: "unary",
    async handle(_bytes, { signal }) {
      resolve(signal);
      await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
      return [toBinary(RangeResponseSchema, create(RangeResponseSchema))];
    },
  };
  await using endpoint = await startHttpEndpoint({ methods: { [RANGE]: method } });
  const { socket } = send(endpoint.address, postText("/v3/kv/range", "{}"));
  const signal = await begun;
  socket.destroy();
  if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done));
  assert.deepEqual(endpoint.events, [`started ${RANGE}`, `finished ${RANGE} 1`]);
});

Deno.test("a client that does not read is known by what waits for it", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const { socket } = send(endpoint.address, postText("/v3/watch", "{}"));
  const call = await held.begun(1);
  socket.pause();
  const cancelReason = "x".repeat(100_000);
  const message = toBinary(WatchResponseSchema, create(WatchResponseSchema, { cancelReason }));
  let sent = 0;
  // The kernel takes megabytes by itself.
  while (call.send([message])) {
    assert.ok(++sent < 1_000, "something must fill up");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(call.bufferedBytes >= 256 * 1024);
  const drained = call.drained();
  socket.resume();
  await drained;
  assert.ok(call.bufferedBytes <= 64 * 1024);
  socket.destroy();
  await held.aborted(call);
});

Deno.test("requests of a stream come one by one, however they are cut", async () => {
  const ids: bigint[] = [];
  const method: Method = {
    kind: "bidi",
    async handle({ requests }) {
      for await (const bytes of requests) {
        const { requestUnion: { case: kind, value } } = fromBinary(WatchRequestSchema, bytes);
        if (kind === "cancelRequest") ids.push(value.watchId);
      }
    },
  };
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: method } });
  const body = Array.from({ length: 50 }, (_, i) => `{"cancel_request":{"watch_id":${i + 1}}}`);
  const text = postText("/v3/watch", body.join(" "), "Connection: close\r\n");
  const { socket, closed } = send(endpoint.address, text.slice(0, 100));
  for (let at = 100; at < text.length; at += 7) {
    await new Promise<void>((resolve) => socket.write(text.slice(at, at + 7), () => resolve()));
  }
  await closed;
  assert.deepEqual(ids, Array.from({ length: 50 }, (_, i) => BigInt(i + 1)));
});

Deno.test("a body above the bound is refused, and not read on for ever", async () => {
  await using endpoint = await startHttpEndpoint();
  const bytes = 1_024 * JSON_EXPANSION_MAX + 1;
  const headers = "Transfer-Encoding: chunked\r\n";
  const chunk = `${bytes.toString(16)}\r\n${" ".repeat(bytes)}\r\n`;
  const text = `POST /v3/kv/range HTTP/1.1\r\nHost: x\r\n${headers}\r\n${chunk}`;
  const { closed, received } = send(endpoint.address, text);
  await closed;
  assert.match(received(), /^HTTP\/1\.1 429 /);
  assert.match(received(), /"message":"grpc: received message larger than max \(\d+ vs. 4096\)"/);
});

Deno.test("a message above the bound ends its stream", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const key = "A".repeat(2_000);
  const answer = await post(endpoint.address, "/v3/watch", `{"create_request":{"key":"${key}"}}`);
  assert.match(answer, /^HTTP\/1\.1 429 /);
  assert.match(answer, /\{"error":\{"code":8,"message":"grpc: received message larger/);
  await held.aborted(await held.begun(1));
});

Deno.test("headers above the bound are refused, and the connection ends", async () => {
  await using endpoint = await startHttpEndpoint();
  const flood = "b".repeat(HEADER_BYTES_MAX + 1);
  const { closed, received } = send(endpoint.address, `GET / HTTP/1.1\r\nHost: x\r\na: ${flood}`);
  await closed;
  assert.match(received(), /^(?:$|HTTP\/1\.1 431 Request Header Fields Too Large\r\n)/);
});

Deno.test("a method that does not exist is Unimplemented", async () => {
  await using endpoint = await startHttpEndpoint({ methods: { [RANGE]: unary() } });
  const known = await post(endpoint.address, "/v3/kv/put", "{}");
  assert.match(known, /^HTTP\/1\.1 501 /);
  assert.match(known, /\{"code":12,"message":"unknown method Put for service etcdserverpb.KV"\}$/);
  const unknown = await post(endpoint.address, "/v3/lock/lock", "{}");
  assert.match(unknown, /\{"code":12,"message":"unknown service v3lockpb.Lock"\}$/);
});

function unary(): Method {
  return { kind: "unary", handle: () => [toBinary(PutResponseSchema, create(PutResponseSchema))] };
}

Deno.test("a defect is told, and the client is not told what it was", async () => {
  const method: Method = {
    kind: "unary",
    handle() {
      throw new Error("a secret");
    },
  };
  await using endpoint = await startHttpEndpoint({ methods: { [RANGE]: method } });
  const answer = await post(endpoint.address, "/v3/kv/range", "{}");
  assert.match(answer, /^HTTP\/1\.1 500 /);
  assert.match(answer, /\{"code":13,"message":"internal error"\}$/);
  assert.equal(endpoint.defects.length, 1);
});

Deno.test("the gateway hands on what clients send as metadata", async () => {
  const seen: (string | undefined)[] = [];
  const names = ["authorization", "token", "grpcgateway-user-agent", "x-forwarded-for", "host"];
  const reading: Method = {
    kind: "unary",
    handle(_bytes, call) {
      seen.push(...names.map((name) => call.metadata(name)));
      seen.push(call.authority, call.clientName);
      return [];
    },
  };
  await using endpoint = await startHttpEndpoint({ methods: { [RANGE]: reading } });
  const headers = "Authorization: Bearer a.b\r\nGrpc-Metadata-Token: t\r\nUser-Agent: me\r\n";
  const text = postText("/v3/kv/range", "{}", `${headers}Connection: close\r\n`);
  await send(endpoint.address, text).closed;
  assert.deepEqual(seen, ["Bearer a.b", "t", "me", "127.0.0.1", undefined, "x", undefined]);
});

Deno.test("drain() lets calls finish, ends streams, and leaves no connection", async () => {
  const held = new HeldCalls();
  const { promise: finish, resolve } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const slow: Method = {
    kind: "unary",
    async handle() {
      begin();
      await finish;
      return [];
    },
  };
  await using endpoint = await startHttpEndpoint({
    methods: { [WATCH]: held.method, [RANGE]: slow },
  });
  const stream = send(endpoint.address, postText("/v3/watch", "{}"));
  const call = send(endpoint.address, postText("/v3/kv/range", "{}"));
  const idle = send(endpoint.address, "");
  await Promise.all([held.begun(1), begun]);
  const drained = endpoint.http.drain(5_000);
  resolve();
  await Promise.all([drained, stream.closed, call.closed, idle.closed]);
  assert.match(call.received(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\{\}$/);
  assert.match(stream.received(), /^HTTP\/1\.1 503 [\s\S]*"etcdserver: server stopped"/);
});

Deno.test("a connection with too many requests sent ahead is closed", async () => {
  const held = new HeldCalls();
  await using endpoint = await startHttpEndpoint({ methods: { [WATCH]: held.method } });
  const text = postText("/v3/watch", "{}").repeat(REQUESTS_AHEAD_MAX + 2);
  const { closed } = send(endpoint.address, text);
  await closed;
  await held.aborted(await held.begun(1));
  assert.equal(held.calls.length, 1);
});

Deno.test("the metrics' face serves metrics and health alone, to anyone", async () => {
  const metrics = () => Promise.resolve({ contentType: "text/x-metrics", body: "a 1\n" });
  await using endpoint = await startHttpEndpoint({ metrics });
  const get = async (path: string) => {
    const text = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const { closed, received } = send(endpoint.metricsAddress, text);
    await closed;
    return received();
  };
  assert.match(
    await get("/metrics"),
    /^HTTP\/1\.1 200 [\s\S]*text\/x-metrics[\s\S]*\r\n\r\na 1\n$/,
  );
  assert.match(await get("/health"), /^HTTP\/1\.1 503 [\s\S]*"RAFT NO LEADER"\}\n$/);
  const range = '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}\n';
  assert.ok((await get("/health?serializable=true")).endsWith(range));
  const failed = "[-]serializable_read failed: etcdserver: request timed out\n\n";
  assert.ok((await get("/livez")).endsWith(failed));
  for (const path of ["/version", "/debug/vars", "/v3/kv/range"]) {
    assert.match(await get(path), /^HTTP\/1\.1 404 /);
  }
  assert.ok(!(await get("/health")).includes("Access-Control"));
});

Deno.test("without metrics there is no such page", async () => {
  await using endpoint = await startHttpEndpoint();
  const text = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const { closed, received } = send(endpoint.address, text);
  await closed;
  assert.match(received(), /^HTTP\/1\.1 404 /);
});
