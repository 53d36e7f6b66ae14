/** The composition root: builds every part once, starts them in order, stops them in reverse. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Backend, BackendError } from "../backends/contract.ts";
import { openBackend } from "../backends/registry.ts";
import { addressOf, clientUrls } from "./client_urls.ts";
import { Compactor } from "./compaction/compactor.ts";
import type { Config } from "./config.ts";
import { EtcdError } from "./errors.ts";
import { claimIdentity } from "./identity.ts";
import { Lessor } from "./lease/lessor.ts";
import { DRAIN_GRACE_MS, REQUEST_OVERHEAD_BYTES } from "./limits.ts";
import type { Log } from "./log.ts";
import { Downgrade } from "./mvcc/downgrade.ts";
import { Quota } from "./mvcc/quota.ts";
import { Store } from "./mvcc/store.ts";
import { clusterMethods } from "./services/cluster.ts";
import { HeaderEncoder, type ServerIdentity } from "./services/header.ts";
import { healthMethods } from "./services/health.ts";
import { kvMethods } from "./services/kv.ts";
import { leaseMethods } from "./services/lease.ts";
import { maintenanceMethods } from "./services/maintenance.ts";
import { guarded } from "./services/service.ts";
import { watchMethods } from "./services/watch.ts";
import { WatchHub } from "./watch/hub.ts";
import type { MethodTable } from "./transport/call.ts";
import { createGrpcServer } from "./transport/grpc_server.ts";
import { listen } from "./transport/listener.ts";

/** A server that takes requests; disposing of it drains and closes it. */
export interface RunningServer extends AsyncDisposable {
  /** HOST:PORT, with the actual port. */
  readonly address: string;
}

/** etcd's defaults (source: etcd's server/embed/config.go). */
const KEEPALIVE = { intervalMs: 2 * 60 * 60 * 1_000, timeoutMs: 20_000, minPingIntervalMs: 5_000 };
const STREAMS_MAX = 2 ** 32 - 1;

/**
 * Opens the store and serves it.
 *
 * @throws {BackendError} `unusable` if the store cannot be opened
 * @throws {Error} with one line if the address cannot be listened on
 */
export async function startServer(config: Config, log: Log): Promise<RunningServer> {
  await using started = new AsyncDisposableStack();
  const backend = await openBackend(config.endpoint, { now: wallClock(), randomId, log });
  started.defer(() => backend.close());
  // The port may be any free one, which is known only later.
  const listening = { ...config.listenAddress };
  const engine = started.use(await startEngine({ backend, listening, config, log }));
  const server = createGrpcServer({
    methods: engine.methods,
    maxReceiveBytes: config.maxRequestBytes + REQUEST_OVERHEAD_BYTES,
    maxConcurrentStreams: STREAMS_MAX,
    keepalive: KEEPALIVE,
    hotPath: config.fastPath,
    toStatus: backendStatus,
    onDefect: (error, path) => log("error", "defect: a call failed", { path, error }),
  });
  const listener = await listen({
    ...config.listenAddress,
    onHttp2: (socket) => server.accept(socket),
    onError: (error) => log("warn", "Cannot accept a connection", { error }),
  });
  listening.port = listener.port;
  started.defer(() => server.drain(DRAIN_GRACE_MS));
  started.defer(() => listener.close());
  const running = started.move();
  return {
    address: addressOf(listener),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface EngineOptions {
  readonly backend: Backend;
  readonly listening: { readonly host: string; readonly port: number };
  readonly config: Config;
  readonly log: Log;
}

/** Everything between the backend and the transport. */
async function startEngine({ backend, listening, config, log }: EngineOptions) {
  await using started = new AsyncDisposableStack();
  const store = started.use(await Store.open({ backend, now, log }));
  // Before anything is written, so that it sees every commit.
  const hub = started.use(new WatchHub({ store, log }));
  const compactor = started.use(
    new Compactor({
      store,
      intervalMs: config.compactIntervalMs,
      retainMin: config.compactMinRetain,
      batchSize: config.compactBatchSize,
      log,
    }),
  );
  const lessor = started.use(new Lessor({ store, now, randomId: randomLeaseId, log }));
  // Before anything is appended: from then on nobody knows how long the store lay idle.
  await lessor.start();
  const identity = await claimIdentity(store, config.name);
  const downgrade = await Downgrade.open({ store, version: config.emulatedEtcdVersion });
  const parts = { store, hub, identity, compactor, lessor, downgrade };
  const methods = methodTable({ ...parts, listening, config });
  const running = started.move();
  return { methods, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

interface Parts {
  readonly store: Store;
  readonly hub: WatchHub;
  readonly identity: ServerIdentity;
  readonly compactor: Compactor;
  readonly lessor: Lessor;
  readonly downgrade: Downgrade;
  readonly listening: EngineOptions["listening"];
  readonly config: Config;
}

function methodTable(parts: Parts): MethodTable {
  const { store, hub, identity, compactor, lessor, downgrade, listening, config } = parts;
  const { memberId } = identity;
  const options = {
    store,
    header: new HeaderEncoder(identity),
    quota: new Quota({ store, memberId, bytesMax: config.quotaBackendBytes }),
    requestBytesMax: config.maxRequestBytes,
    txnOpsMax: config.maxTxnOps,
  };
  const { name, emulatedEtcdVersion: version, advertiseClientUrls: advertised } = config;
  const urls = { advertised, listening, hostname: hostname() };
  const etcd = guarded([
    ...kvMethods({ ...options, compactor }),
    ...watchMethods({
      hub,
      header: options.header,
      progressIntervalMs: config.watchProgressNotifyIntervalMs,
      requestBytesMax: config.maxRequestBytes,
    }),
    ...leaseMethods({ ...options, lessor }),
    ...clusterMethods({
      ...options,
      name,
      clientUrls: (authority) => clientUrls(urls, authority),
    }),
    ...maintenanceMethods({ ...options, compactor, downgrade, version }),
  ]);
  return new Map([...etcd, ...healthMethods(options)]);
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

/** The time of day, going on evenly from the start: a clock that is set meanwhile must not expire leases. */
function wallClock(): () => number {
  const offsetMs = Date.now() - performance.now();
  return () => Math.floor(offsetMs + performance.now());
}

/** A clock for waiting, which does not jump when somebody sets the time. */
function now(): number {
  return performance.now();
}

function randomId(): bigint {
  return randomBytes(8).readBigUInt64BE() || 1n;
}

/** etcd's own lease ids are positive. */
function randomLeaseId(): bigint {
  return randomBytes(8).readBigUInt64BE() >> 1n || 1n;
}
