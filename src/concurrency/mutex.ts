/** A lock: whoever stands at the head of a line. Steps, order and texts are those of etcd's `concurrency.Mutex`. */

import type { ResponseHeader } from "../../gen/etcdserverpb/header_pb.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { OwnCalls } from "./own_calls.ts";
import { awaitTurn, headOfLine, isCreatedAt, type Place, placeKey, placeLease } from "./queue.ts";

export interface Locked {
  readonly key: Uint8Array;
  readonly header: ResponseHeader | undefined;
}

/** Takes the lock, waiting for it. A caller that leaves while he waits leaves the line too. */
export async function lock(
  calls: OwnCalls,
  { name, lease: given }: { readonly name: Uint8Array; readonly lease: bigint },
): Promise<Locked> {
  const lease = await placeLease(calls, given);
  const key = placeKey(name, lease);
  const { place, isHead, header } = await enter(calls, { name, key, lease });
  if (isHead) return { key, header };
  try {
    await awaitTurn(calls, { name, createRevision: place.createRevision });
    // The lease may have ended meanwhile.
    const own = await calls.range({ key });
    if (own.kvs.length > 0) return { key, header: own.header };
  } catch (error) {
    // It may be the store that fails: then the place goes with its lease.
    await calls.afterwards().delete({ key }).catch(() => {});
    throw error;
  }
  throw new StatusError(GRPC.UNKNOWN, "mutex: session is expired");
}

/** Takes a place in the line, or finds the one that the lease has already. */
async function enter(
  calls: OwnCalls,
  { name, key, lease }: { name: Uint8Array; key: Uint8Array; lease: bigint },
): Promise<{ place: Place; isHead: boolean; header: ResponseHeader | undefined }> {
  const first = { request: { case: "requestRange", value: headOfLine(name) } } as const;
  const { succeeded, responses, header } = await calls.txn({
    compare: [isCreatedAt({ key, createRevision: 0n })],
    success: [{ request: { case: "requestPut", value: { key, lease } } }, first],
    failure: [{ request: { case: "requestRange", value: { key } } }, first],
  });
  const [own, head] = responses.map(({ response }) =>
    response.case === "responseRange" ? response.value.kvs[0] : undefined
  );
  const createRevision = succeeded ? header?.revision : own?.createRevision;
  const place = { key, createRevision: createRevision ?? 0n };
  const isHead = head === undefined || head.createRevision === place.createRevision;
  return { place, isHead, header };
}

/** Gives up the lock, or a place in its line, whoever's it is. */
export async function unlock(
  calls: OwnCalls,
  key: Uint8Array,
): Promise<{ header: ResponseHeader | undefined }> {
  const { header } = await calls.delete({ key });
  return { header };
}
