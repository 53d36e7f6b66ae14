/**
 * Decides, for each HTTP/2 stream, who serves it: ordinary calls are served at the stream (`unary_path.ts`,
 * `stream_path.ts`), unknown paths are refused here, everything else, such as compressed requests, goes on to grpc-js,
 * whose statuses are put into the words of gRPC servers that clients know.
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { GRPC } from "../errors.ts";
import type { MethodTable } from "./call.ts";
import type { MethodObserver } from "./calls.ts";
import {
  type DirectCallOptions,
  firstHeader,
  ignoreError,
  respondWithStatus,
  stopReadingWhenSent,
} from "./direct_call.ts";
import { encodeGrpcMessage } from "./grpc_message.ts";
import type { Front } from "./grpc_js_internals.ts";
import type { Status } from "./status.ts";
import { serveStream } from "./stream_path.ts";
import { serveUnary } from "./unary_path.ts";

/** Takes a stream that is no gRPC call, such as JSON over HTTP/2; returns whether it did. */
export type OnOtherStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

export interface CallFrontOptions {
  readonly methods: MethodTable;
  /** False sends all calls through grpc-js. */
  readonly hotPath: boolean;
  readonly unary: DirectCallOptions;
  readonly streaming: DirectCallOptions;
  readonly observers: ReadonlyMap<string, MethodObserver>;
  readonly onOtherStream: OnOtherStream | undefined;
}

/** What grpc-js says → what gRPC servers in Go say, where they differ; clients and tests match on the latter. */
const REWORDED: readonly (readonly [RegExp, code: number, text: string])[] = [
  [/^Deadline exceeded$/, GRPC.DEADLINE_EXCEEDED, "context deadline exceeded"],
  [
    /^Received message larger than max \((\d+) vs (\d+)\)$/,
    GRPC.RESOURCE_EXHAUSTED,
    "grpc: received message larger than max ($1 vs. $2)",
  ],
  [
    /^Received no request message for .*$/,
    GRPC.INTERNAL,
    "cardinality violation: received no request message from non-client-streaming RPC",
  ],
  [
    /^Received a second request message for .*$/,
    GRPC.INTERNAL,
    "cardinality violation: received multiple request messages for non-client-streaming RPC",
  ],
  [
    /^Received message compressed with unsupported encoding (.*)$/,
    GRPC.UNIMPLEMENTED,
    "grpc: Decompressor is not installed for grpc-encoding $1",
  ],
  [/^Invalid grpc-timeout value (.*)$/, GRPC.INTERNAL, "malformed grpc-timeout: $1"],
];

/** node:http2 also takes a list of names and values, which grpc-js does not use. */
type Outgoing = OutgoingHttpHeaders | readonly string[];

function isRecord(headers: Outgoing | undefined): headers is OutgoingHttpHeaders {
  return headers !== undefined && !Array.isArray(headers);
}

/** grpc-js encodes texts as URIs; here they are decoded again, reworded, and encoded as gRPC says. */
function correctStatus<T extends Outgoing | undefined>(headers: T): T | OutgoingHttpHeaders {
  if (!isRecord(headers)) return headers;
  const encoded = headers["grpc-message"];
  if (typeof encoded !== "string") return headers;
  const { code, message } = reword({
    code: Number(headers["grpc-status"]),
    message: decodeText(encoded),
  });
  return { ...headers, "grpc-status": String(code), "grpc-message": encodeGrpcMessage(message) };
}

function decodeText(encoded: string): string {
  try {
    return decodeURI(encoded);
  } catch {
    // A text that is no encoded URI was not encoded at all.
    return encoded;
  }
}

function reword(status: Status): Status {
  for (const [pattern, code, text] of REWORDED) {
    if (pattern.test(status.message)) {
      return { code, message: status.message.replace(pattern, text) };
    }
  }
  return status;
}

/**
 * Corrects what grpc-js sends on this stream, and closes the client's half after the status: a client that has its
 * status and goes on sending would keep the stream for as long as the connection lives.
 */
function correctStream(stream: ServerHttp2Stream): void {
  const { respond, sendTrailers } = stream;
  stream.respond = function (headers, options) {
    respond.call(this, correctStatus(headers), options);
    if (options?.endStream === true) stopReadingWhenSent(this);
  };
  stream.sendTrailers = function (headers) {
    sendTrailers.call(this, correctStatus(headers));
    stopReadingWhenSent(this);
  };
}

/** Only the first of repeated headers, as `direct_call.ts` has it; node:http2 joins them with commas. */
function keepFirst(headers: IncomingHttpHeaders, rawHeaders: readonly string[]) {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name === undefined) continue;
    if (seen.has(name)) headers[name] = firstHeader(rawHeaders, name);
    seen.add(name);
  }
  return headers;
}

export function serviceNames(methods: MethodTable): Set<string> {
  const names = new Set<string>();
  for (const path of methods.keys()) names.add(path.slice(1, path.lastIndexOf("/")));
  return names;
}

export function unimplemented(path: string, services: ReadonlySet<string>): Status {
  const slash = path.lastIndexOf("/");
  if (slash < 1 || !path.startsWith("/")) {
    return { code: GRPC.UNIMPLEMENTED, message: `malformed method name: "${path}"` };
  }
  const service = path.slice(1, slash);
  const message = services.has(service)
    ? `unknown method ${path.slice(slash + 1)} for service ${service}`
    : `unknown service ${service}`;
  return { code: GRPC.UNIMPLEMENTED, message };
}

/** As gRPC servers do: a status for HTTP clients and one for gRPC's. */
function refuseContentType(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const type = headers["content-type"] ?? "";
  stream.respond({
    ":status": 415,
    "content-type": "application/grpc",
    "grpc-status": String(GRPC.INVALID_ARGUMENT),
    "grpc-message": encodeGrpcMessage(`invalid gRPC request content-type "${type}"`),
  }, { endStream: true });
  stopReadingWhenSent(stream);
}

/** With a codec or parameters; gRPC-Web is another protocol. */
const GRPC_SUBTYPE = /^application\/grpc(?:[+;]|$)/;

function isGrpc(headers: IncomingHttpHeaders): boolean {
  const type = headers["content-type"];
  return type === "application/grpc" || (type !== undefined && GRPC_SUBTYPE.test(type));
}

/** What request messages may be compressed with. */
const ENCODINGS: ReadonlySet<string> = new Set(["identity", "gzip"]);

/** Messages that can be read at the stream, and an HTTP method that can be answered there. */
function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["grpc-encoding"];
  return headers[":method"] === "POST" && (encoding === undefined || encoding === "identity");
}

/** Makes the function that gets each call. */
export function createCallFront(options: CallFrontOptions): Front["onStream"] {
  const { methods, hotPath, unary, streaming, observers, onOtherStream } = options;
  const services = serviceNames(methods);
  return function onStream({ stream, headers, rawHeaders, passOn }) {
    const path = headers[":path"] ?? "";
    if (!isGrpc(headers)) {
      stream.on("error", ignoreError);
      if (onOtherStream?.(stream, headers) !== true) refuseContentType(stream, headers);
      return;
    }
    const method = methods.get(path);
    if (method === undefined) {
      stream.on("error", ignoreError);
      respondWithStatus(stream, unimplemented(path, services));
      stopReadingWhenSent(stream);
      return;
    }
    const encoding = headers["grpc-encoding"];
    if (typeof encoding === "string" && !ENCODINGS.has(encoding)) {
      stream.on("error", ignoreError);
      const message = `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`;
      respondWithStatus(stream, { code: GRPC.UNIMPLEMENTED, message });
      stopReadingWhenSent(stream);
      return;
    }
    if (hotPath && isPlain(headers)) {
      const observer = observers.get(path);
      if (method.kind === "unary") {
        const request = { path, handle: method.handle, observer, headers, rawHeaders };
        serveUnary(stream, { request, shared: unary });
      } else {
        const request = { path, handle: method.handle, observer, headers, rawHeaders };
        serveStream(stream, { request, shared: streaming, kind: method.kind });
      }
      return;
    }
    stream.on("error", ignoreError);
    correctStream(stream);
    passOn(stream, keepFirst(headers, rawHeaders));
  };
}
