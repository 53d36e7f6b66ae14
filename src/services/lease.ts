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
import type { CallContext, StreamCall } from "../transport/call.ts";
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
  const { lessor, header, quota, authority } = options;
  return [
    [
      pathOf(Lease, "LeaseGrant"),
      unary(
        { request: LeaseGrantRequestSchema, response: LeaseGrantResponseSchema },
        async (request, call) => {
          await quota.check(LEASE_COST);
          const permit = await authority.userPermit(call);
          const { id, ttl, revision } = await lessor.grant(request.ID, Number(request.TTL), permit);
          return { header: header.message(revision), ID: id, TTL: BigInt(ttl) };
        },
      ),
    ],
    [
      pathOf(Lease, "LeaseRevoke"),
      unary(
        { request: LeaseRevokeRequestSchema, response: LeaseRevokeResponseSchema },
        async (request, call) => {
          const permit = await authority.userPermit(call);
          const { revision } = await lessor.revoke(request.ID, permit);
          return { header: header.message(revision) };
        },
      ),
    ],
    [
      pathOf(Lease, "LeaseTimeToLive"),
      unary(
        { request: LeaseTimeToLiveRequestSchema, response: LeaseTimeToLiveResponseSchema },
        (request, call) => timeToLive(options, { request, call }),
      ),
    ],
    [
      pathOf(Lease, "LeaseLeases"),
      unary(
        { request: LeaseLeasesRequestSchema, response: LeaseLeasesResponseSchema },
        async (_request, call) => {
          const { head, leases } = await listLeases(options, call);
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

/** Who asks for a lease's keys must be allowed to read them, as they are told. */
async function timeToLive(
  { lessor, header, authority }: LeaseServiceOptions,
  { request, call }: {
    readonly request: { readonly ID: bigint; readonly keys: boolean };
    readonly call: CallContext;
  },
) {
  await authority.requireUser(call);
  const lookup = () => lessor.lookup(request.ID, { withKeys: request.keys });
  const { head, lease, kvs } = authority.isOff || !request.keys
    ? await lookup()
    : await authority.readKeys(call, async () => {
      const found = await lookup();
      return { ...found, keys: found.kvs.map((kv) => parseKv(kv).key) };
    });
  const answer = { header: header.message(head.revision), ID: request.ID };
  if (lease === null) return { ...answer, TTL: -1n };
  return {
    ...answer,
    TTL: remainingSeconds(lease),
    grantedTTL: BigInt(lease.ttl),
    keys: kvs.map((kv) => parseKv(kv).key),
  };
}

/** Who lists leases must be allowed to read the keys of all of them. */
async function listLeases({ lessor, authority }: LeaseServiceOptions, call: CallContext) {
  if (authority.isOff) return await lessor.list();
  return await authority.readKeys(call, async (isAsked) => {
    const { head, leases } = await lessor.list();
    const keys = isAsked ? await lessor.keysOf(leases, call) : [];
    return { head, leases, keys, recordsIndex: head.recordsIndex };
  });
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
    const renewal = Promise.all([renew(options, { id: ID, call }), answered]);
    answered = renewal.then(([renewed]) => sendRenewal(options, { call, id: ID, ...renewed }));
    answered.catch(failed.reject);
    if (underWay < RENEWALS_MAX) continue;
    await answered;
    await call.drained();
    underWay = 0;
  }
  await answered;
}

async function renew(
  { lessor, authority }: LeaseServiceOptions,
  { id, call }: { id: bigint; call: StreamCall },
): Promise<{ ttl: number; revision: number }> {
  return await lessor.renew(id, await authority.permit(call));
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
