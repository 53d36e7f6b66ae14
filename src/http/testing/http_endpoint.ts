/** An HTTP server over methods that do what a test wants, on a port of its own. */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { EtcdError } from "../../errors.ts";
import type { Method, StreamCall } from "../../transport/call.ts";
import { createHttpServer, type HttpFace, type HttpServer } from "../http_server.ts";

export interface HttpEndpoint extends AsyncDisposable {
  readonly http: HttpServer;
  /** `127.0.0.1:PORT` of the client's face. */
  readonly address: string;
  /** Of the metrics' face. */
  readonly metricsAddress: string;
  readonly defects: unknown[];
  /** What the observer of calls was told. */
  readonly events: string[];
}

export interface HttpEndpointOptions {
  readonly methods?: Readonly<Record<string, Method>>;
  readonly metrics?: () => Promise<{ contentType: string; body: string }>;
  readonly maxReceiveBytes?: number;
}

export async function startHttpEndpoint(options: HttpEndpointOptions = {}): Promise<HttpEndpoint> {
  const defects: unknown[] = [];
  const events: string[] = [];
  const http = createHttpServer({
    methods: new Map(Object.entries(options.methods ?? {})),
    metrics: options.metrics,
    observe: undefined,
    checks: {
      alarms: () => [],
      hasLeader: () => false,
      read() {
        throw new EtcdError("timeout");
      },
    },
    versions: () => ({ server: "3.7.1", cluster: "3.7.0", storage: "3.7.0" }),
    maxReceiveBytes: options.maxReceiveBytes ?? 1_024,
    access: { cors: [], hostWhitelist: [], ignoresClientNames: () => false },
    enableGateway: true,
    onDefect: (error) => defects.push(error),
    observeCalls: (path) => ({
      started: () => events.push(`started ${path}`),
      received: () => {},
      sent: () => {},
      finished: (code) => events.push(`finished ${path} ${code}`),
    }),
  });
  const client = await listenFor((socket) => http.accept(socket));
  const metrics = await listenFor((socket) => http.accept(socket, "metrics" satisfies HttpFace));
  return {
    http,
    address: client.address,
    metricsAddress: metrics.address,
    defects,
    events,
    async [Symbol.asyncDispose]() {
      client.close();
      metrics.close();
      await http.drain(0);
    },
  };
}

function listenFor(
  accept: (socket: Socket) => void,
): Promise<{ address: string; close(): void }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    accept(socket);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({ address: `127.0.0.1:${port}`, close: () => void server.close() });
    });
  });
}

/** A method that is under way until the test says otherwise. */
export class HeldCalls {
  readonly calls: StreamCall[] = [];
  #wake: () => void = () => {};

  readonly method: Method = {
    kind: "bidi",
    handle: async (call) => {
      this.calls.push(call);
      this.#wake();
      if (call.signal.aborted) return;
      await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
      this.#wake();
    },
  };

  /** Waits until so many calls have begun. */
  async begun(count: number): Promise<StreamCall> {
    while (this.calls.length < count) await this.#change();
    const call = this.calls[count - 1];
    if (call === undefined) throw new RangeError(`Cannot find call ${count}`);
    return call;
  }

  async aborted(call: StreamCall): Promise<void> {
    while (!call.signal.aborted) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}
