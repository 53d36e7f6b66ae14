/** What a transaction did, counted as etcd does; for metrics. */
import type { StoreCounts } from "../mvcc/store.ts";
import type { OpResult, TxnOp, TxnResult } from "../mvcc/types.ts";

/** A compare reads too, but is no operation. */
export function countTxn(
  counts: StoreCounts,
  { op, result }: { op: TxnOp; result: TxnResult },
): void {
  const { ranges, operations } = countResults(result.results);
  counts.ranges += op.compares.length + ranges;
  if (operations > 1) counts.txns++;
}

function countResults(results: readonly OpResult[]): { ranges: number; operations: number } {
  let ranges = 0;
  let operations = 0;
  for (const result of results) {
    if (result.kind === "txn") {
      const inner = countResults(result.results);
      ranges += inner.ranges;
      operations += inner.operations;
      continue;
    }
    operations++;
    if (result.kind === "range") ranges++;
  }
  return { ranges, operations };
}
