/** The calls of a history: how each is made, and what the model says to it. */

import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  type CompactionRequest,
  type DeleteRangeRequest,
  KV,
  type PutRequest,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
} from "../../gen/etcdserverpb/kv_pb.ts";
import {
  Lease,
  type LeaseGrantRequest,
  type LeaseGrantResponse,
  type LeaseKeepAliveRequest,
  type LeaseLeasesRequest,
  type LeaseRevokeRequest,
  type LeaseTimeToLiveRequest,
} from "../../gen/etcdserverpb/lease_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import assert from "node:assert/strict";
import type { EtcdModel } from "./etcd_model.ts";

export type Call =
  | { readonly name: "range"; readonly request: RangeRequest }
  | { readonly name: "rangeStream"; readonly request: RangeRequest }
  | { readonly name: "put"; readonly request: PutRequest }
  | { readonly name: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly name: "txn"; readonly request: TxnRequest }
  | { readonly name: "compact"; readonly request: CompactionRequest }
  | { readonly name: "leaseGrant"; readonly request: LeaseGrantRequest }
  | { readonly name: "leaseRevoke"; readonly request: LeaseRevokeRequest }
  | { readonly name: "leaseTimeToLive"; readonly request: LeaseTimeToLiveRequest }
  | { readonly name: "leaseLeases"; readonly request: LeaseLeasesRequest }
  | { readonly name: "leaseKeepAlive"; readonly request: LeaseKeepAliveRequest };

const UNARY = { ...KV.method, ...Lease.method };

/** Makes the call. Whole messages go out, and nothing of an answer is filled in. */
export function send(client: EtcdClient, call: Call): Promise<Message> {
  switch (call.name) {
    case "rangeStream":
      return sendRangeStream(client, call.request);
    case "leaseKeepAlive":
      return sendKeepAlive(client, call.request);
    default:
      return sendUnary(client, call);
  }
}

async function sendUnary(client: EtcdClient, { name, request }: Call): Promise<Message> {
  const method: { readonly input: DescMessage; readonly output: DescMessage } = UNARY[name];
  const service = name in KV.method ? KV : Lease;
  const path = `/${service.typeName}/${UNARY[name].name}`;
  const answer = await client.connection.unaryBytes(path, toBinary(method.input, request));
  return fromBinary(method.output, answer);
}

/** Puts the parts together; only the last may say how the whole ended. */
async function sendRangeStream(client: EtcdClient, request: RangeRequest): Promise<Message> {
  const { $typeName: _, $unknown: __, ...fields } = request;
  const parts = (await client.kv.rangeStream(fields).rest()).map((part) => part.rangeResponse);
  const last = parts.at(-1);
  assert(last?.header !== undefined, "the last part of a RangeStream has to have a header");
  for (const part of parts.slice(0, -1)) {
    assert(part !== undefined && part.kvs.length > 0, "a part of a RangeStream is empty");
    assert.deepEqual([part.header, part.more, part.count], [undefined, false, 0n]);
  }
  const whole: RangeResponse = { ...last, kvs: parts.flatMap((part) => part?.kvs ?? []) };
  return whole;
}

async function sendKeepAlive(
  client: EtcdClient,
  { ID }: LeaseKeepAliveRequest,
): Promise<Message> {
  using stream = client.lease.leaseKeepAlive();
  stream.send({ ID });
  return await stream.next();
}

/**
 * What the model answers, or throws. `answered` is what the server said, for what a server may
 * choose: the id of a lease.
 */
export function expectedOf(model: EtcdModel, call: Call, answered: Message | undefined): Message {
  switch (call.name) {
    case "range":
      return model.range(call.request);
    case "rangeStream":
      return model.rangeStream(call.request);
    case "put":
      return model.put(call.request);
    case "deleteRange":
      return model.deleteRange(call.request);
    case "txn":
      return model.txn(call.request);
    case "compact":
      return model.compact(call.request);
    case "leaseGrant":
      return model.leaseGrant(call.request, chosenId(answered));
    case "leaseRevoke":
      return model.leaseRevoke(call.request.ID);
    case "leaseTimeToLive":
      return model.leaseTimeToLive(call.request.ID, { keys: call.request.keys });
    case "leaseLeases":
      return model.leaseLeases();
    case "leaseKeepAlive":
      return model.leaseKeepAlive(call.request.ID);
  }
}

function chosenId(answered: Message | undefined): bigint {
  const id = (answered as LeaseGrantResponse | undefined)?.ID ?? 0n; // The call was a leaseGrant.
  assert(answered === undefined || id !== 0n, "a granted lease has no id");
  return id;
}
