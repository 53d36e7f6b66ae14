/** What a fact is given, and short ways to write and to compare. */

import {
  type Backend,
  type Batch,
  type Head,
  type HistoryPage,
  type HistoryQuery,
  type LogRow,
  type OpenOptions,
  type RangePage,
  type RangeQuery,
  REVISION_MAX,
} from "../contract.ts";
import type { Dice } from "./dice.ts";
import { encodeKv } from "./kv_message.ts";

export interface Subject {
  /** The backend as opened last. */
  readonly backend: Backend;
  /** What the store is told the time is. */
  readonly clock: { nowMs: number };
  /** Closes the backend and opens the same store again. The fact ends here where the store is one for tests. */
  reopen(options?: Partial<OpenOptions>): Promise<Backend>;
  /**
   * Opens the store once more, as another server does; closed when the fact ends. The fact ends here where no other server
   * can have the store open.
   */
  openAnother(): Promise<Backend>;
}

/** Thrown where the rest of a fact does not apply to the backend; the message says why. */
export class NotApplicable extends Error {}

export interface Fact {
  readonly name: string;
  /** What of the contract promises it: names of `contract.ts` and `rows.ts`, and words of theirs in brackets. */
  readonly see: string;
  /** The fact holds only where the store goes by the clock it is given. */
  readonly movesClock?: boolean;
  /** The fact is about servers that share the store. */
  readonly needsOthers?: boolean;
  /** The fact is tried with several seeds, each on a new store. */
  readonly rollsDice?: boolean;
  check(subject: Subject, dice: Dice): Promise<void>;
}

/** Ids of members that facts announce. */
export const SUITE_MEMBERS = [1n, 2n, 2n ** 64n - 1n] as const satisfies readonly bigint[];

export const LEASE_GAP_MS = 5_000;

/** What the tests open stores with. */
export const OPEN_OPTIONS: OpenOptions = {
  now: Date.now,
  randomId: () => 7n,
  log: () => {},
  maxConnections: 5,
  createSchema: true,
  leaseGapMs: LEASE_GAP_MS,
};

const encoder = new TextEncoder();
let batchCount = 0;

export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** What a batch changes, and where the head's revisions then stand if not where its rows put them. */
export type Changes =
  & Partial<Omit<Batch, "base" | "head">>
  & Partial<Pick<Head, "revision" | "compactRevision">>;

/** A batch that changes nothing but what is said. */
export function batchAt(base: Head, changes: Changes = {}): Batch {
  const { revision, compactRevision = base.compactRevision, ...given } = changes;
  const content = { rows: [], leases: [], records: [], resumesLeases: false, ...given };
  const index = base.index + 1;
  const head = {
    index,
    revision: revision ?? content.rows.at(-1)?.revision ?? base.revision,
    compactRevision,
    recordsIndex: content.records.length > 0 ? index : base.recordsIndex,
    leasesIndex: content.leases.length > 0 ? index : base.leasesIndex,
    batchId: `batch-${++batchCount}`,
  };
  return { base, head, ...content };
}

/** Appends at the present head, and answers the new one. */
export async function append(
  { backend }: Pick<Subject, "backend">,
  changes: Changes = {},
): Promise<Head> {
  const batch = batchAt(await backend.head(), changes);
  await backend.append(batch);
  return batch.head;
}

/** A page of history with all that is in it, or with what is said otherwise. */
export function history(backend: Backend, query: Partial<HistoryQuery> = {}): Promise<HistoryPage> {
  return backend.history({
    after: 0,
    upTo: REVISION_MAX,
    rowsMax: 1_000_000,
    bytesMax: 1_000_000_000,
    withPrev: true,
    since: null,
    ...query,
  });
}

export interface PutOptions {
  readonly revision: number;
  readonly sub?: number;
  readonly value?: Uint8Array;
  readonly lease?: bigint;
}

export function putRow(key: Uint8Array, options: PutOptions): LogRow {
  const { revision, sub = 0, value = bytes(`value at ${revision}`), lease = 0n } = options;
  const { kv, metaSize } = encodeKv({ key, revision, value, lease });
  return { revision, sub, key, kv, metaSize, tombstone: false, lease };
}

export function tombstoneRow(
  key: Uint8Array,
  { revision, sub = 0 }: { revision: number; sub?: number },
): LogRow {
  const { kv, metaSize } = encodeKv({ key, revision });
  return { revision, sub, key, kv, metaSize, tombstone: true, lease: 0n };
}

/** The whole store at the newest, or with what is said otherwise. */
export function range(backend: Backend, query: Partial<RangeQuery> = {}): Promise<RangePage> {
  return backend.range({
    start: new Uint8Array(),
    end: null,
    revision: 0,
    limit: 1_000_000,
    bytesMax: Number.MAX_SAFE_INTEGER,
    keysOnly: false,
    packed: false,
    ...query,
  });
}

export { assertFails, assertSameBytes, assertSameTexts } from "./expecting.ts";
