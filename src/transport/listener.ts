/**
 * One port, or Unix socket, for everything: the first bytes of a connection tell whether it is TLS, HTTP/2 (gRPC) or
 * HTTP/1.1. Bytes that were read for that are given back to the socket.
 */

import { Buffer } from "node:buffer";
import { lookup } from "node:dns/promises";
import { lstatSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { resolve as resolvePath } from "node:path";
import { PendingSockets } from "./pending_sockets.ts";
import type { TlsFront } from "./tls/tls_front.ts";

export interface ListenOptions {
  /** Of a Unix socket its path. */
  readonly host: string;
  /** 0 takes a free one; also of a Unix socket. */
  readonly port: number;
  /** Lets several processes listen on the port. */
  readonly reusePort?: boolean;
  /** Whether `host` is the path of a Unix socket. */
  readonly isUnix?: boolean;
  /** Gets the socket paused, with the bytes read so far given back to it. */
  readonly onHttp2: (socket: Socket) => void;
  /** The same for HTTP/1.1. Default: such connections are closed. */
  readonly onHttp1?: (socket: Socket) => void;
  /** Takes connections that begin with a TLS handshake; without it they are closed. */
  readonly tls?: TlsFront | undefined;
  /** Whether connections without TLS are served. Default true. */
  readonly plain?: boolean;
  /** How long a connection may take to say what it is; then it is closed. Default 10 s. */
  readonly firstBytesTimeoutMs?: number;
  /** Connections that have not said yet what they are; at one more, the oldest is closed. Default 1,000. */
  readonly undecidedMax?: number;
  /** Is told of trouble with accepting (such as too many open files); the listener goes on. */
  readonly onError?: (error: Error) => void;
}

export interface Listener {
  readonly host: string;
  /** The actual one; 0 of a Unix socket. */
  readonly port: number;
  /** Stops accepting, and closes the connections that have not said what they are; others are their server's to drain. */
  close(): Promise<void>;
}

const FIRST_BYTES_TIMEOUT_MS = 10_000;
const UNDECIDED_MAX = 1_000;

/** The first line of the preface is enough: no HTTP/1.1 request looks like it. */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n");

/** A record of TLS that holds a part of a handshake. */
const TLS_HANDSHAKE = 0x16;

type Decided = "http2" | "http1" | "tls" | "unknown";
type Protocol = Decided | "more bytes needed";

/** Tells the protocol by a connection's first bytes. */
export function protocolOf(bytes: Uint8Array): Protocol {
  const common = Math.min(bytes.byteLength, HTTP2_PREFACE.byteLength);
  if (HTTP2_PREFACE.subarray(0, common).equals(bytes.subarray(0, common))) {
    return common === HTTP2_PREFACE.byteLength ? "http2" : "more bytes needed";
  }
  const first = bytes[0] ?? 0;
  if (first === TLS_HANDSHAKE) return "tls";
  // A method is upper-case letters.
  return first >= 0x41 && first <= 0x5a ? "http1" : "unknown";
}

/** Calls back once, with the protocol; never, if the connection ends before. */
function decide(
  socket: Socket,
  { pending, onDecided }: { pending: PendingSockets; onDecided: (protocol: Decided) => void },
): void {
  let first: Buffer = Buffer.alloc(0);
  function onData(chunk: Buffer): void {
    first = first.byteLength === 0 ? chunk : Buffer.concat([first, chunk]);
    const protocol = protocolOf(first);
    if (protocol === "more bytes needed") return;
    pending.settle(socket);
    socket.off("data", onData);
    socket.pause();
    socket.unshift(first);
    onDecided(protocol);
  }
  pending.add(socket);
  socket.on("data", onData);
}

const BIND_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "this machine has no such address",
  // What Deno makes of the same.
  EINVAL: "this machine has no such address",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no such host",
  ENOENT: "no such folder",
  // Of looking a name up.
  EPERM: "Deno does not permit it; rhino permissions prints the flags that do",
};

type Place = Pick<ListenOptions, "host" | "port" | "isUnix" | "reusePort">;

function placeText({ host, port, isUnix }: Place): string {
  if (isUnix) return host;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function bindError(error: Error, place: Place): Error {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return new Error(
    `Cannot listen on ${placeText(place)}: ${BIND_PROBLEMS[code] ?? error.message}`,
    {
      cause: error,
    },
  );
}

/** The socket's file that an ended server has left behind is in the way; etcd removes it too. Other files stay. */
function removeLeftSocket(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`Cannot listen on ${path}: it is a file, and no socket`);
  rmSync(path);
}

/** A name's, as `listen` would look it up; the name itself where only `listen` may do that, being for one port. */
async function addressOf({ host, ...place }: Place): Promise<string> {
  if (place.isUnix) return host;
  try {
    return (await lookup(host)).address;
  } catch (error) {
    if (isPermitted({ host, ...place })) return host;
    throw error instanceof Error ? bindError(error, { host, ...place }) : error;
  }
}

function isPermitted(place: Place): boolean {
  return Deno.permissions.querySync({ name: "net", host: placeText(place) }).state === "granted";
}

/** Asked first, for what Deno refuses within `listen` nobody can catch. */
function assertPermitted(place: Place): void {
  const { host: path, isUnix } = place;
  const host = isUnix ? `unix:${resolvePath(path)}` : placeText(place);
  const wanted: Deno.PermissionDescriptor[] = [
    { name: "net", host },
    ...isUnix ? [{ name: "read", path } as const, { name: "write", path } as const] : [],
  ];
  for (const descriptor of wanted) {
    if (Deno.permissions.requestSync(descriptor).state === "granted") continue;
    const value = descriptor.name === "net" ? host : path;
    throw new Error(
      `Cannot listen on ${placeText(place)}: Deno does not permit it without ` +
        `--allow-${descriptor.name}=${value}; rhino permissions prints all such flags`,
    );
  }
}

async function bind(server: Server, place: Place): Promise<{ host: string; port: number }> {
  const { port, isUnix, reusePort = false } = place;
  const host = await addressOf(place);
  assertPermitted({ ...place, host });
  if (isUnix) removeLeftSocket(host);
  return await new Promise((resolve, reject) => {
    server.once("error", (error) => reject(bindError(error, place)));
    server.listen(isUnix ? { path: host } : { host, port, reusePort }, () => {
      server.removeAllListeners("error");
      const address = server.address();
      // Of a Unix socket it is a text.
      if (address === null || typeof address === "string") resolve({ host, port });
      else resolve({ host: address.address, port: address.port });
    });
  });
}

/** What of it has begun to speak HTTP/2 over TLS must have asked for it, and only that. */
function isAsNegotiated(protocol: Decided, alpnProtocol: string | false | null): boolean {
  return protocol === "http2" ? alpnProtocol === "h2" : alpnProtocol !== "h2";
}

/**
 * Listens on one port or Unix socket.
 *
 * @throws {Error} with one line for the operator, if it cannot be had.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host, isUnix, onHttp2, onError, tls, plain = true } = options;
  const { onHttp1 = (socket: Socket) => socket.destroy() } = options;
  const pending = new PendingSockets({
    timeoutMs: options.firstBytesTimeoutMs ?? FIRST_BYTES_TIMEOUT_MS,
    max: options.undecidedMax ?? UNDECIDED_MAX,
  });
  function serve(socket: Socket, protocol: Decided): void {
    if (protocol === "http2") return onHttp2(socket);
    if (protocol !== "http1") {
      socket.destroy();
      return;
    }
    onHttp1(socket);
  }
  function acceptTls(front: TlsFront, socket: Socket): void {
    front.accept(socket, (secure) => {
      decide(secure, {
        pending,
        onDecided: (protocol) =>
          serve(secure, isAsNegotiated(protocol, secure.alpnProtocol) ? protocol : "unknown"),
      });
    });
  }
  const server = createServer({ noDelay: true }, (socket) => {
    // A broken connection also closes, which is what its server acts on.
    socket.on("error", () => {});
    if (tls !== undefined && !plain) return acceptTls(tls, socket);
    decide(socket, {
      pending,
      onDecided(protocol) {
        if (protocol === "tls" && tls !== undefined) acceptTls(tls, socket);
        else serve(socket, protocol);
      },
    });
  });
  const bound = await bind(server, options);
  server.on("error", (error) => onError?.(error));
  return {
    ...bound,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      if (isUnix) rmSync(host, { force: true });
      tls?.close();
      pending.closeAll();
      // The server counts connections that it has handed over too and would wait for their end; accepting has stopped already.
      void closed;
      return Promise.resolve();
    },
  };
}
