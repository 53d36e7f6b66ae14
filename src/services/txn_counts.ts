/** What a transaction did, counted as etcd does; for metrics. */
import type { StoreCounts } from "../mvcc/store.ts";
import type { OpResult, TxnOp, TxnResult } from "../mvcc/types.ts";

/** A compare reads too. */
export function countTxn(
  counts: StoreCounts,
  { op, result }: { op: TxnOp; result: TxnResult },
): void {
  const ranges = op.compares.length + rangesOf(result.results);
  counts.ranges += ranges;
  if (op.compares.length + result.results.length > 1) counts.txns++;
}

function rangesOf(results: readonly OpResult[]): number {
  let ranges = 0;
  for (const result of results) {
    if (result.kind === "range") ranges++;
    else if (result.kind === "txn") ranges += rangesOf(result.results);
  }
  return ranges;
}
