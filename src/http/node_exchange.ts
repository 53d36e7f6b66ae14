/** Exchanges of node's two servers. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { clientNameOf } from "../transport/client_name.ts";
import { ignoreError, stopReadingWhenSent } from "../transport/direct_call.ts";
import type { Exchange, HttpHeaders } from "./exchange.ts";

function addressOf(socket: Socket | undefined) {
  return { remoteAddress: socket?.remoteAddress ?? "", remotePort: socket?.remotePort ?? 0 };
}

/** A request of HTTP/1.1 without a way to answer it. */
export function requestExchange(request: IncomingMessage): Exchange {
  return {
    ...addressOf(request.socket),
    isSecure: "encrypted" in request.socket && request.socket.encrypted === true,
    clientName: clientNameOf(request.socket),
    method: request.method ?? "",
    target: request.url ?? "",
    host: request.headers.host ?? "",
    rawHeaders: request.rawHeaders,
    body: request,
    get isGone() {
      return request.socket.destroyed;
    },
    onClose: (listener) => void request.socket.once("close", listener),
    respond() {},
    write() {},
    end() {},
    destroy: () => void request.socket.destroy(),
  };
}

/** HTTP/1.1. */
export function http1Exchange(request: IncomingMessage, response: ServerResponse): Exchange {
  request.on("error", ignoreError);
  response.on("error", ignoreError);
  return {
    ...requestExchange(request),
    get isGone() {
      return response.destroyed || response.writableEnded || request.socket.destroyed;
    },
    onClose: (listener) => void response.once("close", listener),
    respond(status, headers) {
      if (!response.headersSent) response.writeHead(status, headers);
    },
    write: (chunk, onTaken) => void response.write(chunk, onTaken),
    end: (chunk) => void response.end(chunk),
    destroy: () => void request.socket.destroy(),
  };
}

/** HTTP/2. */
export function http2Exchange(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Exchange {
  stream.on("error", ignoreError);
  stream.once("finish", () => stopReadingWhenSent(stream));
  const { session } = stream;
  return {
    ...addressOf(session?.socket),
    isSecure: session?.encrypted === true,
    // The session stands for its socket, which node keeps to itself.
    clientName: clientNameOf(session),
    method: headers[":method"] ?? "",
    target: headers[":path"] ?? "",
    host: headers[":authority"] ?? headers.host ?? "",
    rawHeaders: Object.entries(headers).flatMap(([name, value]) => [name, String(value ?? "")]),
    body: stream,
    get isGone() {
      return stream.destroyed || stream.closed || stream.writableEnded;
    },
    onClose: (listener) => void stream.once("close", listener),
    respond(status, fields) {
      if (stream.headersSent || stream.destroyed || stream.closed) return;
      stream.respond({ ":status": status, ...lowerCase(fields) });
    },
    write: (chunk, onTaken) => void stream.write(chunk, () => onTaken()),
    end: (chunk) => void stream.end(chunk),
    destroy: () => stream.close(),
  };
}

function lowerCase(headers: HttpHeaders): HttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
