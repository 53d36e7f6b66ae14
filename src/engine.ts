/** Everything between the store and the transport: started in order, stopped in reverse. */
import { hostname } from "node:os";
import type { Backend } from "../backends/contract.ts";
import { addressOf, clientUrls, type ClientUrlsOptions, isUnix } from "./client_urls.ts";
import { openAuthority } from "./auth/opening.ts";
import { createPasswords } from "./auth/passwords.ts";
import { now as processNow } from "./clocks.ts";
import { Compactor } from "./compaction/compactor.ts";
import { type Config, DEFAULT_CONFIG, type ListenUrl } from "./config.ts";
import { claimTerm, memberIdOf, nextTermCommand, randomId, randomLeaseId } from "./identity.ts";
import { leaseTtlMin } from "./lease/commands.ts";
import { Lessor } from "./lease/lessor.ts";
import type { Log } from "./log.ts";
import { Membership } from "./membership.ts";
import { methodTable } from "./method_table.ts";
import { CallCounts } from "./metrics/call_counts.ts";
import { createMetrics } from "./metrics/metrics.ts";
import type { Recorders } from "./metrics/recorders.ts";
import type { MetricsSources } from "./metrics/sources.ts";
import { abandonCommand } from "./mvcc/commands.ts";
import { refuseUnfinished } from "./migration/mark.ts";
import { Downgrade } from "./mvcc/downgrade.ts";
import { Store } from "./mvcc/store.ts";
import { ClientRequests } from "./services/client_requests.ts";
import { HeaderEncoder } from "./services/header.ts";
import { healthChecks } from "./services/health_checks.ts";
import { WatchHub } from "./watch/hub.ts";
import { SlowRequests } from "./slow_requests.ts";

/** `makeConfig` lets no config through without one. */
export const DEFAULT_LISTEN_URL = { scheme: "http", host: "0.0.0.0", port: 2379 } as const;

export interface EngineOptions {
  readonly backend: Backend;
  readonly listening: () => readonly ListenUrl[];
  readonly config: Config;
  readonly log: Log;
  readonly recorders: Recorders;
  /** The clock that leases, tokens and automatic compaction go by. Default: the process's. */
  readonly now?: () => number;
}

export type Engine = Awaited<ReturnType<typeof startEngine>>;

/** Everything between the backend and the transport. */
export async function startEngine(options: EngineOptions) {
  const { backend, listening, config, log, recorders, now = processNow } = options;
  await using started = new AsyncDisposableStack();
  await refuseUnfinished(backend);
  const store = started.use(
    await Store.open({ backend, now: processNow, log, observe: recorders.commits }),
  );
  // Before anything is written, so that it sees every commit.
  const hub = started.use(new WatchHub({ store, log }));
  const compactor = started.use(makeCompactor({ store, config, log, recorders, now }));
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
  const clientRequests = new ClientRequests();
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
    clientRequests,
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
    store,
    lessor,
    compactor,
    methods,
    authority,
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

function makeCompactor(
  { store, now, config, log, recorders }: Pick<EngineOptions, "config" | "log" | "recorders"> & {
    readonly store: Store;
    readonly now: () => number;
  },
): Compactor {
  return new Compactor({
    store,
    automatic: config.autoCompaction,
    intervalMs: config.compactIntervalMs,
    retainMin: config.compactMinRetain,
    batchSize: config.compactBatchSize,
    sleepMs: config.compactionSleepIntervalMs,
    now,
    log,
    observe: recorders.compactions,
  });
}

/** Counts what the parts do, and tells of calls that take too long. */
function meter(
  { log, ...sources }: Omit<MetricsSources, "calls" | "now" | "wallSeconds"> & { log: Log },
  started: AsyncDisposableStack,
) {
  const { metrics, warningUnaryRequestDurationMs: slowMs } = sources.config;
  const slow = started.use(new SlowRequests({ log, expectedMs: slowMs, now: processNow }));
  const isExtensive = metrics === "extensive";
  const calls = new CallCounts({ isExtensive, slowMs, onSlow: (call) => slow.add(call) });
  const wallSeconds = () => Date.now() / 1_000;
  return {
    metrics: createMetrics({ ...sources, calls, now: processNow, wallSeconds }),
    observe: calls.observe,
  };
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
  // A port that is any free one tells no two servers apart, so theirs are drawn.
  const isAnywhere = listenUrl.port === 0 && !isUnix(listenUrl);
  const address = isAnywhere ? `${randomId()}` : addressOf(listenUrl);
  const place = isNamed ? "" : `${urls.hostname} ${address}`;
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
