/** The pieces of a transaction, written shortly. */

import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../gen/etcdserverpb/kv_pb.ts";
import type { Init } from "./message_init.ts";

export type OpInit = Init<RequestOp>;
export type CompareInit = Init<Compare>;

/** Operations: `op.put({ key: "a", value: "1" })`. */
export const op = {
  put: (value: Init<PutRequest>): OpInit => ({ request: { case: "requestPut", value } }),
  range: (value: Init<RangeRequest>): OpInit => ({ request: { case: "requestRange", value } }),
  deleteRange: (value: Init<DeleteRangeRequest>): OpInit => ({
    request: { case: "requestDeleteRange", value },
  }),
  txn: (value: Init<TxnRequest>): OpInit => ({ request: { case: "requestTxn", value } }),
} as const;

const RESULTS = { "=": 0, ">": 1, "<": 2, "!=": 3 } as const;

export type CompareSign = keyof typeof RESULTS;

const TARGETS = {
  version: ["version", 0],
  create: ["createRevision", 1],
  mod: ["modRevision", 2],
  value: ["value", 3],
  lease: ["lease", 4],
} as const;

export type CompareTarget = keyof typeof TARGETS;

/** The key to compare, or the range of keys. */
export type CompareKeys = string | {
  readonly key: string | Uint8Array;
  readonly rangeEnd: string | Uint8Array;
};

/** A condition: `compare("a", ["version", "=", 1])`. */
export function compare(
  keys: CompareKeys,
  [target, sign, right]: readonly [CompareTarget, CompareSign, number | bigint | string],
): CompareInit {
  const [unionCase, targetNumber] = TARGETS[target];
  return {
    ...(typeof keys === "string" ? { key: keys } : keys),
    target: targetNumber,
    result: RESULTS[sign],
    // The case and the type of the right-hand side go together by the caller's choice of target.
    targetUnion: { case: unionCase, value: right } as CompareInit["targetUnion"] & object,
  };
}
