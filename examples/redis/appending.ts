/** A batch as the script `append` takes it. */

import { Buffer } from "node:buffer";
import { BackendError, type Batch, slotOf } from "./kit.ts";
import type { Argument } from "./link.ts";
import { encodeHead, encodeInt64, encodeRow, idOf, placeOf } from "./rows.ts";
import { SCRIPTS } from "./scripts.ts";
import type { Store } from "./store.ts";

export interface AppendContext {
  readonly leaseGapMs: number;
  readonly channel: string;
  /** What this server sends with its own changes. */
  readonly instance: string;
}

function encodeBatch(batch: Batch, { leaseGapMs, channel, instance }: AppendContext): Argument[] {
  const { base, head, rows, leases, records } = batch;
  const values: Argument[] = [
    placeOf(base),
    placeOf(head),
    encodeHead(head),
    String(head.compactRevision),
    String(head.revision),
    String(leaseGapMs),
    batch.resumesLeases ? "1" : "0",
    channel,
    instance,
    String(rows.length),
    String(leases.length),
    String(records.length),
    String(slotOf(head.index)),
  ];
  for (const row of rows) values.push(idOf(row), encodeRow(row));
  for (const { id, state } of leases) {
    const [ttl, remaining] = state === null
      ? ["", ""]
      : [String(state.ttl), String(Math.round(state.remainingMs))];
    values.push(encodeInt64(id), ttl, remaining);
  }
  for (const { name, value } of records) {
    values.push(name, value === null ? "0" : "1", value === null ? "" : Buffer.from(value));
  }
  return values;
}

/** @throws {BackendError} as the contract has it */
export async function append(
  { link, keys }: Store,
  batch: Batch,
  { timeoutMs, ...context }: AppendContext & { readonly timeoutMs: number },
): Promise<void> {
  const values = encodeBatch(batch, context);
  const applied = await link.run(SCRIPTS.append, { keys, values }, { timeoutMs, isSafe: false });
  if (applied === 1) return;
  throw new BackendError("conflict", `the head does not stand at ${batch.base.index} any more`);
}
