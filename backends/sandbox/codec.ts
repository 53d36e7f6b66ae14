/**
 * The contract's arguments and answers as messages: lists of bytes packed, all else as it is. What a Worker answers is
 * taken apart here only after `checkedShape` has found it to be of the right form.
 */

import type {
  Batch,
  HistoryPage,
  HistoryRow,
  KeySpan,
  Loaded,
  LoadQuery,
  LogRow,
  Member,
  Presence,
  RangePage,
} from "../contract.ts";
import { buffersOf, packBytes, type PackedBytes, unpackCopies, unpackViews } from "./packing.ts";

/** A message's content, and the buffers that are handed over with it. */
export interface Parcel {
  readonly value: unknown;
  readonly buffers: readonly ArrayBuffer[];
}

export const NOTHING: Parcel = { value: undefined, buffers: [] };

/** Rows in columns. */
export interface PackedRows {
  readonly revisions: Float64Array<ArrayBuffer>;
  readonly subs: Float64Array<ArrayBuffer>;
  readonly metaSizes: Float64Array<ArrayBuffer>;
  readonly tombstones: Uint8Array<ArrayBuffer>;
  /** `null` if no row has a lease. */
  readonly leases: readonly bigint[] | null;
  readonly keys: PackedBytes;
  readonly kvs: PackedBytes;
  /** `null` where there are none at all, as in a batch. */
  readonly prevKvs: PackedBytes | null;
}

function packRows(rows: readonly LogRow[], prevKvs: readonly (Uint8Array | null)[]): PackedRows {
  return {
    revisions: Float64Array.from(rows, ({ revision }) => revision),
    subs: Float64Array.from(rows, ({ sub }) => sub),
    metaSizes: Float64Array.from(rows, ({ metaSize }) => metaSize),
    tombstones: Uint8Array.from(rows, ({ tombstone }) => tombstone ? 1 : 0),
    leases: rows.some(({ lease }) => lease !== 0n) ? rows.map(({ lease }) => lease) : null,
    keys: packBytes(rows.map(({ key }) => key)),
    kvs: packBytes(rows.map(({ kv }) => kv)),
    prevKvs: prevKvs.some((one) => one !== null) ? packBytes(prevKvs) : null,
  };
}

function buffersOfRows(rows: PackedRows): ArrayBuffer[] {
  const { revisions, subs, metaSizes, tombstones, keys, kvs, prevKvs } = rows;
  const columns = [revisions.buffer, subs.buffer, metaSizes.buffer, tombstones.buffer];
  return [...columns, ...buffersOf(keys, kvs, ...(prevKvs === null ? [] : [prevKvs]))];
}

const EMPTY = new Uint8Array();

export function unpackRows(packed: PackedRows): HistoryRow[] {
  const keys = unpackViews(packed.keys);
  const kvs = unpackViews(packed.kvs);
  const prevKvs = packed.prevKvs === null ? null : unpackViews(packed.prevKvs);
  return keys.map((key, at) => ({
    revision: packed.revisions[at] ?? NaN,
    sub: packed.subs[at] ?? NaN,
    key: key ?? EMPTY,
    kv: kvs[at] ?? EMPTY,
    metaSize: packed.metaSizes[at] ?? NaN,
    tombstone: packed.tombstones[at] === 1,
    lease: packed.leases?.[at] ?? 0n,
    prevKv: prevKvs?.[at] ?? null,
  }));
}

/** An array of its own, so that no more than itself goes with it. */
function own(bytes: Uint8Array): Uint8Array {
  return bytes.slice();
}

// The server's side: arguments out.

export function packSpan<T extends KeySpan>(query: T): Parcel {
  const { start, end } = query;
  return {
    value: { ...query, start: own(start), end: end === null ? null : own(end) },
    buffers: [],
  };
}

export function packLoadQuery(query: LoadQuery): Parcel {
  const keys = packBytes(query.keys);
  return { value: { ...query, keys }, buffers: buffersOf(keys) };
}

export function packBatch({ rows, records, ...batch }: Batch): Parcel {
  const packed = packRows(rows, []);
  const values = packBytes(records.map(({ value }) => value));
  const names = records.map(({ name }) => name);
  return {
    value: { ...batch, rows: packed, names, values },
    buffers: [...buffersOfRows(packed), ...buffersOf(values)],
  };
}

export function packMember({ id, info }: Member): Member {
  return { id, info: own(info) };
}

// The Worker's side: arguments in. They come from the server, so nothing is checked.

export function unpackLoadQuery(value: unknown): LoadQuery {
  const query = value as Omit<LoadQuery, "keys"> & { readonly keys: PackedBytes };
  return { ...query, keys: unpackViews(query.keys).map((key) => key ?? EMPTY) };
}

export function unpackBatch(value: unknown): Batch {
  const { rows, names, values, ...batch } = value as
    & Omit<Batch, "rows" | "records">
    & {
      readonly rows: PackedRows;
      readonly names: readonly string[];
      readonly values: PackedBytes;
    };
  const unpacked = unpackViews(values);
  return {
    ...batch,
    rows: unpackRows(rows),
    records: names.map((name, at) => ({ name, value: unpacked[at] ?? null })),
  };
}

// The Worker's side: answers out.

export function packLoaded({ head, kvs, leases, records }: Loaded): Parcel {
  const packed = { kvs: packBytes(kvs), records: packBytes(records) };
  return {
    value: { head, leases, ...packed },
    buffers: buffersOf(packed.kvs, packed.records),
  };
}

export function packPage({ head, kvs, packed, more }: RangePage): Parcel {
  const list = packBytes(kvs);
  if (packed === null) {
    return { value: { head, kvs: list, packed, more }, buffers: buffersOf(list) };
  }
  const bytes = new Uint8Array(packed.bytes);
  const lastKey = packed.lastKey === null ? null : own(packed.lastKey);
  return {
    value: { head, kvs: list, packed: { bytes, count: packed.count, lastKey }, more },
    buffers: [...buffersOf(list), bytes.buffer],
  };
}

export function packHistory({ rows, ...page }: HistoryPage): Parcel {
  const packed = packRows(rows, rows.map(({ prevKv }) => prevKv));
  return { value: { ...page, rows: packed }, buffers: buffersOfRows(packed) };
}

export function packKvs<T extends { readonly kvs: readonly Uint8Array[] }>(page: T): Parcel {
  const kvs = packBytes(page.kvs);
  return { value: { ...page, kvs }, buffers: buffersOf(kvs) };
}

export function packRecords(
  { head, records }: Pick<Loaded, "head"> & {
    readonly records: readonly (readonly [name: string, value: Uint8Array])[];
  },
): Parcel {
  const values = packBytes(records.map(([, value]) => value));
  const names = records.map(([name]) => name);
  return { value: { head, names, values }, buffers: buffersOf(values) };
}

export function packPresence({ head, members }: Presence): Parcel {
  return { value: { head, members: members.map(packMember) }, buffers: [] };
}

// The server's side: lists of answers in.

export function listOf(packed: PackedBytes): Uint8Array[] {
  return unpackViews(packed).map((one) => one ?? EMPTY);
}

/** What may be kept by whoever asked for it. */
export function keptListOf(packed: PackedBytes): (Uint8Array | null)[] {
  return unpackCopies(packed);
}
