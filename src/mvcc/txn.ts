/**
 * Pure: evaluates puts, deletes and transactions of any shape on a view.
 *
 * A transaction runs in etcd's three steps: all compares of the whole tree are decided on the state before it; the
 * operations of the branches taken are checked; then they run in order, each seeing what the earlier ones wrote. Only the
 * check may fail, so a failing transaction changes nothing.
 */
import { Buffer } from "node:buffer";
import type { Head } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import type { ReadSet } from "./read_set.ts";
import { assembleRange, rowsNeeded } from "./range.ts";
import type { Version } from "./stored_kv.ts";
import {
  type Compare,
  COMPARE_RESULT,
  COMPARE_TARGET,
  type DeleteOp,
  type DeleteResult,
  type Op,
  type OpResult,
  type PutOp,
  type PutResult,
  type RangeOp,
  type RangeResult,
  type TxnOp,
  type TxnResult,
} from "./types.ts";
import type { BatchView } from "./view.ts";

/** Collects what evaluating an operation will look at, in both branches of every transaction. */
export function collectReads(op: Op, need: ReadSet): void {
  switch (op.kind) {
    case "put":
      need.key(op.key);
      if (op.lease !== 0n) need.leases.add(op.lease);
      break;
    case "delete":
      need.newest(op.range);
      break;
    case "range":
      if (op.revision > 0) need.at(op.range, op.revision);
      else need.newest(op.range);
      break;
    case "txn":
      for (const compare of op.compares) need.newest(compare.range);
      for (const inner of op.success) collectReads(inner, need);
      for (const inner of op.failure) collectReads(inner, need);
  }
}

/**
 * Whether a transaction only reads: nothing but ranges in both branches. As in etcd, one with another transaction inside
 * counts as a write, whatever that holds.
 */
export function isReadOnly(op: TxnOp): boolean {
  return op.success.every((inner) => inner.kind === "range") &&
    op.failure.every((inner) => inner.kind === "range");
}

/** Operations and compares of a transaction, those of the transactions in it included. */
export function operationCount(op: Op): number {
  if (op.kind !== "txn") return 1;
  let count = 1 + op.compares.length;
  for (const inner of op.success) count += operationCount(inner);
  for (const inner of op.failure) count += operationCount(inner);
  return count;
}

/** Whether the operation needs space: what NOSPACE refuses. */
export function containsPut(op: Op): boolean {
  if (op.kind === "txn") return op.success.some(containsPut) || op.failure.some(containsPut);
  return op.kind === "put";
}

export function evaluatePut(view: BatchView, op: PutOp): PutResult {
  checkPut(view, op);
  return put(view, op);
}

export function evaluateDelete(view: BatchView, op: DeleteOp): DeleteResult {
  const versions = view.range(op.range);
  for (const version of versions) view.delete(version);
  return {
    kind: "delete",
    revision: view.revision,
    deleted: versions.length,
    prevKvs: op.prevKv ? versions.map((version) => version.kv) : [],
  };
}

export function evaluateTxn(view: BatchView, op: TxnOp): TxnResult {
  const path = decide(view, op);
  check(view, path);
  const result = execute(view, path);
  return { ...result, revision: view.revision };
}

/** A transaction with its branch chosen, and those of the transactions in it. */
interface Path {
  readonly succeeded: boolean;
  readonly ops: readonly (Exclude<Op, TxnOp> | Path)[];
}

function isPath(op: Exclude<Op, TxnOp> | Path): op is Path {
  return "succeeded" in op;
}

function decide(view: BatchView, txn: TxnOp): Path {
  const succeeded = txn.compares.every((compare) => holds(view, compare));
  const ops = succeeded ? txn.success : txn.failure;
  return { succeeded, ops: ops.map((op) => op.kind === "txn" ? decide(view, op) : op) };
}

/** A compare holds if it does for every key of its range; on no key at all it looks at a key of zeros and no value. */
function holds(view: BatchView, compare: Compare): boolean {
  const versions = view.range(compare.range);
  if (versions.length === 0) return holdsForNone(compare);
  return versions.every((version) => matches(compare, version));
}

/** Whether a compare holds for a range without keys. */
export function holdsForNone(compare: Compare): boolean {
  return compare.target !== COMPARE_TARGET.VALUE && matches(compare, null);
}

/** Whether a compare holds for one key's version; for zeros if there is none. */
export function matches(compare: Compare, version: Version | null): boolean {
  const order = difference(compare, version);
  switch (compare.result) {
    case COMPARE_RESULT.EQUAL:
      return order === 0;
    case COMPARE_RESULT.NOT_EQUAL:
      return order !== 0;
    case COMPARE_RESULT.GREATER:
      return order > 0;
    case COMPARE_RESULT.LESS:
      return order < 0;
    default:
      // An unknown result number: etcd lets it pass.
      return true;
  }
}

function difference(compare: Compare, version: Version | null): number {
  switch (compare.target) {
    case COMPARE_TARGET.VALUE:
      return Buffer.compare(version?.value ?? new Uint8Array(0), compare.value);
    case COMPARE_TARGET.CREATE:
      return order(BigInt(version?.createRevision ?? 0), compare.number);
    case COMPARE_TARGET.MOD:
      return order(BigInt(version?.modRevision ?? 0), compare.number);
    case COMPARE_TARGET.VERSION:
      return order(BigInt(version?.version ?? 0), compare.number);
    case COMPARE_TARGET.LEASE:
      return order(version?.lease ?? 0n, compare.number);
    default:
      return 0;
  }
}

function order(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function check(view: BatchView, path: Path): void {
  for (const op of path.ops) {
    if (isPath(op)) check(view, op);
    else if (op.kind === "range") {
      const { revisionBefore: revision, compactRevision } = view;
      checkRangeInTxn(op, { revision, compactRevision });
    } else if (op.kind === "put") checkPut(view, op);
  }
}

/**
 * Unlike outside of transactions, a negative revision is not "now" here but long compacted, as in etcd.
 *
 * @throws {EtcdError} `futureRevision`, `compacted`
 */
export function checkRangeInTxn(
  op: RangeOp,
  { revision, compactRevision }: Pick<Head, "revision" | "compactRevision">,
): void {
  if (op.revision === 0) return;
  if (op.revision > revision) throw new EtcdError("futureRevision");
  if (op.revision < compactRevision) throw new EtcdError("compacted");
}

function checkPut(view: BatchView, op: PutOp): void {
  if (op.lease !== 0n && view.lease(op.lease) === null) throw new EtcdError("leaseNotFound");
  if ((op.ignoreValue || op.ignoreLease) && view.get(op.key) === null) {
    throw new EtcdError("keyNotFound");
  }
}

function execute(view: BatchView, path: Path): TxnResult {
  const results = path.ops.map((op): OpResult => {
    if (isPath(op)) return execute(view, op);
    switch (op.kind) {
      case "range":
        return range(view, op);
      case "put":
        return put(view, op);
      case "delete":
        return evaluateDelete(view, op);
    }
  });
  // Only the outermost answer carries a revision; etcd leaves the headers of nested ones empty.
  return { kind: "txn", revision: 0, succeeded: path.succeeded, results };
}

function put(view: BatchView, op: PutOp): PutResult {
  const previous = view.get(op.key);
  view.put(op.key, {
    value: op.ignoreValue && previous !== null ? previous.value : op.value,
    lease: op.ignoreLease && previous !== null ? previous.lease : op.lease,
  });
  return {
    kind: "put",
    revision: view.revision,
    prevKv: op.prevKv ? previous?.kv ?? null : null,
  };
}

function range(view: BatchView, op: RangeOp): RangeResult {
  const versions = op.revision > 0 ? view.rangeAt(op.range, op.revision) : view.range(op.range);
  const kvs = versions.slice(0, rowsNeeded(op)).map((version) => version.kv);
  return assembleRange(op, { kvs, count: versions.length, head: view });
}
