/** A server and the model of it, asked the same things: the first difference ends the test. */

import { create, type Message } from "@bufbuild/protobuf";
import type { ResponseHeader } from "../../gen/etcdserverpb/header_pb.ts";
import { RangeRequestSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import type {
  LeaseLeasesResponse,
  LeaseTimeToLiveResponse,
} from "../../gen/etcdserverpb/lease_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { RpcError } from "../support/rpc_error.ts";
import assert from "node:assert/strict";
import { bytesOf, byteString } from "./byte_string.ts";
import { type Call, expectedOf, send } from "./calls.ts";
import { EtcdModel, type Identity } from "./etcd_model.ts";
import { ModelError } from "./model_error.ts";
import { brief, readable } from "./readable_message.ts";
import { deleteEvent } from "./store_model.ts";

/** The slowest history takes far less; leases live ten times as long. */
const HISTORY_SECONDS_MAX = 60n;

export class History {
  readonly client: EtcdClient;
  readonly model: EtcdModel;
  readonly #name: string;
  #step = 0;

  /** `name` tells in a failure how to repeat it. */
  constructor(name: string, { client, model }: { client: EtcdClient; model: EtcdModel }) {
    this.#name = name;
    this.client = client;
    this.model = model;
  }

  get step(): number {
    return this.#step;
  }

  /** Makes a call and compares everything of the answer, or the error. */
  async run(call: Call): Promise<void> {
    this.#step++;
    const got = await outcomeOf(() => send(this.client, call));
    const answer = got instanceof RpcError ? undefined : got;
    const expected = modelOutcome(() => expectedOf(this.model, call, answer));
    const message = `${this.where}: ${call.name} ${brief(call.request)}`;
    assert.deepEqual(comparable(got, expected), comparable(expected, expected), message);
  }

  /** Reads all keys at a revision of the past. */
  async readAt(revision: number): Promise<void> {
    const all = { key: bytesOf("\0"), rangeEnd: bytesOf("\0") };
    const request = create(RangeRequestSchema, { ...all, revision: BigInt(revision) });
    await this.run({ name: "range", request });
  }

  get where(): string {
    return `${this.#name}, step ${this.#step}`;
  }
}

type Outcome = Message | RpcError | ModelError;

async function outcomeOf(call: () => Promise<Message>): Promise<Message | RpcError> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}

function modelOutcome(call: () => Message): Message | ModelError {
  try {
    return call();
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
}

/** As plain data; what etcd leaves open is brought into the form that the model has. */
function comparable(outcome: Outcome, expected: Outcome) {
  if (outcome instanceof RpcError || outcome instanceof ModelError) {
    return `error ${outcome.code}: ${outcome.details}`;
  }
  if (isMessage<LeaseTimeToLiveResponse>(outcome, "etcdserverpb.LeaseTimeToLiveResponse")) {
    const expectedTtl = (expected as LeaseTimeToLiveResponse).TTL; // The call's own answer, or -1.
    const passed = expectedTtl - outcome.TTL;
    const plausible = passed >= 0n && passed < HISTORY_SECONDS_MAX;
    return readable({
      ...outcome,
      TTL: plausible ? expectedTtl : outcome.TTL,
      keys: outcome.keys.toSorted((a, b) => byteString(a) < byteString(b) ? -1 : 1),
    });
  }
  if (isMessage<LeaseLeasesResponse>(outcome, "etcdserverpb.LeaseLeasesResponse")) {
    const leases = outcome.leases.toSorted((a, b) => a.ID < b.ID ? -1 : 1);
    return readable({ ...outcome, leases });
  }
  return readable(outcome);
}

function isMessage<M extends Message>(message: Message, name: M["$typeName"]): message is M {
  return message.$typeName === name;
}

/** A model of a server that nobody has written to. */
export async function freshModel(client: EtcdClient): Promise<EtcdModel> {
  const { header } = await client.kv.range({ key: "a" });
  assert.equal(header?.revision, 1n, "a fresh store stands at revision 1");
  return new EtcdModel(identityOf(header));
}

const CLEARED_KEY = "cleared";

/** Empties a server that was used before, and gives the model of what that leaves. */
export async function clearedModel(client: EtcdClient): Promise<EtcdModel> {
  for (const { ID } of (await client.lease.leaseLeases({})).leases) {
    await client.lease.leaseRevoke({ ID });
  }
  await client.kv.deleteRange({ key: "\0", rangeEnd: "\0" });
  await client.kv.put({ key: CLEARED_KEY });
  const { header } = await client.kv.deleteRange({ key: CLEARED_KEY });
  assert(header !== undefined);
  await client.kv.compact({ revision: header.revision, physical: true });
  const revision = Number(header.revision);
  return new EtcdModel(identityOf(header), {
    revision,
    compactRevision: revision,
    events: [deleteEvent(CLEARED_KEY, revision)],
  });
}

function identityOf({ clusterId, memberId, raftTerm }: ResponseHeader): Identity {
  for (const id of [clusterId, memberId, raftTerm]) assert.notEqual(id, 0n);
  return { clusterId, memberId, raftTerm };
}
