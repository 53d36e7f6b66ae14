/**
 * Keys below one name that stand in line: each belongs to a lease, `NAME/` and the lease's id in hexadecimal, and the one
 * that was created first is the head. etcd's client libraries make the same keys, so both can stand in one line.
 */

import { Event_EventType } from "../../gen/mvccpb/kv_pb.ts";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type CompareSchema,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type RangeRequestSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { OwnCalls } from "./own_calls.ts";

/** Seconds that a place lives if its caller brings no lease; nobody renews it. */
const LEASE_TTL = 60n;

export interface Place {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
}

/** The lease that a place is bound to: the caller's, or a new one. */
export async function placeLease(calls: OwnCalls, lease: bigint): Promise<bigint> {
  if (lease !== 0n) return lease;
  return (await calls.grant({ TTL: LEASE_TTL })).ID;
}

/** The key of a lease in the line. */
export function placeKey(name: Uint8Array, lease: bigint): Uint8Array {
  return joined(name, `/${lease.toString(16)}`);
}

/** `key` and `rangeEnd` of the whole line. */
export function line(name: Uint8Array) {
  // "0" is the next character after "/".
  return { key: joined(name, "/"), rangeEnd: joined(name, "0") };
}

/** Asks for the head of the line. */
export function headOfLine(name: Uint8Array): MessageInitShape<typeof RangeRequestSchema> {
  return {
    ...line(name),
    sortOrder: SortOrder.ASCEND,
    sortTarget: SortTarget.CREATE,
    limit: 1n,
  };
}

/** Whether the key was created at that revision; 0 if it does not exist. */
export function isCreatedAt(
  { key, createRevision }: Place,
): MessageInitShape<typeof CompareSchema> {
  return {
    key,
    target: Compare_CompareTarget.CREATE,
    result: Compare_CompareResult.EQUAL,
    targetUnion: { case: "createRevision", value: createRevision },
  };
}

/**
 * Waits until nobody stands before the place. It looks at the last of those alone: who leaves further in front wakes
 * nobody.
 */
export async function awaitTurn(
  calls: OwnCalls,
  { name, createRevision }: { name: Uint8Array; createRevision: bigint },
): Promise<void> {
  for (;;) { // Ends when all who came before have left.
    const { kvs, header } = await calls.range({
      ...line(name),
      sortOrder: SortOrder.DESCEND,
      sortTarget: SortTarget.CREATE,
      limit: 1n,
      maxCreateRevision: createRevision - 1n,
    });
    const [before] = kvs;
    if (before === undefined) return;
    await awaitDelete(calls, { key: before.key, startRevision: header?.revision ?? 0n });
  }
}

async function awaitDelete(
  calls: OwnCalls,
  from: { key: Uint8Array; startRevision: bigint },
): Promise<void> {
  await using watch = calls.watch(from);
  for await (const { events } of watch.changes()) {
    if (events.some(({ type }) => type === Event_EventType.DELETE)) return;
  }
}

function joined(name: Uint8Array, rest: string): Uint8Array {
  const tail = new TextEncoder().encode(rest);
  const bytes = new Uint8Array(name.length + tail.length);
  bytes.set(name);
  bytes.set(tail, name.length);
  return bytes;
}
