/** A server with a small echo service, and clients for it; for the transport's tests. */

import { Buffer } from "node:buffer";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { type ChannelCredentials, Client, credentials, Metadata } from "@grpc/grpc-js";
import { GRPC, StatusError } from "../../errors.ts";
import type { CallContext, Method } from "../call.ts";
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from "../grpc_server.ts";
import { listen, type Listener, type ListenOptions } from "../listener.ts";

export const MAX_RECEIVE_BYTES = 2_097_152;

/** What happened to calls that wait for their signal. */
export interface Waiting {
  readonly context: CallContext;
  /** Resolves with the signal's reason. */
  readonly aborted: Promise<unknown>;
}

export interface EchoServer extends AsyncDisposable {
  readonly grpc: GrpcServer;
  readonly listener: Listener;
  readonly address: string;
  readonly defects: { error: unknown; path: string }[];
  readonly events: string[];
  /** The next call of a waiting method. */
  nextWaiting(): Promise<Waiting>;
}

function watchSignal(context: CallContext): Waiting {
  const { signal } = context;
  const aborted = signal.aborted
    ? Promise.resolve(signal.reason)
    : new Promise<unknown>((resolve) => {
      signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
    });
  return { context, aborted };
}

/** The echo service's methods; `onWaiting` is told of calls that wait. */
function echoMethods(onWaiting: (waiting: Waiting) => void): Map<string, Method> {
  const text = new TextEncoder();
  async function wait(context: CallContext): Promise<never> {
    const waiting = watchSignal(context);
    onWaiting(waiting);
    throw await waiting.aborted;
  }
  return new Map<string, Method>([
    ["/test.Echo/Sync", { kind: "unary", handle: (message) => [message] }],
    ["/test.Echo/Async", {
      kind: "unary",
      handle: async (message) => [await Promise.resolve(message)],
    }],
    ["/test.Echo/Parts", {
      kind: "unary",
      handle: () => [new Uint8Array(40_000).fill(1), text.encode("|"), new Uint8Array(9).fill(2)],
    }],
    ["/test.Echo/Context", {
      kind: "unary",
      handle: (_message, context) => {
        const { authority, peer } = context;
        return [text.encode(JSON.stringify([context.metadata("token"), authority, peer]))];
      },
    }],
    ["/test.Echo/ClientName", {
      kind: "unary",
      handle: (_message, { clientName }) => [text.encode(JSON.stringify(clientName ?? null))],
    }],
    ["/test.Echo/ClientNameStream", {
      kind: "bidi",
      handle: (call) => {
        call.send([text.encode(JSON.stringify(call.clientName ?? null))]);
        return Promise.resolve();
      },
    }],
    ["/test.Echo/Fail", {
      kind: "unary",
      handle: (message) => {
        throw new StatusError(GRPC.NOT_FOUND, Buffer.from(message).toString());
      },
    }],
    ["/test.Echo/Defect", { kind: "unary", handle: () => Promise.reject(new Error("secret")) }],
    ["/test.Echo/Wait", { kind: "unary", handle: (_message, context) => wait(context) }],
    ["/test.Echo/Bidi", {
      kind: "bidi",
      handle: async (call) => {
        for await (const message of call.requests) if (!call.send([message])) await call.drained();
      },
    }],
    ["/test.Echo/WaitStream", { kind: "bidi", handle: (call) => wait(call) }],
    ["/test.Echo/FailStream", {
      kind: "bidi",
      handle: (call) => {
        call.send([text.encode("first")]);
        throw new StatusError(GRPC.OUT_OF_RANGE, "100 % über");
      },
    }],
    ["/test.Echo/Repeat", {
      kind: "server-stream",
      handle: async (call) => {
        for await (const message of call.requests) {
          for (let i = 0; i < 3; i++) call.send([message]);
        }
      },
    }],
  ]);
}

export interface EchoServerOptions {
  readonly grpc?: Partial<GrpcServerOptions>;
  readonly listener?: Partial<ListenOptions>;
}

export async function startEchoServer(options: EchoServerOptions = {}): Promise<EchoServer> {
  const defects: { error: unknown; path: string }[] = [];
  const events: string[] = [];
  const waitings: Waiting[] = [];
  let wake: (() => void) | undefined;
  const methods = echoMethods((waiting) => {
    waitings.push(waiting);
    wake?.();
  });
  const grpc = createGrpcServer({
    methods,
    maxReceiveBytes: MAX_RECEIVE_BYTES,
    maxConcurrentStreams: 2 ** 32 - 1,
    keepalive: { intervalMs: 7_200_000, timeoutMs: 20_000, minPingIntervalMs: 5_000 },
    hotPath: true,
    onDefect: (error, path) => defects.push({ error, path }),
    observe: (path) => ({
      started: () => events.push(`started ${path}`),
      received: () => {},
      sent: () => {},
      finished: (code) => events.push(`finished ${path} ${code}`),
    }),
    ...options.grpc,
  });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    onHttp2: grpc.accept,
    ...options.listener,
  });
  return {
    grpc,
    listener,
    defects,
    events,
    address: `127.0.0.1:${listener.port}`,
    async nextWaiting() {
      for (;;) {
        const waiting = waitings.shift();
        if (waiting !== undefined) return waiting;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    async [Symbol.asyncDispose]() {
      await listener.close();
      await grpc.drain(2_000);
    },
  };
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}

/** What a call ended with. */
export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly messages: Buffer[];
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** A grpc-js client for the echo service. */
export class EchoClient {
  readonly client: Client;

  constructor(address: string, channel: ChannelCredentials = credentials.createInsecure()) {
    this.client = new Client(address, channel, {
      // A channel of its own, so that closing it closes the connection.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
  }

  unary(method: string, message: Uint8Array | string, options: CallOptions = {}): Promise<Outcome> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const callOptions = options.deadlineMs === undefined
      ? {}
      : { deadline: Date.now() + options.deadlineMs };
    return new Promise((resolve) => {
      const call = this.client.makeUnaryRequest(
        `/test.Echo/${method}`,
        identity,
        identity,
        Buffer.from(message),
        metadata,
        callOptions,
        (error, value) => {
          resolve(
            error === null
              ? { code: 0, details: "", messages: value === undefined ? [] : [value] }
              : { code: error.code, details: error.details, messages: [] },
          );
        },
      );
      options.signal?.addEventListener("abort", () => call.cancel(), { once: true });
    });
  }

  bidi(method: string) {
    const call = this.client.makeBidiStreamRequest(`/test.Echo/${method}`, identity, identity);
    return { call, outcome: outcomeOf(call) };
  }

  serverStream(method: string, message: string): Promise<Outcome> {
    return outcomeOf(
      this.client.makeServerStreamRequest(
        `/test.Echo/${method}`,
        identity,
        identity,
        Buffer.from(message),
      ),
    );
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

type ReadableCall = ReturnType<Client["makeServerStreamRequest"]>;

function outcomeOf(call: Pick<ReadableCall, "on">): Promise<Outcome> {
  const messages: Buffer[] = [];
  return new Promise((resolve) => {
    call.on("data", (message: Buffer) => messages.push(message));
    call.on("error", () => {});
    call.on("status", ({ code, details }) => resolve({ code, details, messages }));
  });
}

/** One message as gRPC frames it. */
export function frame(message: Uint8Array | string, flag = 0): Buffer {
  const bytes = Buffer.from(message);
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([prefix, bytes]);
}

/** An HTTP/2 client that can send what no gRPC client sends. */
export class RawClient {
  readonly session: ClientHttp2Session;
  /** Resolves when the connection is open; frames other than requests are lost before. */
  readonly connected: Promise<void>;
  readonly #closed: Promise<void>;

  constructor(address: string) {
    this.session = connect(`http://${address}`);
    this.session.on("error", () => {});
    this.connected = new Promise((resolve) => this.session.on("connect", () => resolve()));
    this.#closed = new Promise((resolve) => this.session.on("close", () => resolve()));
  }

  /** Sends one call; resolves with its response headers and trailers merged, and the body. */
  call(
    method: string,
    body: Uint8Array,
    options: { headers?: Record<string, string>; leaveOpen?: boolean } = {},
  ): Promise<{ headers: IncomingHttpHeaders; body: Buffer; rstCode: number }> {
    const stream = this.session.request({
      ":method": "POST",
      ":path": `/test.Echo/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...options.headers,
    });
    const headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => Object.assign(headers, received));
    stream.on("trailers", (received) => Object.assign(headers, received));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    if (body.byteLength > 0) stream.write(body);
    if (options.leaveOpen !== true) stream.end();
    return new Promise((resolve) => {
      stream.on("close", () => {
        resolve({ headers, body: Buffer.concat(chunks), rstCode: stream.rstCode });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await this.#closed;
  }
}
