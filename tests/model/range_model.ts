/** Range: from a state to the keys, the count and `more` that are answered. */

import { create } from "@bufbuild/protobuf";
import {
  type RangeRequest,
  RangeRequest_SortOrder as Order,
  RangeRequest_SortTarget as Target,
  type RangeResponse,
  RangeResponseSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { keysInRange } from "./key_range_model.ts";
import { keyValue } from "./messages.ts";
import { ModelError } from "./model_error.ts";
import type { Keys, KeyVersion, StoreModel } from "./store_model.ts";

/**
 * The keys that a read at `revision` sees; zero and negative ones mean now.
 *
 * @throws {ModelError} if the revision is not there yet, or no longer.
 */
export function keysToRead(store: StoreModel, revision: number): Keys {
  if (revision > store.revision) throw new ModelError("futureRevision");
  if (revision <= 0) return store.keys;
  if (revision < store.compactRevision) throw new ModelError("compacted");
  return store.keysAt(revision);
}

/** The answer without its header. */
export function rangeAnswer(keys: Keys, request: RangeRequest): RangeResponse {
  const inRange = keysInRange(keys, request);
  const count = BigInt(inRange.length); // Neither the limit nor the filters change it.
  if (request.countOnly) return create(RangeResponseSchema, { count });

  const found = sorted(filtered(limitedEarly(inRange, request), request), request);
  const limit = Number(request.limit);
  const more = limit > 0 && found.length > limit;
  const kvs = (more ? found.slice(0, limit) : found).map((kv) => {
    if (!request.keysOnly) return keyValue(kv);
    // etcd answers keys from its index, which knows no leases, unless it needs values to sort.
    const lease = request.sortTarget === Target.VALUE ? kv.lease : 0n;
    return keyValue({ ...kv, value: "", lease });
  });
  return create(RangeResponseSchema, { kvs, more, count });
}

/**
 * Without an order etcd stops reading as soon as the limit is exceeded, so that only the first keys
 * are sorted by another target than the key. With an order or filters it reads all.
 */
function limitedEarly(kvs: readonly KeyVersion[], request: RangeRequest): readonly KeyVersion[] {
  const limit = Number(request.limit);
  const byKey = request.sortOrder === Order.NONE ||
    (request.sortOrder === Order.ASCEND && request.sortTarget === Target.KEY);
  return byKey && !hasRevisionFilters(request) && limit > 0 ? kvs.slice(0, limit + 1) : kvs;
}

export function hasRevisionFilters(request: RangeRequest): boolean {
  return [
    request.minModRevision,
    request.maxModRevision,
    request.minCreateRevision,
    request.maxCreateRevision,
  ].some((bound) => bound !== 0n);
}

function filtered(kvs: readonly KeyVersion[], request: RangeRequest): readonly KeyVersion[] {
  function within(revision: number, [min, max]: readonly [min: bigint, max: bigint]): boolean {
    return (min === 0n || revision >= min) && (max === 0n || revision <= max);
  }
  return kvs.filter((kv) =>
    within(kv.modRevision, [request.minModRevision, request.maxModRevision]) &&
    within(kv.createRevision, [request.minCreateRevision, request.maxCreateRevision])
  );
}

/** Keys that are equal in the target stay in key order, as they do in etcd up to twelve keys. */
function sorted(kvs: readonly KeyVersion[], request: RangeRequest): readonly KeyVersion[] {
  const target = SORT_TARGETS[request.sortTarget];
  const sign = request.sortOrder === Order.DESCEND ? -1 : 1;
  return kvs.toSorted((a, b) => {
    const [left, right] = [target(a), target(b)];
    return left === right ? 0 : (left < right ? -sign : sign);
  });
}

const SORT_TARGETS: Record<Target, (kv: KeyVersion) => number | string> = {
  [Target.KEY]: (kv) => kv.key,
  [Target.VERSION]: (kv) => kv.version,
  [Target.CREATE]: (kv) => kv.createRevision,
  [Target.MOD]: (kv) => kv.modRevision,
  [Target.VALUE]: (kv) => kv.value,
};
