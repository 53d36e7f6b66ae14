/** The composition root: builds every part once, starts them in order, stops them in reverse. */
import { BackendError, type BackendModule, type OpenOptions } from "../backends/contract.ts";
import { openBackend, schemeOf } from "../backends/registry.ts";
import { dataFolderOf } from "./auto_tls.ts";
import { addressOf, isUnix, urlText } from "./client_urls.ts";
import { type Clocks, wallClock } from "./clocks.ts";
import type { Config } from "./config.ts";
import { DEFAULT_LISTEN_URL, type Engine, type EngineOptions, startEngine } from "./engine.ts";
import { EtcdError } from "./errors.ts";
import { createHttpServer, type HttpServer } from "./http/http_server.ts";
import { randomId } from "./identity.ts";
import { type ListeningUrl, prepareListeners } from "./listeners.ts";
import { DRAIN_GRACE_MS, LEASE_GAP_MS, REQUEST_OVERHEAD_BYTES } from "./limits.ts";
import type { Log } from "./log.ts";
import { Recorders } from "./metrics/recorders.ts";
import type { MethodTable } from "./transport/call.ts";
import { createGrpcServer } from "./transport/grpc_server.ts";

/** A server that takes requests; disposing of it drains and closes it. */
export interface RunningServer extends AsyncDisposable {
  /** HOST:PORT of the first client URL, with the actual port; of a Unix socket its URL. */
  readonly address: string;
  /** All that is listened on, with the actual ports; the client URLs first. */
  readonly urls: readonly ListeningUrl[];
  readonly engine: Pick<Engine, "store" | "lessor" | "compactor">;
}

/** What the program around the server may bring along, besides the config. */
export interface Embedding {
  /** Backends of its own, by the scheme that each serves; they go before all others, and run in no sandbox. */
  readonly modules?: ReadonlyMap<string, BackendModule>;
  /** Time that open calls get to end when the server closes. Default: `DRAIN_GRACE_MS`. */
  readonly closeGraceMs?: number;
  /** Default: the process's. */
  readonly clocks?: Clocks;
  /** See `OpenOptions`. Default: `LEASE_GAP_MS`. */
  readonly leaseGapMs?: number;
  /** Puts something between the transport and the methods of gRPC. */
  readonly intercept?: (methods: MethodTable) => MethodTable;
}

/**
 * Opens the store and serves it.
 *
 * @throws {BackendError} `unusable` if the store cannot be opened
 * @throws {Error} with one line if the address cannot be listened on
 */
export async function startServer(
  config: Config,
  log: Log,
  embedding: Embedding = {},
): Promise<RunningServer> {
  const { modules = new Map(), clocks, closeGraceMs = DRAIN_GRACE_MS } = embedding;
  await using started = new AsyncDisposableStack();
  // Before the store is opened: what is wrong with a certificate is known at once.
  const listeners = prepareListeners({ config, dataFolder: dataFolderOf(config.endpoint), log });
  const recorders = new Recorders();
  const module = modules.get(schemeOf(config.endpoint));
  const open = (options: OpenOptions) =>
    module === undefined ? openBackend(config, options) : module.open(config.endpoint, options);
  const backend = await open({
    now: clocks?.wall ?? wallClock(),
    randomId,
    log,
    maxConnections: config.maxConnections,
    createSchema: !config.noCreate,
    leaseGapMs: embedding.leaseGapMs ?? LEASE_GAP_MS,
    unsafeNoSync: config.unsafeNoFsync,
    onStatement: recorders.statements.onStatement,
  });
  started.defer(() => backend.close());
  // A port may be any free one, which is known only later.
  const listening = () => listeners.clientUrls;
  const now = clocks === undefined ? {} : { now: clocks.now };
  const engine = started.use(
    await startEngine({ backend, listening, config, log, recorders, ...now }),
  );
  const methods = embedding.intercept?.(engine.methods) ?? engine.methods;
  const http = makeHttpServer({ engine: { ...engine, methods }, config, log });
  const server = createGrpcServer({
    methods,
    maxReceiveBytes: config.maxRequestBytes + REQUEST_OVERHEAD_BYTES,
    onOtherStream: http.onOtherStream,
    maxConcurrentStreams: config.maxConcurrentStreams,
    keepalive: {
      intervalMs: config.grpcKeepaliveIntervalMs,
      timeoutMs: config.grpcKeepaliveTimeoutMs,
      minPingIntervalMs: config.grpcKeepaliveMinTimeMs,
    },
    hotPath: config.fastPath,
    observe: engine.observe,
    toStatus: backendStatus,
    onDefect: defectLog(log),
  });
  started.defer(async () => {
    await Promise.all([server.drain(closeGraceMs), http.drain(closeGraceMs)]);
  });
  started.defer(() => listeners.close());
  await listeners.open({
    onHttp2: (socket) => server.accept(socket),
    onHttp1: (socket) => http.accept(socket),
    onMetrics: (socket) => http.accept(socket, "metrics"),
  });
  await engine.membership.announce();
  const running = started.move();
  const { urls, clientUrls: [first = DEFAULT_LISTEN_URL] } = listeners;
  return {
    address: isUnix(first) ? urlText(first) : addressOf(first),
    urls,
    engine,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What is served on the same ports besides gRPC. */
function makeHttpServer(
  { engine, config, log }: Pick<EngineOptions, "config" | "log"> & {
    readonly engine: Engine;
  },
): HttpServer {
  const { methods, authority, checks, versions, observe, observeHealth, metrics } = engine;
  return createHttpServer({
    methods,
    checks,
    versions,
    observe: observeHealth,
    observeCalls: observe,
    metrics: () => metrics.render(),
    maxReceiveBytes: config.maxRequestBytes + REQUEST_OVERHEAD_BYTES,
    access: {
      cors: config.cors,
      hostWhitelist: config.hostWhitelist,
      ignoresClientNames: () =>
        config.clientCertAuth && config.enableGrpcGateway && !authority.isOff,
    },
    enableGateway: config.enableGrpcGateway,
    toStatus: backendStatus,
    onDefect: defectLog(log),
  });
}

function defectLog(log: Log) {
  return (error: unknown, path: string) => log("error", "defect: a call failed", { path, error });
}

/** What a client is told when the store fails: that it may try again, or that the store is full; never the details. */
function backendStatus(error: unknown) {
  if (!(error instanceof BackendError)) return undefined;
  switch (error.kind) {
    case "full":
      return new EtcdError("noSpace");
    case "corrupt":
      return new EtcdError("corrupt");
    case "conflict":
    case "unavailable":
    case "indeterminate":
      return new EtcdError("timeout");
    case "unusable":
      return undefined;
  }
}
