/**
 * The rule that one transaction changes a key at most once: a key put twice, or put and deleted, is refused, also across
 * nested transactions. Both branches of a nested transaction may put the same key, since only one of them runs; deletes
 * may overlap each other.
 */
import type { DeleteRangeRequest, RequestOp, TxnRequest } from "../../gen/etcdserverpb/kv_pb.ts";
import { EtcdError } from "../errors.ts";
import { keyName, successor } from "../mvcc/key_range.ts";
import { KeySpans } from "../mvcc/key_spans.ts";

interface Changes {
  /** By key name. */
  readonly puts: Map<string, Uint8Array>;
  readonly deletes: KeySpans;
}

/** @throws {EtcdError} `duplicateKey` */
export function checkDuplicates(request: TxnRequest): void {
  collect(request.success);
  collect(request.failure);
}

function collect(ops: readonly RequestOp[]): Changes {
  const changes: Changes = { puts: new Map(), deletes: new KeySpans() };
  for (const { request } of ops) {
    if (request.case !== "requestDeleteRange") continue;
    changes.deletes.add(deletedSpan(request.value));
  }
  for (const { request } of ops) {
    if (request.case === "requestTxn") collectNested(request.value, changes);
  }
  for (const { request } of ops) {
    if (request.case === "requestPut") addPut(changes, request.value.key);
  }
  return changes;
}

/** For this check etcd takes a `range_end` of one zero byte as it stands: "from the key on" counts as no key at all. */
function deletedSpan({ key, rangeEnd }: DeleteRangeRequest) {
  return { start: key, end: rangeEnd.length === 0 ? successor(key) : rangeEnd };
}

function collectNested(txn: TxnRequest, changes: Changes): void {
  const success = collect(txn.success);
  const failure = collect(txn.failure);
  for (const key of success.puts.values()) addPut(changes, key);
  for (const [name, key] of failure.puts) {
    if (success.puts.has(name)) continue;
    addPut(changes, key);
  }
  changes.deletes.addAll(success.deletes);
  changes.deletes.addAll(failure.deletes);
}

function addPut(changes: Changes, key: Uint8Array): void {
  const name = keyName(key);
  const isTaken = changes.puts.has(name) || changes.deletes.has(key);
  if (isTaken) throw new EtcdError("duplicateKey");
  changes.puts.set(name, key);
}
