/** etcdserverpb.Maintenance. */
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmResponseSchema,
  AlarmType,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  DowngradeRequestSchema,
  DowngradeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashRequestSchema,
  HashResponseSchema,
  Maintenance,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { AlarmRequest } from "../../gen/etcdserverpb/maintenance_pb.ts";
import type { Compactor } from "../compaction/compactor.ts";
import { EtcdError } from "../errors.ts";
import type { Membership } from "../membership.ts";
import type { AlarmMember } from "../mvcc/alarms.ts";
import type { Downgrade } from "../mvcc/downgrade.ts";
import { hashKv } from "../mvcc/hash.ts";
import type { CallContext } from "../transport/call.ts";
import type { Defragmentations } from "./defragmentation.ts";
import { pathOf, type ServiceMethods, type ServiceOptions, unary } from "./service.ts";

export interface MaintenanceServiceOptions extends ServiceOptions {
  readonly compactor: Compactor;
  readonly defragmentations: Defragmentations;
  readonly downgrade: Downgrade;
  readonly membership: Membership;
  /** The etcd version that clients choose features by. */
  readonly version: string;
}

export function maintenanceMethods(options: MaintenanceServiceOptions): ServiceMethods {
  return [
    [
      pathOf(Maintenance, "Alarm"),
      unary(
        { request: AlarmRequestSchema, response: AlarmResponseSchema },
        (request, call) => alarm(options, request, call),
      ),
    ],
    [
      pathOf(Maintenance, "Status"),
      unary(
        { request: StatusRequestSchema, response: StatusResponseSchema },
        async (_request, call) => {
          await options.authority.requireUser(call);
          return await status(options);
        },
      ),
    ],
    [
      pathOf(Maintenance, "Defragment"),
      unary(
        { request: DefragmentRequestSchema, response: DefragmentResponseSchema },
        async (_request, call) => {
          await options.authority.requireAdmin(call);
          await options.defragmentations.run(options.store.backend);
          return {};
        },
      ),
    ],
    ...hashMethods(options),
    ...leaderMethods(options),
  ];
}

function hashMethods(
  { store, header, compactor, authority }: MaintenanceServiceOptions,
): ServiceMethods {
  const { backend } = store;
  const { hashes: storage } = compactor;
  async function trimmed(): Promise<void> {
    // Another server may have compacted, which is not known here yet.
    if (!backend.capabilities.exclusive) await store.catchUp();
    await compactor.trimmed();
  }
  const hash = (revision: bigint) => hashKv({ backend, storage, trimmed }, Number(revision));
  return [
    [
      pathOf(Maintenance, "Hash"),
      unary(
        { request: HashRequestSchema, response: HashResponseSchema },
        async (_request, call) => {
          await authority.requireAdmin(call);
          const { hash: value, revision } = await hash(0n);
          return { header: header.message(revision), hash: value };
        },
      ),
    ],
    [
      pathOf(Maintenance, "HashKV"),
      unary(
        { request: HashKVRequestSchema, response: HashKVResponseSchema },
        async (request, call) => {
          await authority.requireAdmin(call);
          const result = await hash(request.revision);
          return {
            header: header.message(result.revision),
            hash: result.hash,
            compactRevision: BigInt(result.compactRevision),
            hashRevision: BigInt(result.hashRevision),
          };
        },
      ),
    ],
  ];
}

/** What a cluster of one member, always its own leader, answers. */
function leaderMethods(
  { store, header, downgrade, authority }: MaintenanceServiceOptions,
): ServiceMethods {
  return [
    [
      pathOf(Maintenance, "MoveLeader"),
      unary(
        { request: MoveLeaderRequestSchema, response: MoveLeaderResponseSchema },
        async (request, call) => {
          await authority.requireAdmin(call);
          if (request.targetID !== header.identity.memberId) {
            throw new EtcdError("badLeaderTransferee");
          }
          return {};
        },
      ),
    ],
    [
      pathOf(Maintenance, "Downgrade"),
      unary(
        { request: DowngradeRequestSchema, response: DowngradeResponseSchema },
        async (request, call) => {
          await authority.requireAdmin(call);
          await downgrade.request(request.action, request.version);
          return {
            header: header.message(store.head.revision),
            version: downgrade.clusterMinor,
          };
        },
      ),
    ],
  ];
}

async function alarm(
  { store, header, authority }: MaintenanceServiceOptions,
  request: AlarmRequest,
  call: CallContext,
) {
  if (request.action === AlarmAction.GET) await authority.requireUser(call);
  else await authority.requireAdmin(call);
  const member = {
    // etcd takes 0 for the member that is asked.
    memberId: request.memberID === 0n ? header.identity.memberId : request.memberID,
    alarm: request.alarm,
  };
  let touched: readonly AlarmMember[] = [];
  switch (request.action) {
    case AlarmAction.GET:
      touched = store.alarms.list(request.alarm);
      break;
    case AlarmAction.ACTIVATE:
      if (request.alarm !== AlarmType.NONE) {
        touched = await store.submit(store.alarms.activate(member));
      }
      break;
    case AlarmAction.DEACTIVATE:
      touched = await store.submit(store.alarms.deactivate(member));
  }
  return {
    header: header.message(store.head.revision),
    alarms: touched.map(({ memberId, alarm }) => ({ memberID: memberId, alarm })),
  };
}

async function status(options: MaintenanceServiceOptions) {
  const { store, header, quota, downgrade, membership, version } = options;
  const { raftTerm } = header.identity;
  const [head, size] = await Promise.all([
    store.backend.head(),
    store.backend.size(),
    // So that a leader which has left is told by nobody any more.
    membership.list(),
  ]);
  return {
    header: header.message(head.revision),
    version,
    dbSize: BigInt(size.total),
    dbSizeInUse: BigInt(size.inUse),
    leader: membership.leaderId,
    raftIndex: BigInt(head.index),
    raftAppliedIndex: BigInt(head.index),
    raftTerm: BigInt(raftTerm),
    errors: store.alarms.list(AlarmType.NONE).map(describeAlarm),
    storageVersion: downgrade.clusterVersion,
    dbSizeQuota: BigInt(quota.bytesMax),
    downgradeInfo: {
      enabled: downgrade.target !== null,
      targetVersion: downgrade.target ?? "",
    },
  };
}

function describeAlarm({ memberId, alarm }: AlarmMember): string {
  return `memberID:${memberId} alarm:${AlarmType[alarm]}`;
}
