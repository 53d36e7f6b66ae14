/**
 * The gRPC server over connections that a listener accepts. grpc-js does sessions, keepalive and all that is unusual;
 * ordinary calls leave it at the stream (`call_front.ts`).
 */

import type { Buffer } from "node:buffer";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { atMost } from "../at_most.ts";
import { EtcdError } from "../errors.ts";
import type { MethodTable } from "./call.ts";
import { createCallFront, type OnOtherStream } from "./call_front.ts";
import { type CallObserver, CallSet, type MethodObserver } from "./calls.ts";
import { corkWrites } from "./corked_socket.ts";
import { Deadlines } from "./deadlines.ts";
import { stepInFront } from "./grpc_js_internals.ts";
import { enforcePingPolicy } from "./ping_policy.ts";
import { endInNextTurn } from "./session_end.ts";
import { createStatusMapper, type OnDefect, type ToStatus } from "./status.ts";
import { adaptBidi, adaptServerStream, adaptUnary, type GrpcJsCallOptions } from "./stream_call.ts";

export interface KeepaliveOptions {
  /** How often a silent client is pinged; 0 for never. */
  readonly intervalMs: number;
  /** How long its answer may take before the connection is closed; with 0 nobody is pinged. */
  readonly timeoutMs: number;
  /** How often a client with calls may ping, 0 for the default; one that pings more is sent away. */
  readonly minPingIntervalMs: number;
}

export interface GrpcServerOptions {
  readonly methods: MethodTable;
  /** Longest request message; a longer one is refused with ResourceExhausted. Answers have no limit. */
  readonly maxReceiveBytes: number;
  /** Calls under way on one connection; the client is told, and more are refused by HTTP/2. */
  readonly maxConcurrentStreams: number;
  readonly keepalive: KeepaliveOptions;
  /** False sends all calls through grpc-js: slower, for finding faults. */
  readonly hotPath: boolean;
  /** The status of errors that the transport does not know; `undefined` for what is a defect. */
  readonly toStatus?: ToStatus;
  readonly onDefect: OnDefect;
  readonly observe?: CallObserver;
  readonly onOtherStream?: OnOtherStream;
}

export interface GrpcServer {
  /** Serves a connection that begins with the HTTP/2 preface. */
  accept(socket: Socket): void;
  /**
   * Ends all connections: no new calls, half of the time for unary calls to finish, then all calls are aborted and the
   * other half is theirs to leave; what remains is cut off. Resolves when nothing is left.
   */
  drain(graceMs: number): Promise<void>;
}

/** What one call may send before it must wait for a window update; room for a large put without a round trip. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

/** The same for all calls of a connection together; also what one connection can make us hold of unread requests. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

function identity(bytes: Buffer): Buffer {
  return bytes;
}

interface RegisterOptions extends Omit<GrpcJsCallOptions, "observer"> {
  readonly observers: ReadonlyMap<string, MethodObserver>;
  readonly unaryCalls: CallSet;
  readonly streamCalls: CallSet;
}

/** Every method, in grpc-js's terms; with messages as they are on the wire. */
function registerMethods(server: Server, methods: MethodTable, given: RegisterOptions): void {
  for (const [path, method] of methods) {
    const options = { ...given, observer: given.observers.get(path) };
    if (method.kind === "unary") {
      const handler = adaptUnary(
        { path, handle: method.handle, calls: options.unaryCalls },
        options,
      );
      server.register(path, handler, identity, identity, "unary");
      continue;
    }
    const streaming = { path, handle: method.handle, calls: options.streamCalls };
    if (method.kind === "bidi") {
      server.register(path, adaptBidi(streaming, options), identity, identity, "bidi");
    } else {
      const handler = adaptServerStream(streaming, options);
      server.register(path, handler, identity, identity, "serverStream");
    }
  }
}

function observersOf(methods: MethodTable, observe: CallObserver | undefined) {
  const observers = new Map<string, MethodObserver>();
  if (observe === undefined) return observers;
  for (const [path, { kind }] of methods) observers.set(path, observe(path, kind));
  return observers;
}

/** The connections, for their end. */
class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #onEmpty: (() => void) | undefined;

  addSocket(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty?.();
    });
  }

  addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on("close", () => this.#sessions.delete(session));
  }

  /** Says goodbye: calls under way go on, new ones are refused. */
  closeAll(): void {
    for (const session of [...this.#sessions]) session.close();
  }

  destroyAll(): void {
    for (const session of [...this.#sessions]) session.destroy();
    // A session that has said goodbye would wait for its peer to take what was sent, and the peer may be dead.
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  /** Resolves as soon as there is none. */
  empty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty = resolve);
  }
}

/** Without one of the two times, which is no keepalive for grpc-js or one that nobody survives, there is none. */
function keepaliveOf({ intervalMs, timeoutMs }: KeepaliveOptions) {
  if (intervalMs === 0 || timeoutMs === 0) return { "grpc.keepalive_time_ms": 0 };
  return { "grpc.keepalive_time_ms": intervalMs, "grpc.keepalive_timeout_ms": timeoutMs };
}

/** Makes a server; it has no port of its own, see `listener.ts`. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { methods, maxReceiveBytes, keepalive } = options;
  const mapStatus = createStatusMapper({ toStatus: options.toStatus, onDefect: options.onDefect });
  const unaryCalls = new CallSet();
  const streamCalls = new CallSet();
  const connections = new Connections();
  const deadlines = new Deadlines();
  const direct = { maxReceiveBytes, mapStatus, deadlines };
  const observers = observersOf(methods, options.observe);
  let isDraining = false;

  const server = new Server({
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": maxReceiveBytes,
    "grpc.max_send_message_length": -1,
    ...keepaliveOf(keepalive),
  });
  registerMethods(server, methods, { mapStatus, observers, unaryCalls, streamCalls });
  stepInFront(server, {
    settings: {
      maxConcurrentStreams: options.maxConcurrentStreams,
      initialWindowSize: STREAM_WINDOW_BYTES,
    },
    onStream: createCallFront({
      methods,
      hotPath: options.hotPath,
      unary: { ...direct, calls: unaryCalls },
      streaming: { ...direct, calls: streamCalls },
      observers,
      onOtherStream: options.onOtherStream,
    }),
    onSession(session) {
      endInNextTurn(session);
      connections.addSession(session);
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      enforcePingPolicy(session, keepalive.minPingIntervalMs);
    },
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());

  return {
    accept(socket) {
      if (isDraining) {
        socket.destroy();
        return;
      }
      connections.addSocket(socket);
      corkWrites(socket);
      injector.injectConnection(socket);
    },
    async drain(graceMs) {
      isDraining = true;
      connections.closeAll();
      await atMost(unaryCalls.empty(), graceMs / 2);
      const stopped = new EtcdError("stopped");
      unaryCalls.abortAll(stopped);
      streamCalls.abortAll(stopped);
      await atMost(connections.empty(), graceMs / 2);
      connections.destroyAll();
      await connections.empty();
      deadlines.clear();
      server.forceShutdown();
    },
  };
}
