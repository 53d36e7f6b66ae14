/** Clients at the level of the socket, which leave whenever they like and never say goodbye. */

import { create, toBinary } from "@bufbuild/protobuf";
import { WatchRequestSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import http2 from "node:http2";
import net from "node:net";
import { bytesOf } from "../model/byte_string.ts";

export interface RawConnection {
  readonly hostname: string;
  readonly port: number;
}

/** Opens a connection, says nothing and resets it. */
export async function dropConnection(connection: RawConnection): Promise<void> {
  reset(await connect(connection));
}

const GARBAGE = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /v3/kv/range HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // The beginning of a TLS handshake.
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
  "\0".repeat(1_000),
] as const;
let garbageSent = 0;

/** Sends what is not gRPC, or not even HTTP. */
export async function sendGarbage(connection: RawConnection): Promise<void> {
  const socket = await connect(connection);
  await write(socket, bytesOf(GARBAGE[garbageSent++ % GARBAGE.length] ?? ""));
  reset(socket);
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS = "\0\0\0\x04\0\0\0\0\0";
/** The head of a HEADERS frame of stream 1 with 64 bytes, of which three come. */
const CUT_HEADERS = "\0\0\x40\x01\x04\0\0\0\x01\x83\x86\x41";

/** Ends within a frame of headers. */
export async function sendPartialHeaders(connection: RawConnection): Promise<void> {
  const socket = await connect(connection);
  await write(socket, bytesOf(PREFACE + EMPTY_SETTINGS + CUT_HEADERS));
  reset(socket);
}

/** Announces a message of a thousand bytes, sends ten and resets the connection. */
export async function cutMessage(connection: RawConnection): Promise<void> {
  const { session, socket } = await openSession(connection);
  const call = callOf(session, "/etcdserverpb.KV/Put");
  await writeTo(call, bytesOf("\0\0\0\x03\xe8" + "x".repeat(10)));
  reset(socket);
  await closed(session);
}

const WATCHES = 5;

/** Opens watches, sees them created, and vanishes. */
export async function vanishWithWatches(connection: RawConnection): Promise<void> {
  const { session, socket } = await openSession(connection);
  await Promise.all(Array.from({ length: WATCHES }, async () => {
    const call = callOf(session, "/etcdserverpb.Watch/Watch");
    const created = new Promise((resolve) => call.once("data", resolve));
    await writeTo(call, watchMessage());
    await created;
  }));
  reset(socket);
  await closed(session);
}

/** Fewer than the thousand resets that HTTP/2 servers take for an attack. */
const CANCELLED = 500;

/** Opens watches on one connection and cancels each, one half before they can be created. */
export async function cancelStreams(connection: RawConnection): Promise<void> {
  const { session, socket } = await openSession(connection);
  for (let count = 0; count < CANCELLED; count++) {
    const call = callOf(session, "/etcdserverpb.Watch/Watch");
    const created = new Promise((resolve) => call.once("data", resolve));
    await writeTo(call, watchMessage());
    if (count % 2 === 0) await created;
    call.close(http2.constants.NGHTTP2_CANCEL);
  }
  reset(socket);
  await closed(session);
}

/** A request to watch all keys from `alive` on, framed. */
function watchMessage(): Uint8Array {
  const value = { key: bytesOf("alive"), rangeEnd: bytesOf("\0") };
  const request = create(WatchRequestSchema, { requestUnion: { case: "createRequest", value } });
  const message = toBinary(WatchRequestSchema, request);
  return new Uint8Array([0, 0, 0, 0, message.length, ...message]);
}

async function connect({ hostname, port }: RawConnection): Promise<net.Socket> {
  const socket = net.connect({ host: hostname, port });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {}); // Whatever the server says to this client is right.
  return socket;
}

async function openSession(connection: RawConnection) {
  const socket = await connect(connection);
  const session = http2.connect(`http://${connection.hostname}:${connection.port}`, {
    createConnection: () => socket,
  });
  session.on("error", () => {}); // It is cut off on purpose.
  return { session, socket };
}

function callOf(session: http2.ClientHttp2Session, path: string): http2.ClientHttp2Stream {
  const call = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  call.on("error", () => {}); // It goes with its session.
  return call;
}

function write(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

function writeTo(call: http2.ClientHttp2Stream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => call.write(bytes, () => resolve()));
}

/** Resolves when the session is gone, having been cut off. */
function closed(session: http2.ClientHttp2Session): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.once("close", resolve);
  session.destroy();
  return promise;
}

/** Ends the connection as a crash of the client's machine would: a RST, and no goodbye. */
function reset(socket: net.Socket): void {
  socket.resetAndDestroy();
}
