/** v3electionpb.Election. */
import {
  CampaignRequestSchema,
  CampaignResponseSchema,
  Election,
  type LeaderKey,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from "../../gen/v3electionpb/election_pb.ts";
import {
  campaign,
  type Candidate,
  leader,
  observe,
  proclaim,
  resign,
} from "../concurrency/election.ts";
import { OwnCalls, withoutCodes } from "../concurrency/own_calls.ts";
import { placeLease } from "../concurrency/queue.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { CallContext, MethodTable, StreamCall } from "../transport/call.ts";
import { decodeStreamed, encode, pathOf, type ServiceMethods, unary } from "./service.ts";

/** @param methods those of the KV, Lease and Watch services */
export function electionMethods(methods: MethodTable): ServiceMethods {
  const callsOf = (context: CallContext) => new OwnCalls(methods, context);
  return [
    [
      pathOf(Election, "Campaign"),
      unary(
        { request: CampaignRequestSchema, response: CampaignResponseSchema },
        (request, context) =>
          withoutCodes(async () => {
            const elected = await campaign(callsOf(context), request);
            return { header: elected.header, leader: toLeaderKey(request.name, elected) };
          }),
      ),
    ],
    [
      pathOf(Election, "Proclaim"),
      unary(
        { request: ProclaimRequestSchema, response: ProclaimResponseSchema },
        ({ leader, value }, context) =>
          withoutCodes(async () => {
            const calls = callsOf(context);
            return await proclaim(calls, await toCandidate(calls, leader), value);
          }),
      ),
    ],
    [
      pathOf(Election, "Leader"),
      unary(
        { request: LeaderRequestSchema, response: LeaderResponseSchema },
        ({ name }, context) => withoutCodes(() => leader(callsOf(context), name)),
      ),
    ],
    [pathOf(Election, "Observe"), {
      kind: "server-stream",
      handle: (call) => serveObserve(callsOf(call), call),
    }],
    [
      pathOf(Election, "Resign"),
      unary(
        { request: ResignRequestSchema, response: ResignResponseSchema },
        ({ leader }, context) =>
          withoutCodes(async () => {
            const calls = callsOf(context);
            return await resign(calls, await toCandidate(calls, leader));
          }),
      ),
    ],
  ];
}

function toLeaderKey(name: Uint8Array, { key, createRevision, lease }: Candidate) {
  return { name, key, rev: createRevision, lease };
}

/** Without a lease the candidate gets a new one, as in etcd. */
async function toCandidate(calls: OwnCalls, leader: LeaderKey | undefined): Promise<Candidate> {
  if (leader === undefined) {
    throw new StatusError(GRPC.UNKNOWN, '"leader" field must be provided');
  }
  const lease = await placeLease(calls, leader.lease);
  return { key: leader.key, createRevision: leader.rev, lease };
}

async function serveObserve(calls: OwnCalls, call: StreamCall): Promise<void> {
  for await (const bytes of call.requests) {
    const { name } = decodeStreamed(LeaderRequestSchema, bytes);
    try {
      for await (const leadership of observe(calls, name)) {
        if (!call.send(encode(LeaderResponseSchema, leadership))) await call.drained();
      }
    } catch (error) {
      // etcd ends the stream in good order when it cannot look any more, whatever the reason.
      if (!(error instanceof StatusError)) throw error;
    }
  }
}
