/** Put, DeleteRange and Txn: from a state and a request to an answer and a draft of the next. */

import { create } from "@bufbuild/protobuf";
import { ResponseHeaderSchema } from "../../gen/etcdserverpb/header_pb.ts";
import {
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  DeleteRangeResponseSchema,
  type PutRequest,
  type PutResponse,
  PutResponseSchema,
  type RangeRequest,
  type RequestOp,
  type ResponseOp,
  ResponseOpSchema,
  type TxnRequest,
  type TxnResponse,
  TxnResponseSchema,
} from "../../gen/etcdserverpb/kv_pb.ts";
import { byteString } from "./byte_string.ts";
import { allHold } from "./compare_model.ts";
import { keysInRange } from "./key_range_model.ts";
import { keyValue } from "./messages.ts";
import { ModelError } from "./model_error.ts";
import { keysToRead, rangeAnswer } from "./range_model.ts";
import type { Draft, Keys, StoreModel } from "./store_model.ts";

/** Leases that exist, by id. */
export type LeaseIds = { has(id: bigint): boolean };

/** Everything a put needs but the request cannot promise. */
export function checkPutAgainst(keys: Keys, leases: LeaseIds, request: PutRequest): void {
  if (request.lease !== 0n && !leases.has(request.lease)) throw new ModelError("leaseNotFound");
  const needsKey = request.ignoreValue || request.ignoreLease;
  if (needsKey && !keys.has(byteString(request.key))) throw new ModelError("keyNotFound");
}

/** The answer without its header. */
export function put(draft: Draft, request: PutRequest): PutResponse {
  const key = byteString(request.key);
  const previous = draft.keys.get(key);
  draft.put(key, {
    value: request.ignoreValue && previous ? previous.value : byteString(request.value),
    lease: request.ignoreLease && previous ? previous.lease : request.lease,
  });
  const withPrevious = request.prevKv && previous !== undefined;
  return create(PutResponseSchema, withPrevious ? { prevKv: keyValue(previous) } : {});
}

/** The answer without its header. */
export function deleteRange(draft: Draft, request: DeleteRangeRequest): DeleteRangeResponse {
  const deleted = keysInRange(draft.keys, request);
  for (const { key } of deleted) draft.delete(key);
  return create(DeleteRangeResponseSchema, {
    deleted: BigInt(deleted.length),
    prevKvs: request.prevKv ? deleted.map(keyValue) : [],
  });
}

/** The operations that will run, nested ones included: all compares look at the state before. */
interface Branch {
  readonly succeeded: boolean;
  readonly steps: readonly { readonly op: RequestOp; readonly nested: Branch | undefined }[];
}

/**
 * Runs a transaction on a draft; on an error nothing of it may be kept.
 *
 * @throws {ModelError} for what the branch taken asks for and cannot have.
 */
export function txn(draft: Draft, leases: LeaseIds, request: TxnRequest): TxnResponse {
  const branch = chooseBranch(draft.keys, request);
  checkBranch(draft.store, leases, branch);
  return runBranch(draft, branch);
}

function chooseBranch(keys: Keys, request: TxnRequest): Branch {
  const succeeded = allHold(keys, request.compare);
  const ops = succeeded ? request.success : request.failure;
  return {
    succeeded,
    steps: ops.map((op) => ({
      op,
      nested: op.request.case === "requestTxn" ? chooseBranch(keys, op.request.value) : undefined,
    })),
  };
}

function checkBranch(store: StoreModel, leases: LeaseIds, branch: Branch): void {
  for (const { op: { request }, nested } of branch.steps) {
    if (nested !== undefined) checkBranch(store, leases, nested);
    if (request.case === "requestPut") checkPutAgainst(store.keys, leases, request.value);
    if (request.case === "requestRange") checkRevision(store, Number(request.value.revision));
  }
}

/** Unlike for a lone range, a negative revision does not mean now: it is compared as it is. */
function checkRevision(store: StoreModel, revision: number): void {
  if (revision === 0) return;
  if (revision > store.revision) throw new ModelError("futureRevision");
  if (revision < store.compactRevision) throw new ModelError("compacted");
}

function runBranch(draft: Draft, { succeeded, steps }: Branch): TxnResponse {
  return create(TxnResponseSchema, {
    succeeded,
    responses: steps.map(({ op, nested }) =>
      nested === undefined ? runOp(draft, op) : responseOp({
        case: "responseTxn",
        // Of a nested transaction not even the revision is answered.
        value: { ...runBranch(draft, nested), header: create(ResponseHeaderSchema) },
      })
    ),
  });
}

function runOp(draft: Draft, { request }: RequestOp): ResponseOp {
  switch (request.case) {
    case "requestRange":
      return responseOp({
        case: "responseRange",
        value: withRevision(draft, range(draft, request.value)),
      });
    case "requestPut":
      return responseOp({
        case: "responsePut",
        value: withRevision(draft, put(draft, request.value)),
      });
    case "requestDeleteRange": {
      const value = deleteRange(draft, request.value);
      return responseOp({ case: "responseDeleteRange", value: withRevision(draft, value) });
    }
    default:
      throw new TypeError(`Cannot run an operation: it is a ${request.case}`);
  }
}

/** Sees what the transaction has written so far, unless it asks for a revision of the past. */
function range(draft: Draft, request: RangeRequest) {
  const revision = Number(request.revision);
  return rangeAnswer(revision > 0 ? keysToRead(draft.store, revision) : draft.keys, request);
}

/** Answers within a transaction carry the revision alone: no cluster, no member. */
function withRevision<Answer extends object>(draft: Draft, answer: Answer): Answer {
  const header = create(ResponseHeaderSchema, { revision: BigInt(draft.answeredRevision) });
  return { ...answer, header };
}

function responseOp(response: ResponseOp["response"]): ResponseOp {
  return create(ResponseOpSchema, { response });
}
