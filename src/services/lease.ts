/** etcdserverpb.Lease. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  Lease,
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from "../../gen/etcdserverpb/lease_pb.ts";
import type { LeaseRow } from "../../backends/contract.ts";
import type { Lessor } from "../lease/lessor.ts";
import { LEASE_COST } from "../mvcc/quota.ts";
import { parseKv } from "../mvcc/stored_kv.ts";
import type { StreamCall } from "../transport/call.ts";
import {
  decodeStreamed,
  pathOf,
  type ServiceMethods,
  type ServiceOptions,
  unary,
} from "./service.ts";

export interface LeaseServiceOptions extends ServiceOptions {
  readonly lessor: Lessor;
}

export function leaseMethods(options: LeaseServiceOptions): ServiceMethods {
  const { lessor, header, quota } = options;
  return [
    [
      pathOf(Lease, "LeaseGrant"),
      unary(
        { request: LeaseGrantRequestSchema, response: LeaseGrantResponseSchema },
        async (request) => {
          await quota.check(LEASE_COST);
          const { id, ttl, revision } = await lessor.grant(request.ID, Number(request.TTL));
          return { header: header.message(revision), ID: id, TTL: BigInt(ttl) };
        },
      ),
    ],
    [
      pathOf(Lease, "LeaseRevoke"),
      unary(
        { request: LeaseRevokeRequestSchema, response: LeaseRevokeResponseSchema },
        async (request) => {
          const { revision } = await lessor.revoke(request.ID);
          return { header: header.message(revision) };
        },
      ),
    ],
    [
      pathOf(Lease, "LeaseTimeToLive"),
      unary(
        { request: LeaseTimeToLiveRequestSchema, response: LeaseTimeToLiveResponseSchema },
        (request) => timeToLive(options, request),
      ),
    ],
    [
      pathOf(Lease, "LeaseLeases"),
      unary(
        { request: LeaseLeasesRequestSchema, response: LeaseLeasesResponseSchema },
        async () => {
          const { head, leases } = await lessor.list();
          return {
            header: header.message(head.revision),
            leases: leases.map(({ id }) => ({ ID: id })),
          };
        },
      ),
    ],
    [pathOf(Lease, "LeaseKeepAlive"), {
      kind: "bidi",
      handle: (call) => keepAlive(options, call),
    }],
  ];
}

async function timeToLive(
  { lessor, header }: LeaseServiceOptions,
  request: { readonly ID: bigint; readonly keys: boolean },
) {
  const { head, lease, kvs } = await lessor.lookup(request.ID, { withKeys: request.keys });
  const answer = { header: header.message(head.revision), ID: request.ID };
  if (lease === null) return { ...answer, TTL: -1n };
  return {
    ...answer,
    TTL: remainingSeconds(lease),
    grantedTTL: BigInt(lease.ttl),
    keys: kvs.map((kv) => parseKv(kv).key),
  };
}

/** Whole seconds, cut, as etcd tells them. */
function remainingSeconds({ remainingMs }: LeaseRow): bigint {
  return BigInt(Math.trunc(Math.max(remainingMs, 0) / 1_000));
}

/** One renewal and one answer per message; ends when the client half-closes. */
async function keepAlive({ lessor, header }: LeaseServiceOptions, call: StreamCall): Promise<void> {
  for await (const bytes of call.requests) {
    const { ID } = decodeStreamed(LeaseKeepAliveRequestSchema, bytes);
    const { ttl, revision } = await lessor.renew(ID);
    const answer = create(LeaseKeepAliveResponseSchema, {
      header: header.message(revision),
      ID,
      TTL: BigInt(ttl),
    });
    if (!call.send([toBinary(LeaseKeepAliveResponseSchema, answer)])) await call.drained();
  }
}
