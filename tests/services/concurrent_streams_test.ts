// How many calls one connection may have at once, which HTTP/2 lets the server say.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { connect } from "node:net";
import "../support/goaway_guard.ts";
import { serviceTest } from "../support/service_case.ts";

const LIMIT = 3;
const LIMITED = { flags: [`--max-concurrent-streams=${LIMIT}`] } as const;

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME = { HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6 } as const;
const ACK = 1;
const END_HEADERS = 4;
const REFUSED_STREAM = 7;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

function encodeFrame({ type, flags, stream, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (payload.length << 8) + type);
  bytes[4] = flags;
  view.setUint32(5, stream);
  bytes.set(payload, 9);
  return bytes;
}

/** The whole frames that the bytes begin with. */
function decodeFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + (view.getUint32(at) >>> 8);
    const [type = 0, flags = 0] = bytes.subarray(at + 3);
    const payload = bytes.subarray(at + 9, end);
    if (end <= bytes.length) frames.push({ type, flags, stream: view.getUint32(at + 5), payload });
    at = end;
  }
  return frames;
}

/** Headers as HPACK has them without any compression. */
function encodeHeaders(headers: Readonly<Record<string, string>>): Uint8Array {
  const encoder = new TextEncoder();
  const parts = Object.entries(headers).flatMap(([name, value]) => [
    0,
    name.length,
    ...encoder.encode(name),
    value.length,
    ...encoder.encode(value),
  ]);
  return new Uint8Array(parts);
}

const WATCH = encodeHeaders({
  ":method": "POST",
  ":scheme": "http",
  ":path": "/etcdserverpb.Watch/Watch",
  ":authority": "localhost",
  "content-type": "application/grpc",
  te: "trailers",
});

const EMPTY = new Uint8Array();
const PING = { type: FRAME.PING, flags: 0, stream: 0, payload: new Uint8Array(8) };

/** Opens more calls than allowed before it has read how many are, and tells which the server reset, and why. */
function resetStreams(address: string, calls: number): Promise<[stream: number, code: number][]> {
  const { promise, resolve, reject } = Promise.withResolvers<[number, number][]>();
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  let received: Uint8Array = EMPTY;
  socket.on("data", (chunk: Uint8Array) => {
    received = new Uint8Array([...received, ...chunk]);
    const frames = decodeFrames(received);
    // The answer to the ping comes after what the calls were answered.
    if (!frames.some(({ type, flags }) => type === FRAME.PING && flags === ACK)) return;
    socket.destroy();
    const resets = frames.filter(({ type }) => type === FRAME.RST_STREAM);
    resolve(resets.map(({ stream, payload }) => [stream, payload[3] ?? 0]));
  });
  socket.on("error", reject);
  const streams = Array.from({ length: calls }, (_, index) => 2 * index + 1);
  const frames = [
    { type: FRAME.SETTINGS, flags: 0, stream: 0, payload: EMPTY },
    ...streams.map((stream) => ({
      type: FRAME.HEADERS,
      flags: END_HEADERS,
      stream,
      payload: WATCH,
    })),
    PING,
  ];
  for (const bytes of [PREFACE, ...frames.map(encodeFrame)]) socket.write(bytes);
  return promise;
}

serviceTest("Concurrent streams: the client is told how many", LIMITED, async (t) => {
  const session = http2.connect(`http://${t.endpoint.address}`);
  const settings = await new Promise<http2.Settings>((resolve) =>
    session.once("remoteSettings", resolve)
  );
  session.destroy();
  assert.equal(settings.maxConcurrentStreams, LIMIT);
});

serviceTest("Concurrent streams: one too many is refused alone", LIMITED, async (t) => {
  assert.deepEqual(await resetStreams(t.endpoint.address, LIMIT + 2), [
    [2 * LIMIT + 1, REFUSED_STREAM],
    [2 * LIMIT + 3, REFUSED_STREAM],
  ]);
});

serviceTest("Concurrent streams: a call that ends makes room for the next", LIMITED, async (t) => {
  const streams = Array.from({ length: LIMIT }, () => t.client.watch.watch());
  const createRequest = { case: "createRequest", value: { key: t.key("a") } } as const;
  for (const stream of streams) {
    stream.send({ requestUnion: createRequest });
    assert.equal((await stream.next()).created, true);
  }
  // Waits in the client until then.
  const read = t.client.kv.range({ key: t.key("a") });
  streams[0]?.cancel();
  assert.equal((await read).count, 0n);
  for (const stream of streams) stream[Symbol.dispose]();
});
