/** etcdserverpb.Cluster: the servers of a store are its members; they join by being started, not by being added. */
import {
  Cluster,
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberPromoteResponseSchema,
  MemberRemoveRequestSchema,
  MemberRemoveResponseSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
} from "../../gen/etcdserverpb/cluster_pb.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import type { ClusterMember, Membership } from "../membership.ts";
import type { CallContext } from "../transport/call.ts";
import { pathOf, type ServiceMethods, type ServiceOptions, unary } from "./service.ts";

export interface ClusterServiceOptions extends ServiceOptions {
  readonly membership: Membership;
  /** URLs that clients reach this server by; `authority` is what the asking one called it. */
  readonly clientUrls: (authority: string) => readonly string[];
}

export function clusterMethods(options: ClusterServiceOptions): ServiceMethods {
  const { membership, authority } = options;
  const answer = (context: CallContext) => answerMembers(options, context);
  return [
    [
      pathOf(Cluster, "MemberList"),
      unary(
        { request: MemberListRequestSchema, response: MemberListResponseSchema },
        async (_request, context) => {
          await authority.requireUser(context);
          return await answer(context);
        },
      ),
    ],
    [
      pathOf(Cluster, "MemberAdd"),
      unary(
        { request: MemberAddRequestSchema, response: MemberAddResponseSchema },
        async (request, context) => {
          checkPeerUrls(request.peerURLs);
          await authority.requireAdmin(context);
          throw new StatusError(
            GRPC.FAILED_PRECONDITION,
            "rhino: members are not added by a call: start another server on the same endpoint",
          );
        },
      ),
    ],
    [
      pathOf(Cluster, "MemberRemove"),
      unary(
        { request: MemberRemoveRequestSchema, response: MemberRemoveResponseSchema },
        async (request, context) => {
          await authority.requireAdmin(context);
          await checkMember(membership, request.ID);
          throw new StatusError(
            GRPC.FAILED_PRECONDITION,
            "rhino: members are not removed by a call: stop the server",
          );
        },
      ),
    ],
    [
      pathOf(Cluster, "MemberUpdate"),
      unary(
        { request: MemberUpdateRequestSchema, response: MemberUpdateResponseSchema },
        async (request, context) => {
          await authority.requireAdmin(context);
          checkPeerUrls(request.peerURLs);
          await checkMember(membership, request.ID);
          // Servers of a store have no peer URLs, so there is nothing to change.
          return await answer(context);
        },
      ),
    ],
    [
      pathOf(Cluster, "MemberPromote"),
      unary(
        { request: MemberPromoteRequestSchema, response: MemberPromoteResponseSchema },
        async (request, context) => {
          await authority.requireAdmin(context);
          await checkMember(membership, request.ID);
          throw new EtcdError("notLearner");
        },
      ),
    ],
  ];
}

/** etcd leaves the revision out of the headers of this service. */
async function answerMembers(options: ClusterServiceOptions, context: CallContext) {
  const { header, membership } = options;
  const members = await membership.list();
  return {
    header: header.message(0),
    members: members.map((one) => memberMessage(options, { member: one, context })),
  };
}

function memberMessage(
  { header, clientUrls }: ClusterServiceOptions,
  { member, context }: { member: ClusterMember; context: CallContext },
) {
  const isSelf = member.id === header.identity.memberId;
  const clientURLs = [...(isSelf ? clientUrls(context.authority) : member.clientUrls)];
  return { ID: member.id, name: member.name, peerURLs: [], clientURLs, isLearner: false };
}

/** @throws {EtcdError} `memberNotFound` */
async function checkMember(membership: Membership, id: bigint): Promise<void> {
  const members = await membership.list();
  if (!members.some((member) => member.id === id)) throw new EtcdError("memberNotFound");
}

/** The rule of etcd's `types.NewURLs`: at least one, each `scheme://host:port` without a path. */
function checkPeerUrls(urls: readonly string[]): void {
  if (urls.length === 0 || !urls.every(isPeerUrl)) throw new EtcdError("badMemberUrls");
}

function isPeerUrl(text: string): boolean {
  return /^(https?|unixs?):\/\/[^/?#]+:\d+\/?$/.test(text);
}
