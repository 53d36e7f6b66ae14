/** HTTP besides gRPC, on connections that a listener accepts, and on streams of gRPC's connections that are none of its calls. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { atMost } from "../at_most.ts";
import { EtcdError } from "../errors.ts";
import type { MethodTable } from "../transport/call.ts";
import type { OnOtherStream } from "../transport/call_front.ts";
import { type CallObserver, CallSet } from "../transport/calls.ts";
import { createStatusMapper, type OnDefect, type ToStatus } from "../transport/status.ts";
import {
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  LINGER_MS,
  STALLED_MS,
  TIMEOUT_CHECK_MS,
} from "./bounds.ts";
import { Connections } from "./connections.ts";
import { replyText } from "./exchange.ts";
import { createGateway } from "./gateway.ts";
import { http1Exchange, http2Exchange, requestExchange } from "./node_exchange.ts";
import { clientPages, metricsPages, type PagesOptions } from "./pages.ts";
import { type AccessOptions, createRouter, type Router } from "./router.ts";
import { acceptWebSocket, isHandshake, refusalExchange } from "./websocket.ts";

export interface HttpServerOptions extends PagesOptions {
  readonly methods: MethodTable;
  /** Longest request message, in gRPC's format. */
  readonly maxReceiveBytes: number;
  readonly access: AccessOptions;
  readonly enableGateway: boolean;
  /** The status of errors that the transport does not know. */
  readonly toStatus?: ToStatus;
  readonly onDefect: OnDefect;
  /** Sees calls that come as JSON; they count as calls of gRPC. */
  readonly observeCalls?: CallObserver;
}

/** What a listener serves: all of it, or what `--listen-metrics-urls` do. */
export type HttpFace = "client" | "metrics";

export interface HttpServer {
  /** Serves a connection of HTTP/1.1, by TCP or TLS; the socket may be paused. */
  accept(socket: Socket, face?: HttpFace): void;
  /**
   * Serves a stream of HTTP/2 that is no gRPC call. Only by TLS: without it etcd gives whole connections of HTTP/2 to gRPC,
   * which refuses what it does not know.
   */
  readonly onOtherStream: OnOtherStream;
  /**
   * Takes no more connections; half of the time for calls to finish, then they are aborted and the rest is theirs to leave;
   * what remains is cut off.
   */
  drain(graceMs: number): Promise<void>;
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { methods, maxReceiveBytes, access, onDefect } = options;
  const mapStatus = createStatusMapper({ toStatus: options.toStatus, onDefect });
  const unaryCalls = new CallSet();
  const streamCalls = new CallSet();
  const gateway = options.enableGateway
    ? createGateway({
      methods,
      maxReceiveBytes,
      mapStatus,
      observe: options.observeCalls,
      unaryCalls,
      streamCalls,
    })
    : undefined;
  const connections = new Connections();
  const routers: Readonly<Record<HttpFace, Router>> = {
    client: createRouter({ pages: clientPages(options), gateway, access, onDefect }),
    metrics: createRouter({
      pages: metricsPages(options),
      gateway: undefined,
      access: undefined,
      onDefect,
    }),
  };
  const servers: Readonly<Record<HttpFace, Server>> = {
    client: createNodeServer(routers.client, {
      connections,
      hasWebSockets: gateway !== undefined,
    }),
    metrics: createNodeServer(routers.metrics, { connections, hasWebSockets: false }),
  };
  return {
    accept(socket, face = "client") {
      if (!connections.add(socket)) return;
      // What has been read lies in the stream, but the server reads what follows past it: it would come first.
      const first = socket.read();
      servers[face].emit("connection", socket);
      if (first !== null) socket.emit("data", first);
      socket.resume();
    },
    onOtherStream(stream, headers) {
      const exchange = http2Exchange(stream, headers);
      if (!exchange.isSecure) return false;
      routers.client.route(exchange);
      return true;
    },
    async drain(graceMs) {
      connections.drain();
      await atMost(unaryCalls.empty(), graceMs / 2);
      const stopped = new EtcdError("stopped");
      unaryCalls.abortAll(stopped);
      streamCalls.abortAll(stopped);
      await atMost(connections.empty(), graceMs / 2);
      connections.destroyAll();
      for (const server of Object.values(servers)) server.close();
    },
  };
}

/** node's server, without a port of its own. */
function createNodeServer(
  router: Router,
  { connections, hasWebSockets }: {
    readonly connections: Connections;
    readonly hasWebSockets: boolean;
  },
): Server {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // A request that is a stream takes as long as it likes; others have a time of their own (`gateway.ts`).
    requestTimeout: 0,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    // Answered in Go's words instead.
    requireHostHeader: false,
    ...{
      shouldUpgradeCallback: (request: IncomingMessage) =>
        hasWebSockets && isGatewayPath(request) && isHandshake(requestExchange(request)),
    },
  });
  // Without a port of its own it would be taken for one that is closing, which ends connections after one answer.
  Object.defineProperty(server, "listening", { value: true });
  server.on("request", (request, response) => {
    const begin = () => serve(request, { response, router });
    connections.begin(request.socket, { answer: response, serve: begin });
  });
  server.on("checkContinue", (request, response) => {
    const begin = () => {
      response.writeContinue();
      serve(request, { response, router });
    };
    connections.begin(request.socket, { answer: response, serve: begin });
  });
  server.on("checkExpectation", (_request, response) => {
    response.writeHead(417, { "Connection": "close", "Content-Length": "0" });
    response.end();
  });
  server.on("upgrade", (request, socket, head) => {
    // There are no other sockets: connections come by TCP or TLS.
    const connection = socket as Socket;
    const begin = () => upgrade(request, { socket: connection, head, router });
    connections.begin(connection, { answer: connection, serve: begin });
  });
  server.on("clientError", refuse);
  // Nothing has moved for long: fine for a watch, but not with data that waits for its client, nor without any request.
  server.setTimeout(STALLED_MS, (socket) => {
    if (socket.writableLength > 0 || !connections.isBusy(socket)) socket.destroy();
  });
  return server;
}

/** Upgrades of other paths are passed over, as HTTP allows: curl offers HTTP/2 so. */
function isGatewayPath({ url = "" }: IncomingMessage): boolean {
  return /^\/v3(?:beta)?\//.test(url);
}

function upgrade(
  request: IncomingMessage,
  { socket, head, router }: {
    readonly socket: Socket;
    readonly head: Uint8Array;
    readonly router: Router;
  },
): void {
  const asked = requestExchange(request);
  socket.setTimeout(STALLED_MS, () => {
    if (socket.writableLength > 0) socket.destroy();
  });
  if (!router.admits(refusalExchange(asked, socket))) return;
  router.route(acceptWebSocket(asked, { socket, head }));
}

function serve(
  request: IncomingMessage,
  { response, router }: { readonly response: ServerResponse; readonly router: Router },
): void {
  response.once("finish", () => lingerThenClose(request));
  const exchange = http1Exchange(request, response);
  if (request.headers.host === undefined && request.httpVersion === "1.1") {
    response.shouldKeepAlive = false;
    const text = "400 Bad Request: missing required Host header";
    replyText(exchange, { status: 400, text });
    return;
  }
  if (request.url === "*") {
    exchange.respond(200, { "Content-Length": "0" });
    exchange.end();
    return;
  }
  router.route(exchange);
}

/** A client that has its answer and goes on sending is not read for ever. */
function lingerThenClose(request: IncomingMessage): void {
  if (request.complete) return;
  const { socket } = request;
  const timer = setTimeout(() => {
    if (!request.complete) socket.destroy();
  }, LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}

/** What is no HTTP, or too much of it. */
function refuse(error: Error, socket: Duplex): void {
  const isTooLarge = "code" in error && error.code === "HPE_HEADER_OVERFLOW";
  const packet = "rawPacket" in error ? String(error.rawPacket) : "";
  // What begins like no request at all gets no answer, nor does a client that has left or is too slow.
  if (!socket.writable || (!isTooLarge && !REQUEST_LINE.test(packet))) {
    socket.destroy();
    return;
  }
  const status = isTooLarge ? "431 Request Header Fields Too Large" : "400 Bad Request";
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`,
    () => socket.destroy(),
  );
}

const REQUEST_LINE = /^[A-Z]+ \S+ HTTP\/1\.[01]\r?\n/;
