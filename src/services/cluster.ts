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
import type { CallContext } from "../transport/call.ts";
import { pathOf, type ServiceMethods, type ServiceOptions, unary } from "./service.ts";

export interface ClusterServiceOptions extends ServiceOptions {
  readonly name: string;
  /** URLs that clients reach this server by; `authority` is what the asking one called it. */
  readonly clientUrls: (authority: string) => readonly string[];
}

export function clusterMethods(options: ClusterServiceOptions): ServiceMethods {
  const { header } = options;
  const { memberId } = header.identity;
  // etcd leaves the revision out of the headers of this service.
  const answer = (context: CallContext) => ({
    header: header.message(0),
    members: [member(options, context)],
  });
  return [
    [
      pathOf(Cluster, "MemberList"),
      unary(
        { request: MemberListRequestSchema, response: MemberListResponseSchema },
        (_request, context) => answer(context),
      ),
    ],
    [
      pathOf(Cluster, "MemberAdd"),
      unary({ request: MemberAddRequestSchema, response: MemberAddResponseSchema }, (request) => {
        checkPeerUrls(request.peerURLs);
        throw new StatusError(
          GRPC.FAILED_PRECONDITION,
          "rhino: members are not added by a call: start another server on the same endpoint",
        );
      }),
    ],
    [
      pathOf(Cluster, "MemberRemove"),
      unary(
        { request: MemberRemoveRequestSchema, response: MemberRemoveResponseSchema },
        (request) => {
          if (request.ID !== memberId) throw new EtcdError("memberNotFound");
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
        (request, context) => {
          checkPeerUrls(request.peerURLs);
          if (request.ID !== memberId) throw new EtcdError("memberNotFound");
          // Servers of a store have no peer URLs, so there is nothing to change.
          return answer(context);
        },
      ),
    ],
    [
      pathOf(Cluster, "MemberPromote"),
      unary(
        { request: MemberPromoteRequestSchema, response: MemberPromoteResponseSchema },
        (request) => {
          throw new EtcdError(request.ID === memberId ? "notLearner" : "memberNotFound");
        },
      ),
    ],
  ];
}

function member({ header, name, clientUrls }: ClusterServiceOptions, context: CallContext) {
  const clientURLs = [...clientUrls(context.authority)];
  return { ID: header.identity.memberId, name, peerURLs: [], clientURLs, isLearner: false };
}

/** The rule of etcd's `types.NewURLs`: at least one, each `scheme://host:port` without a path. */
function checkPeerUrls(urls: readonly string[]): void {
  if (urls.length === 0 || !urls.every(isPeerUrl)) throw new EtcdError("badMemberUrls");
}

function isPeerUrl(text: string): boolean {
  return /^(https?|unixs?):\/\/[^/?#]+:\d+\/?$/.test(text);
}
