/** Protobuf KV requests → the engine's operations. */
import type {
  Compare as PbCompare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { EtcdError } from "../errors.ts";
import { keyRange } from "../mvcc/key_range.ts";
import type { Compare, DeleteOp, Op, PutOp, RangeOp, TxnOp } from "../mvcc/types.ts";

export function toRange(request: RangeRequest): RangeOp {
  return {
    kind: "range",
    range: keyRange(request.key, request.rangeEnd),
    // Beyond the safe integers only the order matters: such a revision is a future one, such a limit is none.
    revision: Number(request.revision),
    limit: Number(request.limit),
    sortOrder: request.sortOrder,
    sortTarget: request.sortTarget,
    keysOnly: request.keysOnly,
    countOnly: request.countOnly,
    serializable: request.serializable,
    minModRevision: Number(request.minModRevision),
    maxModRevision: Number(request.maxModRevision),
    minCreateRevision: Number(request.minCreateRevision),
    maxCreateRevision: Number(request.maxCreateRevision),
  };
}

export function toPut(request: PutRequest): PutOp {
  const { key, value, lease, prevKv, ignoreValue, ignoreLease } = request;
  return { kind: "put", key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function toDelete(request: DeleteRangeRequest): DeleteOp {
  return {
    kind: "delete",
    range: keyRange(request.key, request.rangeEnd),
    prevKv: request.prevKv,
  };
}

export function toTxn(request: TxnRequest): TxnOp {
  return {
    kind: "txn",
    compares: request.compare.map(toCompare),
    success: request.success.map(toOp),
    failure: request.failure.map(toOp),
  };
}

function toOp({ request }: RequestOp): Op {
  switch (request.case) {
    case "requestRange":
      return toRange(request.value);
    case "requestPut":
      return toPut(request.value);
    case "requestDeleteRange":
      return toDelete(request.value);
    case "requestTxn":
      return toTxn(request.value);
    case undefined:
      throw new EtcdError("keyNotFound");
  }
}

function toCompare(compare: PbCompare): Compare {
  const { targetUnion: union } = compare;
  const isValue = union.case === "value";
  return {
    range: keyRange(compare.key, compare.rangeEnd),
    target: compare.target,
    result: compare.result,
    // An operand for another target than the one compared counts as none: 0 or empty.
    number: isOperandOf(compare) && !isValue && union.case !== undefined ? union.value : 0n,
    value: isValue ? union.value : new Uint8Array(0),
  };
}

const OPERANDS = ["version", "createRevision", "modRevision", "value", "lease"] as const;

function isOperandOf(compare: PbCompare): boolean {
  return OPERANDS[compare.target] === compare.targetUnion.case;
}
