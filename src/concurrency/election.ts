/**
 * An election: the leader is whoever stands at the head of a line, and what he proclaims is the value of his key. Steps,
 * order and texts are those of etcd's `concurrency.Election`.
 */

import { Buffer } from "node:buffer";
import type { ResponseHeader } from "../../gen/etcdserverpb/header_pb.ts";
import { Event_EventType, type KeyValue } from "../../gen/mvccpb/kv_pb.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { OwnCalls } from "./own_calls.ts";
import {
  awaitTurn,
  headOfLine,
  isCreatedAt,
  line,
  type Place,
  placeKey,
  placeLease,
} from "./queue.ts";

/** A candidate's place, with what its key is bound to. */
export interface Candidate extends Place {
  readonly lease: bigint;
}

export interface Elected extends Candidate {
  readonly header: ResponseHeader | undefined;
}

/** The leader's key as of some revision. */
export interface Leadership {
  readonly header: ResponseHeader | undefined;
  readonly kv: KeyValue;
}

interface Answer {
  readonly header: ResponseHeader | undefined;
}

export interface CampaignRequest {
  readonly name: Uint8Array;
  readonly lease: bigint;
  readonly value: Uint8Array;
}

/** Becomes the leader, waiting for it. A caller that leaves while he waits leaves the line too. */
export async function campaign(calls: OwnCalls, request: CampaignRequest): Promise<Elected> {
  const { name, value } = request;
  const lease = await placeLease(calls, request.lease);
  const key = placeKey(name, lease);
  const { succeeded, responses, header } = await calls.txn({
    compare: [isCreatedAt({ key, createRevision: 0n })],
    success: [{ request: { case: "requestPut", value: { key, value, lease } } }],
    failure: [{ request: { case: "requestRange", value: { key } } }],
  });
  const own = responses[0]?.response;
  const before = own?.case === "responseRange" ? own.value.kvs[0] : undefined;
  const createRevision = (succeeded ? header?.revision : before?.createRevision) ?? 0n;
  const candidate = { key, createRevision, lease };
  if (before !== undefined && Buffer.compare(before.value, value) !== 0) {
    await proclaimOrLeave(calls, candidate, value);
  }
  try {
    await awaitTurn(calls, { name, createRevision });
  } catch (error) {
    // As in etcd, a place is kept that could not be waited at for another reason.
    if (calls.signal.aborted) await resign(calls.afterwards(), candidate).catch(() => {});
    throw error;
  }
  return { ...candidate, header };
}

async function proclaimOrLeave(
  calls: OwnCalls,
  candidate: Candidate,
  value: Uint8Array,
): Promise<void> {
  try {
    await proclaim(calls, candidate, value);
  } catch (error) {
    await resign(calls, candidate).catch(() => {});
    throw error;
  }
}

/**
 * Changes what the leader, or a candidate, says.
 *
 * @throws {StatusError} "election: not leader" if that place is not there any more
 */
export async function proclaim(
  calls: OwnCalls,
  candidate: Candidate,
  value: Uint8Array,
): Promise<Answer> {
  const { key, lease } = candidate;
  const { succeeded, header } = await calls.txn({
    compare: [isCreatedAt(candidate)],
    success: [{ request: { case: "requestPut", value: { key, value, lease } } }],
  });
  if (!succeeded) throw new StatusError(GRPC.UNKNOWN, "election: not leader");
  return { header };
}

/** Gives up the leadership, or a place in the line; nothing happens if it is gone already. */
export async function resign(calls: OwnCalls, place: Place): Promise<Answer> {
  const { key } = place;
  const { header } = await calls.txn({
    compare: [isCreatedAt(place)],
    success: [{ request: { case: "requestDeleteRange", value: { key } } }],
  });
  return { header };
}

/** @throws {StatusError} "election: no leader" */
export async function leader(calls: OwnCalls, name: Uint8Array): Promise<Leadership> {
  const { kvs: [kv], header } = await calls.range(headOfLine(name));
  if (kv === undefined) throw new StatusError(GRPC.UNKNOWN, "election: no leader");
  return { header, kv };
}

/** Every leader, as soon as there is one, and each of his proclamations; some of those before the newest may be missed. */
export async function* observe(calls: OwnCalls, name: Uint8Array): AsyncGenerator<Leadership> {
  for (;;) { // Ends with the call.
    const { kvs: [kv], header } = await calls.range(headOfLine(name));
    const found = kv === undefined
      ? await firstPut(calls, { name, startRevision: header?.revision ?? 0n })
      : { header, kv };
    yield found;
    yield* proclamations(calls, {
      key: found.kv.key,
      startRevision: (found.header?.revision ?? 0n) + 1n,
    });
  }
}

async function firstPut(
  calls: OwnCalls,
  { name, startRevision }: { name: Uint8Array; startRevision: bigint },
): Promise<Leadership> {
  await using watch = calls.watch({ ...line(name), startRevision });
  for await (const { events, header } of watch.changes()) {
    for (const { type, kv } of events) {
      if (type !== Event_EventType.PUT || kv === undefined) continue;
      // The response may reach further than this event.
      return { kv, header: header && { ...header, revision: kv.modRevision } };
    }
  }
  throw new StatusError(GRPC.UNKNOWN, "the watch has ended");
}

/** What the leader says until he leaves. */
async function* proclamations(
  calls: OwnCalls,
  from: { key: Uint8Array; startRevision: bigint },
): AsyncGenerator<Leadership> {
  await using watch = calls.watch(from);
  for await (const { events, header } of watch.changes()) {
    for (const { type, kv } of events) {
      if (type === Event_EventType.DELETE || kv === undefined) return;
      yield { header, kv };
    }
  }
}
