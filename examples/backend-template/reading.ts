/** Reads: each is of one snapshot, whose head goes with the answer. */

import {
  BackendError,
  type Head,
  type HistoryPage,
  type HistoryQuery,
  type HistoryRow,
  type KeySpan,
  type LeaseRow,
  type Loaded,
  type LoadQuery,
  type LogRow,
  type RangePage,
  type RangeQuery,
} from "@rhino/rhino/contract";
import { hasBatch, leaseNowMs, type LeaseTime, type LogPlace } from "@rhino/rhino/kit";
import {
  currentKey,
  decodeJson,
  decodeRow,
  HEAD,
  keyOfCurrent,
  leaseKey,
  logSpan,
  placeOfLog,
  readVersionKey,
  recordKey,
  slotKey,
  versionsBefore,
  versionsFrom,
} from "./layout.ts";
import type { Shelf } from "./shelf.ts";
import type { ReadResponse, Scan, ScanResult } from "./shelf_protocol.ts";

/** One scan asks for no more than this, and goes on where it ended. */
const SCAN_ROWS = 2_000;
const SCAN_BYTES = 4 * 1024 * 1024;

/** What stands under `HEAD`. */
export interface StoredHead {
  readonly head: Head;
  /** A decimal number: JSON has none of 64 bits. */
  readonly clusterId: string;
  readonly leaseTime: LeaseTime;
}

/** A snapshot, and what is read with its head at once. */
export interface Snapshot {
  readonly version: number;
  readonly nowMs: number;
  readonly stored: StoredHead | null;
  /** As it stands there, to be checked by a commit. */
  readonly headText: string | null;
  readonly results: readonly ScanResult[];
}

export async function readHead(shelf: Shelf, scans: readonly Scan[] = []): Promise<Snapshot> {
  const response: ReadResponse = await shelf.read([one(HEAD), ...scans]);
  const headText = valueIn(response.results[0]);
  return {
    version: response.version,
    nowMs: response.nowMs,
    stored: headText === null ? null : decodeJson(headText),
    headText,
    results: response.results.slice(1),
  };
}

/** As `readHead`, for a store that is there. */
export async function snapshot(
  shelf: Shelf,
  scans: readonly Scan[] = [],
): Promise<Snapshot & { readonly stored: StoredHead }> {
  const found = await readHead(shelf, scans);
  if (found.stored === null) throw new BackendError("unavailable", "the store was removed");
  return { ...found, stored: found.stored };
}

/** One key. */
export function one(key: string): Scan {
  return { start: key, end: `${key}\0`, limit: 1 };
}

export function valueIn(result: ScanResult | undefined): string | null {
  return result?.entries[0]?.[1] ?? null;
}

/** The newest version of a key at a revision. */
function versionAt(key: Uint8Array, revision: number): Scan {
  return newestBefore(key, { revision: revision + 1, sub: 0 });
}

/** The newest version of a key before a place. */
export function newestBefore(key: Uint8Array, place: LogPlace): Scan {
  return { ...versionsBefore(key, place), limit: 1, reverse: true };
}

/** What a scan for one version found, tombstones included. */
export function rowIn(result: ScanResult | undefined): LogRow | null {
  const [text, value] = result?.entries[0] ?? [];
  if (text === undefined || value === undefined) return null;
  return decodeRow(readVersionKey(text).key, value);
}

function liveKv(row: LogRow | null): Uint8Array | null {
  return row === null || row.tombstone ? null : row.kv;
}

export async function load(shelf: Shelf, query: LoadQuery, leaseGapMs: number): Promise<Loaded> {
  const { keys, leases, records, revision } = query;
  const found = await snapshot(shelf, [
    ...keys.map((key) => revision === 0 ? one(currentKey(key)) : versionAt(key, revision)),
    ...leases.map((id) => one(leaseKey(id))),
    ...records.map((name) => one(recordKey(name))),
  ]);
  const results = [...found.results];
  const ofKeys = results.splice(0, keys.length);
  const ofLeases = results.splice(0, leases.length);
  return {
    head: found.stored.head,
    kvs: keys.map((key, at) => {
      if (revision !== 0) return liveKv(rowIn(ofKeys[at]));
      const value = valueIn(ofKeys[at]);
      return value === null ? null : decodeRow(key, value).kv;
    }),
    leases: leases.map((id, at) => leaseRow(id, valueIn(ofLeases[at]), { found, leaseGapMs })),
    records: results.map((result) => {
      const value = valueIn(result);
      return value === null ? null : Uint8Array.fromBase64(value);
    }),
  };
}

function leaseRow(
  id: bigint,
  text: string | null,
  { found, leaseGapMs }: { found: Snapshot & { stored: StoredHead }; leaseGapMs: number },
): LeaseRow | null {
  if (text === null) return null;
  const { ttl, expiresAtMs } = decodeJson(text);
  return { id, ttl, remainingMs: expiresAtMs - clockOf(found, leaseGapMs) };
}

/** The lease clock by the store's own clock: those of servers differ. */
export function clockOf(
  { stored, nowMs }: { stored: StoredHead; nowMs: number },
  leaseGapMs: number,
): number {
  return leaseNowMs({ ...stored.leaseTime, nowMs }, leaseGapMs);
}

/** Live rows of an interval in order of their keys, read piece by piece from one snapshot. */
async function* liveRows(
  shelf: Shelf,
  { start, end, revision, version, keysOnly }: KeySpan & {
    readonly revision: number;
    readonly version: number;
    readonly keysOnly: boolean;
  },
): AsyncGenerator<LogRow> {
  const [prefix, last] = revision === 0 ? [currentKey, "d"] as const : [versionsFrom, "w"] as const;
  const bound = end === null ? last : prefix(end);
  let from = prefix(start);
  let best: LogRow | null = null;
  for (let more = from < bound; more;) {
    const scan = { start: from, end: bound, limit: SCAN_ROWS, bytesMax: SCAN_BYTES, keysOnly };
    const [result] = (await shelf.read([scan], version)).results;
    for (const [text, value] of result?.entries ?? []) {
      if (revision === 0) {
        yield rowOf(keyOfCurrent(text), value);
        continue;
      }
      const { key, place, tombstone } = readVersionKey(text);
      if (best !== null && !isSame(best.key, key)) {
        if (!best.tombstone) yield best;
        best = null;
      }
      // Versions come oldest first: the last one at or below the revision decides.
      if (place.revision <= revision) best = { ...rowOf(key, value), tombstone };
    }
    more = result?.more ?? false;
    from = `${result?.entries.at(-1)?.[0] ?? ""}\0`;
  }
  if (best !== null && !best.tombstone) yield best;
}

/** Of a scan without values there is the key alone. */
function rowOf(key: Uint8Array, value: string): LogRow {
  if (value !== "") return decodeRow(key, value);
  return { key, kv: key, metaSize: 0, revision: 0, sub: 0, tombstone: false, lease: 0n };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export async function range(shelf: Shelf, query: RangeQuery): Promise<RangePage> {
  const { stored: { head }, version } = await snapshot(shelf);
  const kvs: Uint8Array[] = [];
  let bytes = 0;
  for await (const row of liveRows(shelf, { ...query, version, keysOnly: false })) {
    if (kvs.length >= query.limit || (bytes >= query.bytesMax && kvs.length > 0)) {
      return { head, kvs, packed: null, more: true };
    }
    const kv = query.keysOnly ? row.kv.subarray(0, row.metaSize) : row.kv;
    kvs.push(kv);
    bytes += kv.length;
  }
  return { head, kvs, packed: null, more: false };
}

export async function count(
  shelf: Shelf,
  query: KeySpan & { readonly revision: number },
): Promise<{ head: Head; count: number }> {
  const { stored: { head }, version } = await snapshot(shelf);
  let count = 0;
  for await (const _ of liveRows(shelf, { ...query, version, keysOnly: true })) count++;
  return { head, count };
}

export async function history(shelf: Shelf, query: HistoryQuery): Promise<HistoryPage> {
  const { upTo, rowsMax, bytesMax, since } = query;
  const found = await snapshot(shelf, [one(slotKey(since?.index ?? 0))]);
  const { head } = found.stored;
  const hasSince = since === null || hasBatch({
    headIndex: head.index,
    slot: slotIn(found.results[0]),
    asked: since,
  });
  const rows: HistoryRow[] = [];
  let bytes = 0;
  let cursor: LogPlace = { revision: query.after + 1, sub: -1 };
  for (let more = query.after < upTo; more;) {
    const piece = await historyPiece(shelf, { query, cursor, version: found.version });
    for (const row of piece.rows) {
      const last = rows.at(-1);
      const isFull = rows.length >= rowsMax || bytes >= bytesMax;
      if (last !== undefined && row.revision !== last.revision && isFull) {
        return { head, rows, through: last.revision, hasSince };
      }
      rows.push(row);
      bytes += row.kv.length + (row.prevKv?.length ?? 0);
    }
    more = piece.more;
    cursor = rows.at(-1) ?? cursor;
  }
  return { head, rows, through: Math.min(upTo, head.revision), hasSince };
}

/** Some rows behind the cursor: their places from the log, then the rows and what was before them. */
async function historyPiece(
  shelf: Shelf,
  { query, cursor, version }: { query: HistoryQuery; cursor: LogPlace; version: number },
): Promise<{ readonly rows: readonly HistoryRow[]; readonly more: boolean }> {
  const limit = Math.min(query.rowsMax + 1, SCAN_ROWS);
  const [log] = (await shelf.read([{ ...logSpan(cursor, query.upTo), limit }], version)).results;
  const places = (log?.entries ?? []).map(([text, value]) => ({
    place: placeOfLog(text),
    key: Uint8Array.fromBase64(value),
  }));
  const scans = places.flatMap(({ place, key }) => [
    newestBefore(key, { ...place, sub: place.sub + 1 }),
    ...(query.withPrev ? [newestBefore(key, { revision: place.revision, sub: 0 })] : []),
  ]);
  const { results } = await shelf.read(scans, version);
  const step = query.withPrev ? 2 : 1;
  const rows = places.flatMap((_, at) => {
    const row = rowIn(results[at * step]);
    const prevKv = query.withPrev ? liveKv(rowIn(results[at * step + 1])) : null;
    return row === null ? [] : [{ ...row, prevKv }];
  });
  return { rows, more: log?.more ?? false };
}

export function slotIn(result: ScanResult | undefined) {
  const value = valueIn(result);
  return value === null ? null : decodeJson(value);
}
