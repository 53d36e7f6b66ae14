/**
 * WebSockets below `/v3/`, for streams from browsers, as etcd's proxy has them: what the client sends is the body of a
 * request, each line of the answer is a message.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { ignoreError } from "../transport/direct_call.ts";
import { WEBSOCKET_CLOSE_MS } from "./bounds.ts";
import { type Exchange, headerOf, headersOf, replyText } from "./exchange.ts";
import { CLOSE_CODE, closeFrame, frame, FrameReader, OPCODE } from "./websocket_frames.ts";

/** Whether a client wants one, rightly or not. */
export function isWebSocketRequest(exchange: Exchange): boolean {
  return hasToken(headersOf(exchange, "connection"), "upgrade") &&
    hasToken(headersOf(exchange, "upgrade"), "websocket");
}

/** Whether a client that wants one asks as it should. */
export function isHandshake(exchange: Exchange): boolean {
  const key = headerOf(exchange, "sec-websocket-key") ?? "";
  return exchange.method === "GET" && isWebSocketRequest(exchange) &&
    hasToken(headersOf(exchange, "sec-websocket-version"), "13") &&
    /^[A-Za-z0-9+/]{22}==$/.test(key);
}

export function refuseHandshake(exchange: Exchange): void {
  const status = exchange.method === "GET" ? 400 : 405;
  const headers = { "Sec-Websocket-Version": "13" };
  replyText(exchange, { status, text: STATUS_CODES[status] ?? "", headers });
}

function hasToken(values: readonly string[], token: string): boolean {
  return values.some((value) => value.toLowerCase().split(/[\s,]+/).includes(token));
}

/** What a client is told that may not have one: the connection is out of node's hands. */
export function refusalExchange(request: Exchange, socket: Socket): Exchange {
  const respond: Exchange["respond"] = (status, headers) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const first = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
    socket.write(`${first}${lines.join("")}Connection: close\r\n\r\n`);
  };
  const end: Exchange["end"] = (chunk = "") => void socket.end(chunk, () => socket.destroy());
  return Object.create(request, { respond: { value: respond }, end: { value: end } });
}

/** Headers that are handed on. */
const HANDED_ON = ["origin", "referer"];

/** Accepts; the returned exchange is the call that the client makes with it. */
export function acceptWebSocket(
  request: Exchange,
  { socket, head }: { readonly socket: Socket; readonly head: Uint8Array },
): Exchange {
  const protocol = headerOf(request, "sec-websocket-protocol") ?? "";
  socket.write([
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptKey(headerOf(request, "sec-websocket-key") ?? "")}`,
    ...(protocol.startsWith("Bearer") ? ["Sec-WebSocket-Protocol: Bearer"] : []),
    "\r\n",
  ].join("\r\n"));
  const body = readBody(socket, head);
  const rawHeaders = HANDED_ON.flatMap((name) => {
    const value = headerOf(request, name);
    return value === undefined ? [] : [name, value];
  });
  const authorization = authorizationOf(request, protocol);
  if (authorization !== undefined) rawHeaders.push("authorization", authorization);
  const { target, host, remoteAddress, remotePort, isSecure, clientName } = request;
  let isEnded = false;
  return {
    method: "POST",
    target,
    host,
    remoteAddress,
    remotePort,
    isSecure,
    clientName,
    rawHeaders,
    body,
    get isGone() {
      return isEnded || socket.destroyed;
    },
    onClose: (listener) => void socket.once("close", listener),
    // There is no place for a status or for headers.
    respond() {},
    write: (line, onTaken) => void socket.write(messageOf(line), () => onTaken()),
    end(line) {
      if (isEnded) return;
      isEnded = true;
      if (line !== undefined && line !== "") socket.write(messageOf(line));
      closeWith(socket, CLOSE_CODE.NORMAL);
    },
    destroy: () => void socket.destroy(),
  };
}

function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** Browsers cannot set the header, so a token comes as a protocol, or as a cookie, which goes first. */
function authorizationOf(request: Exchange, protocol: string): string | undefined {
  const cookie = /(?:^|;\s*)token=([^;]*)/.exec(headerOf(request, "cookie") ?? "")?.[1];
  if (cookie !== undefined) return `Bearer ${cookie}`;
  const token = /Bearer,(.*)$/.exec(protocol)?.[1];
  return token === undefined ? undefined : `Bearer ${token.trim()}`;
}

function messageOf(line: string): Uint8Array {
  return frame(OPCODE.TEXT, Buffer.from(line.replace(/\n$/, "")));
}

/** Says goodbye and leaves, also if the other side does not. */
function closeWith(socket: Socket, code: number): void {
  socket.end(closeFrame(code));
  const timer = setTimeout(() => socket.destroy(), WEBSOCKET_CLOSE_MS);
  socket.once("close", () => clearTimeout(timer));
}

/** The client's messages, each with a line break behind it. */
function readBody(socket: Socket, head: Uint8Array): PassThrough {
  const body = new PassThrough();
  body.on("error", ignoreError);
  body.on("drain", () => socket.resume());
  function take(bytes: Uint8Array | string): void {
    if (!body.write(bytes)) socket.pause();
  }
  const reader = new FrameReader({
    onData(piece, isLast) {
      take(piece);
      if (isLast) take("\n");
    },
    onPing: (payload) => void socket.write(frame(OPCODE.PONG, payload)),
    onClose: () => closeWith(socket, CLOSE_CODE.NORMAL),
  });
  function push(chunk: Uint8Array): void {
    if (socket.writableEnded) return;
    try {
      reader.push(chunk);
    } catch {
      closeWith(socket, CLOSE_CODE.PROTOCOL_ERROR);
    }
  }
  socket.on("error", ignoreError);
  socket.on("data", push);
  socket.on("end", () => socket.destroy());
  socket.on("close", () => body.destroy());
  if (head.length > 0) push(head);
  socket.resume();
  return body;
}
