/** What etcd refuses by the request alone, before it looks at any key. */

import {
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  RangeRequest_SortOrder as Order,
  RangeRequest_SortTarget as Target,
  type RequestOp,
  type TxnRequest,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { byteString } from "./byte_string.ts";
import { ModelError } from "./model_error.ts";
import { hasRevisionFilters } from "./range_model.ts";

/** Compares, and operations in each branch, of a transaction with all that is nested in it. */
const TXN_OPS_MAX = 128;

export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw new ModelError("keyNotProvided");
  if (!(request.sortOrder in Order)) throw new ModelError("invalidSort");
  if (!(request.sortTarget in Target)) throw new ModelError("invalidSort");
}

export function checkRangeStream(request: RangeRequest): void {
  checkRange(request);
  const byKey = request.sortOrder === Order.NONE ||
    (request.sortOrder === Order.ASCEND && request.sortTarget === Target.KEY);
  if (!byKey) throw new ModelError("streamSorted");
  if (hasRevisionFilters(request)) throw new ModelError("streamFiltered");
}

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw new ModelError("keyNotProvided");
  if (request.ignoreValue && request.value.length > 0) throw new ModelError("valueProvided");
  if (request.ignoreLease && request.lease !== 0n) throw new ModelError("leaseProvided");
}

export function checkDeleteRange(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw new ModelError("keyNotProvided");
}

export function checkTxn(request: TxnRequest): void {
  checkTxnShape(request, TXN_OPS_MAX);
  claimedBy(request.success);
  claimedBy(request.failure);
}

/** Every level leaves to those below it what its own widest list has not used up. */
function checkTxnShape(request: TxnRequest, opsMax: number): void {
  const { compare, success, failure } = request;
  const widest = Math.max(compare.length, success.length, failure.length);
  if (widest > opsMax) throw new ModelError("tooManyOps");
  if (compare.some(({ key }) => key.length === 0)) throw new ModelError("keyNotProvided");
  for (const op of [...success, ...failure]) checkOp(op, opsMax - widest);
}

function checkOp({ request }: RequestOp, opsMax: number): void {
  switch (request.case) {
    case "requestRange":
      return checkRange(request.value);
    case "requestPut":
      return checkPut(request.value);
    case "requestDeleteRange":
      return checkDeleteRange(request.value);
    case "requestTxn":
      return checkTxnShape(request.value, opsMax);
    case undefined:
      throw new ModelError("keyNotFound");
  }
}

interface Claims {
  readonly puts: Set<string>;
  readonly deletes: DeleteRangeRequest[];
}

/**
 * The keys that a list of operations puts, and the ranges it deletes.
 *
 * No key may be put twice, nor put and deleted. Two things are as etcd has them and not as one
 * would wish: a put in a nested transaction does not collide with a delete in a later nested one,
 * and a delete "from this key on" (range end zero) collides with nothing.
 */
function claimedBy(ops: readonly RequestOp[]): Claims {
  const puts = new Set<string>();
  const deletes: DeleteRangeRequest[] = [];
  function claim(key: string, { unless }: { readonly unless?: ReadonlySet<string> } = {}): void {
    const taken = puts.has(key) && !unless?.has(key);
    if (taken || deletes.some((range) => collides(key, range))) {
      throw new ModelError("duplicateKey");
    }
  }

  for (const { request } of ops) {
    if (request.case === "requestDeleteRange") deletes.push(request.value);
  }
  for (const { request } of ops) {
    if (request.case !== "requestTxn") continue;
    const success = claimedBy(request.value.success);
    const failure = claimedBy(request.value.failure);
    for (const key of success.puts) claim(key);
    for (const key of success.puts) puts.add(key);
    // Only one of the branches runs, so both may put a key.
    for (const key of failure.puts) claim(key, { unless: success.puts });
    for (const key of failure.puts) puts.add(key);
    deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const { request } of ops) {
    if (request.case !== "requestPut") continue;
    const key = byteString(request.value.key);
    claim(key);
    puts.add(key);
  }
  return { puts, deletes };
}

function collides(putKey: string, range: DeleteRangeRequest): boolean {
  const key = byteString(range.key);
  const end = byteString(range.rangeEnd);
  return end === "" ? putKey === key : putKey >= key && putKey < end;
}
