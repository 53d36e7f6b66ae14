/**
 * Transactions that only read: no turn with the writer, and no more is read than their ranges ask for. Everything is read
 * at one revision, the newest when it began.
 */
import type { Backend } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import { type Cancelable, RangeOvertaken, readPages, restartIfOvertaken } from "./range_pages.ts";
import type { Reader } from "./reader.ts";
import { parseKv } from "./stored_kv.ts";
import { checkRangeInTxn, holdsForNone, matches } from "./txn.ts";
import {
  type Compare,
  COMPARE_TARGET,
  type RangeOp,
  type Read,
  type TxnOp,
  type TxnResult,
} from "./types.ts";

export interface ReadTxnOptions {
  readonly backend: Backend;
  readonly reader: Reader;
  readonly call: Cancelable | undefined;
}

/**
 * @param op of which `isReadOnly` holds
 * @throws {EtcdError} `compacted`, `futureRevision`; `timeout` if compactions overtook it again and again
 */
export function readTxn(options: ReadTxnOptions, op: TxnOp): Promise<Read<TxnResult>> {
  return restartIfOvertaken(async () => {
    const head = await options.backend.head();
    const { revision } = head;
    const succeeded = await allHold(options, op.compares, revision);
    // A read-only transaction has nothing but ranges in it.
    const ranges = (succeeded ? op.success : op.failure).filter((inner) => inner.kind === "range");
    for (const range of ranges) checkRangeInTxn(range, head);
    const results = [];
    for (const range of ranges) results.push(await readRange(options, range, revision));
    const { recordsIndex } = head;
    return { kind: "txn", revision, succeeded, results, recordsIndex };
  });
}

async function readRange({ reader, call }: ReadTxnOptions, op: RangeOp, revision: number) {
  const isPinned = op.revision > 0;
  try {
    const result = await reader.range(isPinned ? op : { ...op, revision }, call);
    return { ...result, revision };
  } catch (error) {
    const isCompacted = error instanceof EtcdError && error.reason === "compacted";
    throw isCompacted && !isPinned ? new RangeOvertaken() : error;
  }
}

async function allHold(
  options: ReadTxnOptions,
  compares: readonly Compare[],
  revision: number,
): Promise<boolean> {
  for (const compare of compares) if (!await holds(options, compare, revision)) return false;
  return true;
}

async function holds(
  { backend, call }: ReadTxnOptions,
  compare: Compare,
  revision: number,
): Promise<boolean> {
  const { range, target } = compare;
  const keysOnly = target !== COMPARE_TARGET.VALUE;
  let isNone = true;
  const limit = range.single ? 1 : Infinity;
  for await (
    const page of readPages(backend, { range, revision, limit, keysOnly, packed: false, call })
  ) {
    isNone &&= page.kvs.length === 0;
    if (!page.kvs.every((kv) => matches(compare, parseKv(kv)))) return false;
  }
  return !isNone || holdsForNone(compare);
}
