/** Request validation, in etcd's order and with etcd's errors (source of the rules: etcd's server/etcdserver/api/v3rpc/key.go). */
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { EtcdError, GRPC, StatusError } from "../errors.ts";
import { hasRevisionFilters, isKeyOrder } from "../mvcc/range.ts";
import type { RangeOp } from "../mvcc/types.ts";

const SORT_ORDER_LAST = 2;
const SORT_TARGET_LAST = 4;

export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw new EtcdError("emptyKey");
  const { sortOrder, sortTarget } = request;
  if (sortOrder < 0 || sortOrder > SORT_ORDER_LAST) throw new EtcdError("invalidSortOption");
  if (sortTarget < 0 || sortTarget > SORT_TARGET_LAST) throw new EtcdError("invalidSortOption");
}

/** What RangeStream takes besides: the order in which keys are read, and no filters. */
export function checkStreamable(op: RangeOp): void {
  if (!isKeyOrder(op)) {
    throw new StatusError(
      GRPC.UNIMPLEMENTED,
      "RangeStream does not support custom sort orders",
    );
  }
  if (hasRevisionFilters(op)) {
    throw new StatusError(
      GRPC.UNIMPLEMENTED,
      "RangeStream does not support revision filters",
    );
  }
}

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw new EtcdError("emptyKey");
  if (request.ignoreValue && request.value.length !== 0) throw new EtcdError("valueProvided");
  if (request.ignoreLease && request.lease !== 0n) throw new EtcdError("leaseProvided");
}

export function checkDelete(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw new EtcdError("emptyKey");
}

/** Checks a transaction; nested ones may use what the widest list of each parent leaves of `opsMax`. */
export function checkTxn(request: TxnRequest, opsMax: number): void {
  const { compare, success, failure } = request;
  const widest = Math.max(compare.length, success.length, failure.length);
  if (widest > opsMax) throw new EtcdError("tooManyOps");
  for (const { key } of compare) if (key.length === 0) throw new EtcdError("emptyKey");
  for (const op of success) checkOp(op, opsMax - widest);
  for (const op of failure) checkOp(op, opsMax - widest);
}

function checkOp({ request }: RequestOp, opsMax: number): void {
  switch (request.case) {
    case "requestRange":
      return checkRange(request.value);
    case "requestPut":
      return checkPut(request.value);
    case "requestDeleteRange":
      return checkDelete(request.value);
    case "requestTxn":
      return checkTxn(request.value, opsMax);
    case undefined:
      throw new EtcdError("keyNotFound");
  }
}
