/**
 * One TCP port for everything: the first bytes of a connection tell whether it is HTTP/2 (gRPC) or HTTP/1.1. Bytes that
 * were read for that are given back to the socket.
 */

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Gets the socket paused, with the bytes read so far given back to it. */
  readonly onHttp2: (socket: Socket) => void;
  /** The same for HTTP/1.1. Default: such connections are closed. */
  readonly onHttp1?: (socket: Socket) => void;
  /** How long a connection may take to say what it is; then it is closed. Default 10 s. */
  readonly firstBytesTimeoutMs?: number;
  /** Connections that have not said yet what they are; at one more, the oldest is closed. Default 1,000. */
  readonly undecidedMax?: number;
  /** Is told of trouble with accepting (such as too many open files); the listener goes on. */
  readonly onError?: (error: Error) => void;
}

export interface Listener {
  readonly host: string;
  /** The actual one. */
  readonly port: number;
  /** Stops accepting, and closes the connections that have not said what they are; others are their server's to drain. */
  close(): Promise<void>;
}

const FIRST_BYTES_TIMEOUT_MS = 10_000;
const UNDECIDED_MAX = 1_000;

/** The first line of the preface is enough: no HTTP/1.1 request looks like it. */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n");

type Protocol = "http2" | "http1" | "unknown" | "more bytes needed";

/** Tells the protocol by a connection's first bytes. */
export function protocolOf(bytes: Uint8Array): Protocol {
  const common = Math.min(bytes.byteLength, HTTP2_PREFACE.byteLength);
  if (HTTP2_PREFACE.subarray(0, common).equals(bytes.subarray(0, common))) {
    return common === HTTP2_PREFACE.byteLength ? "http2" : "more bytes needed";
  }
  // A method is upper-case letters; a TLS handshake, for one, is not.
  const first = bytes[0] ?? 0;
  return first >= 0x41 && first <= 0x5a ? "http1" : "unknown";
}

/** Connections that have not sent enough to be told apart. */
class Undecided {
  readonly #sockets = new Set<Socket>();
  readonly #timeoutMs: number;
  readonly #max: number;

  constructor(options: { timeoutMs: number; max: number }) {
    this.#timeoutMs = options.timeoutMs;
    this.#max = options.max;
  }

  /** Calls back once, with the protocol; never, if the connection ends before. */
  decide(socket: Socket, onDecided: (protocol: "http2" | "http1") => void): void {
    let first: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), this.#timeoutMs);
    const forget = () => {
      clearTimeout(timer);
      socket.off("data", onData);
      socket.off("close", forget);
      this.#sockets.delete(socket);
    };
    function onData(chunk: Buffer): void {
      first = first.byteLength === 0 ? chunk : Buffer.concat([first, chunk]);
      const protocol = protocolOf(first);
      if (protocol === "more bytes needed") return;
      forget();
      if (protocol === "unknown") {
        socket.destroy();
        return;
      }
      socket.pause();
      socket.unshift(first);
      onDecided(protocol);
    }
    this.#sockets.add(socket);
    if (this.#sockets.size > this.#max) this.#closeOldest();
    socket.on("close", forget);
    socket.on("data", onData);
  }

  #closeOldest(): void {
    for (const socket of this.#sockets) {
      // Its `close` event comes later, and until then it must not count.
      this.#sockets.delete(socket);
      socket.destroy();
      return;
    }
  }

  closeAll(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }
}

const BIND_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is in use",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "this machine has no such address",
  // What Deno makes of the same.
  EINVAL: "this machine has no such address",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no such host",
};

function bindError(error: Error, { host, port }: { host: string; port: number }): Error {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Error(`Cannot listen on ${address}: ${BIND_PROBLEMS[code] ?? error.message}`, {
    cause: error,
  });
}

function bind(server: Server, address: { host: string; port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(bindError(error, address)));
    server.listen(address, () => {
      server.removeAllListeners("error");
      // A TCP server that listens has such an address.
      resolve(server.address() as AddressInfo);
    });
  });
}

/**
 * Listens on one port.
 *
 * @throws {Error} with one line for the operator, if the port cannot be had.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host, port, onHttp2, onError } = options;
  const { onHttp1 = (socket) => socket.destroy() } = options;
  const undecided = new Undecided({
    timeoutMs: options.firstBytesTimeoutMs ?? FIRST_BYTES_TIMEOUT_MS,
    max: options.undecidedMax ?? UNDECIDED_MAX,
  });
  const server = createServer({ noDelay: true }, (socket) => {
    // A broken connection also closes, which is what its server acts on.
    socket.on("error", () => {});
    undecided.decide(socket, (protocol) => {
      if (protocol === "http2") onHttp2(socket);
      else onHttp1(socket);
    });
  });
  const bound = await bind(server, { host, port });
  server.on("error", (error) => onError?.(error));
  return {
    host: bound.address,
    port: bound.port,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      undecided.closeAll();
      // The server counts connections that it has handed over too and would wait for their end; accepting has stopped already.
      void closed;
      return Promise.resolve();
    },
  };
}
