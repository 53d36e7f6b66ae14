/**
 * The parts of grpc-js that are private and that we depend on: this file alone knows them. `grpc_js_internals_test.ts`
 * fails when an upgrade moves one.
 *
 * grpc-js makes an HTTP/2 server for its connection injector, with `commonServerOptions`, and gives it two listeners:
 * `_streamHandler`, bound to the server, for each call, and what `_sessionHandler` returns, for each connection. A call
 * that a handler is given has the HTTP/2 stream below it in `call.stream`.
 */

import type { Server } from "@grpc/grpc-js";
import type {
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
  SessionOptions,
} from "node:http2";

/** The settings of a connection, as node:http2 takes them. */
type Settings = NonNullable<SessionOptions["settings"]>;

/** What grpc-js does with a stream when nobody steps in front. */
export type PassOn = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

export interface Front {
  /** Merged over those that grpc-js sets. */
  readonly settings: Settings;
  /** Sees each new connection, after grpc-js. */
  onSession(session: ServerHttp2Session): void;
  /** Gets each call, instead of grpc-js. */
  onStream(call: {
    stream: ServerHttp2Stream;
    headers: IncomingHttpHeaders;
    rawHeaders: readonly string[];
    passOn: PassOn;
  }): void;
}

interface ServerInternals {
  commonServerOptions: { settings?: Settings };
  channelzEnabled: boolean;
  _streamHandler(
    interceptors: unknown,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags?: number,
    rawHeaders?: readonly string[],
  ): void;
  _sessionHandler(http2Server: unknown): (session: ServerHttp2Session) => void;
}

function internalsOf(server: Server): ServerInternals {
  // The reason for the cast is the purpose of this file.
  const internals = server as unknown as Partial<ServerInternals>;
  if (
    typeof internals._streamHandler !== "function" ||
    typeof internals._sessionHandler !== "function" ||
    typeof internals.commonServerOptions !== "object" ||
    internals.channelzEnabled !== false
  ) {
    throw new Error("Cannot step in front of grpc-js: its Server is not built as expected");
  }
  return internals as ServerInternals;
}

/** Steps in front of a grpc-js server (made without channelz). Must come before its connection injector is made. */
export function stepInFront(server: Server, front: Front): void {
  const internals = internalsOf(server);
  const options = internals.commonServerOptions;
  options.settings = { ...options.settings, ...front.settings };

  const streamHandler = internals._streamHandler.bind(server);
  internals._streamHandler = function (interceptors, stream, headers, _flags, rawHeaders) {
    front.onStream({
      stream,
      headers,
      rawHeaders: rawHeaders ?? [],
      passOn: (passedStream, passedHeaders) =>
        streamHandler(interceptors, passedStream, passedHeaders),
    });
  };

  const sessionHandler = internals._sessionHandler.bind(server);
  internals._sessionHandler = function (http2Server) {
    const onSession = sessionHandler(http2Server);
    return function (session) {
      onSession(session);
      front.onSession(session);
    };
  };
}

interface CallInternals {
  readonly call?: { readonly stream?: ServerHttp2Stream };
}

/** The socket that a call of grpc-js came by, as its session hands it out; undefined once the connection is gone. */
export function socketOf(call: object): object | undefined {
  return (call as CallInternals).call?.stream?.session?.socket;
}
