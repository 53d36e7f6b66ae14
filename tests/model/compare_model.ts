/** The conditions of a transaction. */

import {
  type Compare,
  Compare_CompareResult as Result,
  Compare_CompareTarget as Target,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { byteString } from "./byte_string.ts";
import { keysInRange } from "./key_range_model.ts";
import type { Keys, KeyVersion } from "./store_model.ts";

export function allHold(keys: Keys, compares: readonly Compare[]): boolean {
  return compares.every((compare) => holds(keys, compare));
}

/** Every key of the range has to satisfy the condition. */
function holds(keys: Keys, compare: Compare): boolean {
  const found = keysInRange(keys, compare);
  if (found.length > 0) return found.every((kv) => kvHolds(kv, compare));
  // A key that is not there has no value, not even an empty one; all its numbers are zero.
  return compare.target !== Target.VALUE && kvHolds(ABSENT, compare);
}

const ABSENT: KeyVersion = {
  key: "",
  value: "",
  createRevision: 0,
  modRevision: 0,
  version: 0,
  lease: 0n,
};

function kvHolds(kv: KeyVersion, { target, result, targetUnion }: Compare): boolean {
  const order = orderOf(kv, { target, targetUnion });
  switch (result) {
    case Result.EQUAL:
      return order === 0;
    case Result.NOT_EQUAL:
      return order !== 0;
    case Result.GREATER:
      return order > 0;
    case Result.LESS:
      return order < 0;
    default:
      return true; // A result that etcd does not know.
  }
}

/** A right-hand side that is missing, or of another target, counts as zero or empty. */
function orderOf(
  kv: KeyVersion,
  { target, targetUnion: right }: Pick<Compare, "target" | "targetUnion">,
): number {
  switch (target) {
    case Target.VERSION:
      return order(BigInt(kv.version), right.case === "version" ? right.value : 0n);
    case Target.CREATE:
      return order(BigInt(kv.createRevision), right.case === "createRevision" ? right.value : 0n);
    case Target.MOD:
      return order(BigInt(kv.modRevision), right.case === "modRevision" ? right.value : 0n);
    case Target.LEASE:
      return order(kv.lease, right.case === "lease" ? right.value : 0n);
    case Target.VALUE:
      return order(kv.value, right.case === "value" ? byteString(right.value) : "");
    default:
      return 0; // A target that etcd does not know.
  }
}

function order<Value extends bigint | string>(left: Value, right: Value): number {
  return left === right ? 0 : (left < right ? -1 : 1);
}
