/** gRPC by hand: what a well-behaved client library would not let a test send. */

import http2 from "node:http2";
import "./goaway_guard.ts";
import { bytes } from "./message_init.ts";

/** A call that takes longer fails. */
const RAW_TIMEOUT_MS = 20_000;

export interface RawCall {
  readonly path: string;
  /** On top of the usual ones; undefined leaves a usual one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The whole request body, frame headers and all. */
  readonly body: Uint8Array;
}

export interface RawAnswer {
  readonly headers: http2.IncomingHttpHeaders;
  /** Of an answer without a body, these are the headers once more. */
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** Makes a call on a connection of its own. */
export async function rawCall(address: string, call: RawCall): Promise<RawAnswer> {
  const session = http2.connect(`http://${address}`);
  const timer = setTimeout(() => session.destroy(new Error("Timed out")), RAW_TIMEOUT_MS);
  try {
    return await request(session, call);
  } finally {
    clearTimeout(timer);
    session.close();
  }
}

function request(session: http2.ClientHttp2Session, call: RawCall): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const usual = {
    ":method": "POST",
    ":path": call.path,
    "content-type": "application/grpc",
    te: "trailers",
  };
  const given = Object.entries({ ...usual, ...call.headers });
  const stream = session.request(
    Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  );
  let headers: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders | undefined;
  const body: Uint8Array[] = [];
  session.on("error", reject);
  stream.on("error", reject);
  stream.on("response", (received) => headers = received);
  stream.on("trailers", (received) => trailers = received);
  stream.on("data", (chunk: Uint8Array) => body.push(chunk));
  stream.on("close", () => {
    resolve({ headers, trailers: trailers ?? headers, body: Buffer.concat(body) });
  });
  stream.end(Buffer.from(call.body));
  return promise;
}

/** One message with its gRPC frame header. */
export function frame(
  message: Uint8Array | string,
  { compressed = false }: { readonly compressed?: boolean } = {},
): Uint8Array {
  const payload = bytes(message);
  const framed = new Uint8Array(5 + payload.length);
  framed[0] = compressed ? 1 : 0;
  new DataView(framed.buffer).setUint32(1, payload.length);
  framed.set(payload, 5);
  return framed;
}
