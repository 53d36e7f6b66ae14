/** The composition root: builds every part once, starts them in order, stops them in reverse. */
import { randomBytes } from "node:crypto";
import { hostname, tmpdir } from "node:os";
import { type Backend, BackendError } from "../backends/contract.ts";
import { openBackend } from "../backends/registry.ts";
import { dataFolderOf } from "./auto_tls.ts";
import { addressOf, clientUrls, type ClientUrlsOptions, isUnix, urlText } from "./client_urls.ts";
import type { Authority } from "./auth/authority.ts";
import { openAuthority } from "./auth/opening.ts";
import { createPasswords, type Passwords } from "./auth/passwords.ts";
import { Compactor } from "./compaction/compactor.ts";
import { type Config, DEFAULT_CONFIG, type ListenUrl } from "./config.ts";
import { EtcdError } from "./errors.ts";
import { createHttpServer, type HttpServer } from "./http/http_server.ts";
import { claimTerm, memberIdOf, nextTermCommand } from "./identity.ts";
import { leaseTtlMin } from "./lease/commands.ts";
import { Lessor } from "./lease/lessor.ts";
import { type ListeningUrl, prepareListeners } from "./listeners.ts";
import { DRAIN_GRACE_MS, LEASE_GAP_MS, REQUEST_OVERHEAD_BYTES } from "./limits.ts";
import type { Log } from "./log.ts";
import { Membership } from "./membership.ts";
import { CallCounts } from "./metrics/call_counts.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { Recorders } from "./metrics/recorders.ts";
import type { MetricsSources } from "./metrics/sources.ts";
import { abandonCommand } from "./mvcc/commands.ts";
import { Downgrade } from "./mvcc/downgrade.ts";
import { Quota } from "./mvcc/quota.ts";
import { Store } from "./mvcc/store.ts";
import { authMethods } from "./services/auth.ts";
import { clusterMethods } from "./services/cluster.ts";
import { ClientRequests } from "./services/client_requests.ts";
import { Defragmentations } from "./services/defragmentation.ts";
import { electionMethods } from "./services/election.ts";
import { HeaderEncoder } from "./services/header.ts";
import { healthMethods } from "./services/health.ts";
import { healthChecks } from "./services/health_checks.ts";
import { kvMethods } from "./services/kv.ts";
import { leaseMethods } from "./services/lease.ts";
import { lockMethods } from "./services/lock.ts";
import { maintenanceMethods } from "./services/maintenance.ts";
import { reflectionMethods } from "./services/reflection.ts";
import { guarded } from "./services/service.ts";
import { snapshotMethods } from "./services/snapshot.ts";
import { watchMethods } from "./services/watch.ts";
import { Snapshotter } from "./snapshot/snapshotter.ts";
import { WatchHub } from "./watch/hub.ts";
import { SlowRequests } from "./slow_requests.ts";
import type { MethodTable } from "./transport/call.ts";
import { createGrpcServer } from "./transport/grpc_server.ts";

/** A server that takes requests; disposing of it drains and closes it. */
export interface RunningServer extends AsyncDisposable {
  /** HOST:PORT of the first client URL, with the actual port; of a Unix socket its URL. */
  readonly address: string;
  /** All that is listened on, with the actual ports; the client URLs first. */
  readonly urls: readonly ListeningUrl[];
}

/** `makeConfig` lets no config through without one. */
const DEFAULT_LISTEN_URL = { scheme: "http", host: "0.0.0.0", port: 2379 } as const;

/**
 * Opens the store and serves it.
 *
 * @throws {BackendError} `unusable` if the store cannot be opened
 * @throws {Error} with one line if the address cannot be listened on
 */
export async function startServer(config: Config, log: Log): Promise<RunningServer> {
  await using started = new AsyncDisposableStack();
  const recorders = new Recorders();
  // Before the store is opened: what is wrong with a certificate is known at once.
  const listeners = prepareListeners({ config, dataFolder: dataFolderOf(config.endpoint), log });
  const backend = await openBackend(config.endpoint, {
    now: wallClock(),
    randomId,
    log,
    maxConnections: config.maxConnections,
    createSchema: !config.noCreate,
    leaseGapMs: LEASE_GAP_MS,
    unsafeNoSync: config.unsafeNoFsync,
    onStatement: recorders.statements.onStatement,
  });
  started.defer(() => backend.close());
  // A port may be any free one, which is known only later.
  const listening = () => listeners.clientUrls;
  const engine = started.use(await startEngine({ backend, listening, config, log, recorders }));
  const http = makeHttpServer({ engine, config, log });
  const server = createGrpcServer({
    methods: engine.methods,
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
    await Promise.all([server.drain(DRAIN_GRACE_MS), http.drain(DRAIN_GRACE_MS)]);
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
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface EngineOptions {
  readonly backend: Backend;
  readonly listening: () => readonly ListenUrl[];
  readonly config: Config;
  readonly log: Log;
  readonly recorders: Recorders;
}

/** Everything between the backend and the transport. */
async function startEngine(options: EngineOptions) {
  const { backend, listening, config, log, recorders } = options;
  await using started = new AsyncDisposableStack();
  const store = started.use(await Store.open({ backend, now, log, observe: recorders.commits }));
  // Before anything is written, so that it sees every commit.
  const hub = started.use(new WatchHub({ store, log }));
  const compactor = started.use(
    new Compactor({
      store,
      automatic: config.autoCompaction,
      intervalMs: config.compactIntervalMs,
      retainMin: config.compactMinRetain,
      batchSize: config.compactBatchSize,
      sleepMs: config.compactionSleepIntervalMs,
      now,
      log,
      observe: recorders.compactions,
    }),
  );
  const ttlMin = leaseTtlMin(config);
  const onGrant = (ttl: number) => recorders.leaseTtls.observe(ttl);
  const lessor = started.use(
    new Lessor({ store, now, randomId: randomLeaseId, ttlMin, log, onGrant }),
  );
  const urls = { advertised: config.advertiseClientUrls, listening, hostname: hostname() };
  const membership = started.use(makeMembership({ store, config, log, urls }));
  await membership.join();
  // Before anything is appended: from then on nobody knows how long the store lay idle.
  await lessor.start({ isAlone: membership.isAlone });
  const authority = started.use(await openAuthority({ store, config, now, log }));
  const passwords = started.use(createPasswords({ cost: config.bcryptCost, log }));
  const header = await makeHeader({ store, membership, log });
  const downgrade = await Downgrade.open({ store, version: config.emulatedEtcdVersion });
  const parts = {
    store,
    hub,
    header,
    authority,
    passwords,
    compactor,
    lessor,
    downgrade,
    membership,
    clientRequests: new ClientRequests(),
  };
  const methods = methodTable({
    ...parts,
    config,
    log,
    clientUrls: (authority) => clientUrls(urls, authority),
  });
  const authRevision = () => Number(authority.state.revision);
  const { metrics, observe } = meter({ ...parts, authRevision, config, log, recorders }, started);
  const running = started.move();
  return {
    methods,
    membership,
    metrics,
    observe,
    observeHealth: recorders.health.observe,
    checks: healthChecks(store),
    versions: () => ({
      server: config.emulatedEtcdVersion,
      cluster: downgrade.clusterVersion,
      storage: downgrade.clusterVersion,
    }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Counts what the parts do, and tells of calls that take too long. */
function meter(
  { log, ...sources }: Omit<MetricsSources, "calls" | "now" | "wallSeconds"> & { log: Log },
  started: AsyncDisposableStack,
) {
  const { metrics, warningUnaryRequestDurationMs: slowMs } = sources.config;
  const slow = started.use(new SlowRequests({ log, expectedMs: slowMs, now }));
  const isExtensive = metrics === "extensive";
  const calls = new CallCounts({ isExtensive, slowMs, onSlow: (call) => slow.add(call) });
  const wallSeconds = () => Date.now() / 1_000;
  return {
    metrics: createMetrics({ ...sources, calls, now, wallSeconds }),
    observe: calls.observe,
  };
}

/** What is served on the same ports besides gRPC. */
function makeHttpServer(
  { engine, config, log }: Pick<EngineOptions, "config" | "log"> & {
    readonly engine: Awaited<ReturnType<typeof startEngine>>;
  },
): HttpServer {
  const { methods, checks, versions, observe, observeHealth, metrics } = engine;
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
      ignoresClientNames: () => false,
    },
    enableGateway: config.enableGrpcGateway,
    toStatus: backendStatus,
    onDefect: defectLog(log),
  });
}

function defectLog(log: Log) {
  return (error: unknown, path: string) => log("error", "defect: a call failed", { path, error });
}

function makeMembership(
  { store, config, log, urls }: Pick<EngineOptions, "config" | "log"> & {
    readonly store: Store;
    readonly urls: ClientUrlsOptions;
  },
): Membership {
  const { backend } = store;
  const { clusterId, capabilities } = backend;
  const { name, listenClientUrls: [listenUrl = DEFAULT_LISTEN_URL] } = config;
  const isNamed = capabilities.exclusive || name !== DEFAULT_CONFIG.name;
  const place = isNamed ? "" : `${urls.hostname} ${addressOf(listenUrl)}`;
  return new Membership({
    backend,
    id: memberIdOf({ clusterId, name, place }),
    // The port may be known only later.
    info: () => ({ name, clientUrls: clientUrls(urls, "") }),
    sawHead: (head) => store.noticeHead(head),
    log,
  });
}

async function makeHeader(
  { store, membership, log }: { store: Store; membership: Membership; log: Log },
): Promise<HeaderEncoder> {
  const { clusterId } = store.backend;
  const identity = { clusterId, memberId: membership.self.id, raftTerm: 0 };
  const header = new HeaderEncoder(identity);
  header.setRaftTerm(await claimTerm(store, (term) => header.setRaftTerm(term)));
  store.onRestart(({ isOther, before }) => {
    if (!isOther) return;
    const commands = [
      store.submit(abandonCommand(before.revision)),
      store.submit(nextTermCommand()),
    ];
    Promise.all(commands).catch((error) => {
      log("error", "Cannot mark where the history was lost: restart this server", { error });
    });
  });
  return header;
}

interface Parts {
  readonly store: Store;
  readonly hub: WatchHub;
  readonly header: HeaderEncoder;
  readonly authority: Authority;
  readonly passwords: Passwords;
  readonly compactor: Compactor;
  readonly lessor: Lessor;
  readonly downgrade: Downgrade;
  readonly membership: Membership;
  readonly clientRequests: ClientRequests;
  readonly config: Config;
  readonly log: Log;
  /** URLs that clients reach this server by; the argument is what the asking one called it. */
  readonly clientUrls: (authority: string) => readonly string[];
}

function methodTable(parts: Parts): MethodTable {
  const { store, hub, header, compactor, lessor, downgrade, membership, config } = parts;
  const { memberId } = header.identity;
  const options = {
    store,
    header,
    authority: parts.authority,
    quota: new Quota({ store, memberId, bytesMax: config.quotaBackendBytes }),
    requestBytesMax: config.maxRequestBytes,
    txnOpsMax: config.maxTxnOps,
  };
  const { emulatedEtcdVersion: version, featureGates } = config;
  const stopsService = featureGates.StopGRPCServiceOnDefrag;
  const defragmentations = new Defragmentations({ stopsService });
  const etcd = guarded([
    ...kvMethods({ ...options, compactor }),
    ...watchMethods({
      authority: parts.authority,
      hub,
      header: options.header,
      progressIntervalMs: config.watchProgressNotifyIntervalMs,
      requestBytesMax: config.maxRequestBytes,
    }),
    ...authMethods({ ...options, passwords: parts.passwords, log: parts.log }),
    ...leaseMethods({ ...options, lessor }),
    ...clusterMethods({ ...options, membership, clientUrls: parts.clientUrls }),
    ...maintenanceMethods({
      ...options,
      compactor,
      defragmentations,
      downgrade,
      membership,
      version,
    }),
    ...snapshotMethods({ ...options, snapshotter: makeSnapshotter(parts), log: parts.log }),
  ], parts.clientRequests);
  const table = new Map(etcd);
  const services = new Map([
    ...table,
    ...guarded([...lockMethods(table), ...electionMethods(table)], parts.clientRequests),
    ...healthMethods({ ...options, defragmentations }),
  ]);
  return new Map([...services, ...reflectionMethods(services.keys())]);
}

function makeSnapshotter({ store, header, compactor, downgrade, membership }: Parts): Snapshotter {
  return new Snapshotter({
    store,
    hold: () => compactor.hold(),
    facts: async () => ({
      term: header.identity.raftTerm,
      version: downgrade.clusterVersion,
      members: await membership.list(),
    }),
    folder: store.backend.folder ?? tmpdir(),
  });
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
