/** Builds every service out of the parts of the engine, and puts their methods into one table. */
import { tmpdir } from "node:os";
import type { Authority } from "./auth/authority.ts";
import type { Passwords } from "./auth/passwords.ts";
import type { Compactor } from "./compaction/compactor.ts";
import type { Config } from "./config.ts";
import type { Lessor } from "./lease/lessor.ts";
import type { Log } from "./log.ts";
import type { Membership } from "./membership.ts";
import type { Downgrade } from "./mvcc/downgrade.ts";
import { Quota } from "./mvcc/quota.ts";
import type { Store } from "./mvcc/store.ts";
import { authMethods } from "./services/auth.ts";
import { clusterMethods } from "./services/cluster.ts";
import type { ClientRequests } from "./services/client_requests.ts";
import { Defragmentations } from "./services/defragmentation.ts";
import { electionMethods } from "./services/election.ts";
import type { HeaderEncoder } from "./services/header.ts";
import { healthMethods } from "./services/health.ts";
import { kvMethods } from "./services/kv.ts";
import { leaseMethods } from "./services/lease.ts";
import { lockMethods } from "./services/lock.ts";
import { maintenanceMethods } from "./services/maintenance.ts";
import { reflectionMethods } from "./services/reflection.ts";
import { guarded } from "./services/service.ts";
import { snapshotMethods } from "./services/snapshot.ts";
import { watchMethods } from "./services/watch.ts";
import { Snapshotter } from "./snapshot/snapshotter.ts";
import type { WatchHub } from "./watch/hub.ts";
import type { MethodTable } from "./transport/call.ts";

/** What the services are built from. */
export interface Parts {
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

/** gRPC path → method, of all services. */
export function methodTable(parts: Parts): MethodTable {
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
  const defragmentations = new Defragmentations({ stopsService, log: parts.log });
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
