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

/** Renewals of one stream under way at once; a client that sends more waits. */
const RENEWALS_MAX = 256;

/**
 * One renewal and one answer per message, in order; ends when the client half-closes. A client keeps all of its leases
 * alive on one stream, so renewals do not wait for each other: those that come together share a commit.
 */
async function keepAlive(options: LeaseServiceOptions, call: StreamCall): Promise<void> {
  const requests = call.requests[Symbol.asyncIterator]();
  const failed = Promise.withResolvers<never>();
  // It may fail when nobody waits for it any more.
  failed.promise.catch(() => {});
  let answered: Promise<unknown> = Promise.resolve();
  for (let underWay = 1;; underWay++) { // Ends with the client's last request, or with a renewal that fails.
    const { value: bytes, done } = await Promise.race([requests.next(), failed.promise]);
    if (done) break;
    const { ID } = decodeStreamed(LeaseKeepAliveRequestSchema, bytes);
    const renewal = Promise.all([options.lessor.renew(ID), answered]);
    answered = renewal.then(([renewed]) => sendRenewal(options, { call, id: ID, ...renewed }));
    answered.catch(failed.reject);
    if (underWay < RENEWALS_MAX) continue;
    await answered;
    await call.drained();
    underWay = 0;
  }
  await answered;
}

function sendRenewal(
  { header }: LeaseServiceOptions,
  { call, id, ttl, revision }: { call: StreamCall; id: bigint; ttl: number; revision: number },
): void {
  const answer = create(LeaseKeepAliveResponseSchema, {
    header: header.message(revision),
    ID: id,
    TTL: BigInt(ttl),
  });
  call.send([toBinary(LeaseKeepAliveResponseSchema, answer)]);
}
