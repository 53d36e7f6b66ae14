/** What a client can ask the writer to do to keys, as commands. */
import { EtcdError } from "../errors.ts";
import type { Alarms } from "./alarms.ts";
import { type Permit, UNRESTRICTED } from "./permit.ts";
import type { Command, ReadSet } from "./read_set.ts";
import {
  collectReads,
  containsPut,
  evaluateDelete,
  evaluatePut,
  evaluateTxn,
  operationCount,
} from "./txn.ts";
import type { DeleteOp, DeleteResult, Op, PutOp, PutResult, TxnOp, TxnResult } from "./types.ts";

export interface CommandOptions {
  readonly alarms: Alarms;
  /** Bytes of the request. */
  readonly bytes: number;
  /** The sender's. */
  readonly permit: Permit;
}

/** What evaluating the operation looks at, and what decides whether its sender may do it. */
function collect(op: Op, need: ReadSet, permit: Permit): void {
  collectReads(op, need);
  if (permit.isNeeded) permit.collectReads(op, need);
}

export function putCommand(
  op: PutOp,
  { alarms, bytes, permit }: CommandOptions,
): Command<PutResult> {
  return {
    bytes,
    reads: (need) => collect(op, need, permit),
    apply(view) {
      alarms.checkNotCorrupt();
      alarms.checkSpace();
      if (permit.isNeeded) permit.checkOp(op, view);
      return evaluatePut(view, op);
    },
  };
}

export function deleteCommand(
  op: DeleteOp,
  { alarms, bytes, permit }: CommandOptions,
): Command<DeleteResult> {
  return {
    bytes,
    reads: (need) => collect(op, need, permit),
    apply(view) {
      alarms.checkNotCorrupt();
      if (permit.isNeeded) permit.checkOp(op, view);
      return evaluateDelete(view, op);
    },
  };
}

/** What an operation takes in memory besides the bytes that came for it. */
const OPERATION_BYTES = 200;

export function txnCommand(
  op: TxnOp,
  { alarms, bytes, permit }: CommandOptions,
): Command<TxnResult> {
  const needsSpace = containsPut(op);
  return {
    bytes: bytes + operationCount(op) * OPERATION_BYTES,
    reads: (need) => collect(op, need, permit),
    apply(view) {
      alarms.checkNotCorrupt();
      if (needsSpace) alarms.checkSpace();
      if (permit.isNeeded) permit.checkOp(op, view);
      return evaluateTxn(view, op);
    },
  };
}

/**
 * After the store has lost commits: no revision that was told of before may come to mean something else. So all of them are
 * left out, and what lies before is compacted: whoever asks for it is told to read anew.
 */
export function abandonCommand(revision: number): Command<void> {
  return {
    bytes: 0,
    reads() {},
    apply(view) {
      view.skipTo(revision);
      view.compactRevision = Math.max(view.compactRevision, view.revision);
    },
  };
}

/** Moves the compact revision; what becomes unreachable is trimmed later. Answers the header's revision. */
export function compactCommand(
  revision: number,
  alarms: Alarms,
  permit: Permit = UNRESTRICTED,
): Command<{ readonly revision: number }> {
  return {
    bytes: 0,
    reads() {},
    apply(view) {
      if (permit.isNeeded) permit.checkAdmin();
      alarms.checkNotCorrupt();
      if (revision <= view.compactRevision) throw new EtcdError("compacted");
      if (revision > view.revision) throw new EtcdError("futureRevision");
      view.compactRevision = revision;
      return { revision: view.revision };
    },
  };
}
