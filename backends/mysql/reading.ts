/** Reads that one snapshot answers, and what they have in common. */

import type { Head, LeaseRow, Loaded, LoadQuery } from "../contract.ts";
import { unframe } from "../sql/frame.ts";
import { boundAbove, headOf, leaseNowOf } from "./head.ts";
import { fillIn, writeValue } from "./literals.ts";
import { groupTexts } from "./packets.ts";
import type { Row, Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";

/** Lookups of one statement: some 25 µs of the server each. */
const LOOKUPS_MAX = 128;
/** Items of one list in a statement, and about their bytes. */
const LIST = { count: 1_000, bytes: 1024 * 1024 };

const encoder = new TextEncoder();

export interface Snapshot {
  readonly head: Head;
  /** The rows of each statement. */
  readonly answers: readonly (readonly Row[])[];
}

/** Runs statements on one snapshot, as a rule in one round trip. */
export async function readSnapshot(
  session: Session,
  statements: readonly string[],
): Promise<Snapshot> {
  const { beginRead, head, commit } = STATEMENTS;
  const answers = await session.run([beginRead, head, ...statements, commit]);
  return { head: headOf(answers[1]), answers: answers.slice(2, -1) };
}

export async function readHead(session: Session): Promise<Head> {
  return headOf(await session.rows(STATEMENTS.head));
}

/** Whatever was asked for; at a revision that is not the newest, in two round trips. */
export async function load(
  session: Session,
  query: LoadQuery,
  leaseGapMs: number,
): Promise<Loaded> {
  const { keys, leases, records, revision } = query;
  const isOfKeys = leases.length + records.length === 0;
  if (isOfKeys && revision === 0 && keys.length > 0 && keys.length <= LIST.count) {
    return await loadKeys(session, keys);
  }
  const parts = partsOf(query);
  const lists = writeLists(keys).map((list) => fillInList(STATEMENTS.keys, "keys", list));
  const { head, answers } = await readSnapshot(session, [...lists, ...parts]);
  const found = new Map<string, { kv: Uint8Array; revision: number }>();
  for (const [key, kv, at] of answers.slice(0, lists.length).flat()) {
    found.set((key as Uint8Array).toHex(), { kv: kv as Uint8Array, revision: at as number });
  }
  const rest = answers.slice(lists.length);
  if (revision === 0 || head.revision <= revision) {
    const kvs = keys.map((key) => ownKv(found.get(key.toHex())?.kv));
    return { head, kvs, ...readParts(query, rest, leaseGapMs) };
  }
  // What changed since, or is not there now, is looked up in the log.
  const kvs = keys.map((key) => {
    const current = found.get(key.toHex());
    return current === undefined || current.revision > revision ? undefined : ownKv(current.kv);
  });
  const past = await loadPast(session, query, kvs);
  return { head: past.head, kvs: past.kvs, ...readParts(query, past.rest, leaseGapMs) };
}

/** The hot one: a single statement. */
async function loadKeys(session: Session, keys: readonly Uint8Array[]): Promise<Loaded> {
  const rows = await session.rows(fillIn(STATEMENTS.headAndKeys, { keys }));
  const head = headOf(rows);
  const [only] = rows;
  if (keys.length === 1) {
    return { head, kvs: [ownKv(only?.[7] as Uint8Array | null)], leases: [], records: [] };
  }
  const found = new Map<string, Uint8Array>();
  for (const row of rows) {
    if (row[6] !== null) found.set((row[6] as Uint8Array).toHex(), row[7] as Uint8Array);
  }
  const kvs = keys.map((key) => ownKv(found.get(key.toHex())));
  return { head, kvs, leases: [], records: [] };
}

/** Looks up those that are `undefined`. */
async function loadPast(
  session: Session,
  query: LoadQuery,
  known: readonly (Uint8Array | null | undefined)[],
): Promise<{ head: Head; kvs: (Uint8Array | null)[]; rest: readonly (readonly Row[])[] }> {
  const bound = boundAbove(query.revision);
  const lookups = query.keys.flatMap((key, at) =>
    known[at] === undefined ? [fillIn(STATEMENTS.versionBefore, { at, key, bound })] : []
  );
  const limits = { count: LOOKUPS_MAX, bytes: LIST.bytes };
  const lists = groupTexts(lookups, limits).map((texts) => texts.join(" UNION ALL "));
  const { head, answers } = await readSnapshot(session, [...lists, ...partsOf(query)]);
  const kvs = known.map((kv) => kv ?? null);
  for (const [at, kv] of answers.slice(0, lists.length).flat()) {
    kvs[at as number] = ownKv(kv as Uint8Array | null);
  }
  return { head, kvs, rest: answers.slice(lists.length) };
}

/** Statements for leases and records, which are always the newest. */
function partsOf({ leases, records }: LoadQuery): string[] {
  if (leases.length + records.length === 0) return [];
  const ids = groupTexts(leases.map((id) => writeValue(id)), LIST);
  const names = groupTexts(records.map((name) => writeValue(name)), LIST);
  return [
    STATEMENTS.headWithClock,
    ...ids.map((list) => fillInList(STATEMENTS.leasesById, "ids", list)),
    ...names.map((list) => fillInList(STATEMENTS.recordsByName, "names", list)),
  ];
}

/** Of the answers to `partsOf`. A lease's row has a number where a record's has a name. */
function readParts(
  query: LoadQuery,
  answers: readonly (readonly Row[])[],
  leaseGapMs: number,
): Pick<Loaded, "leases" | "records"> {
  const leases = new Map<bigint, LeaseRow>();
  const records = new Map<string, Uint8Array>();
  const [clock, ...lists] = answers;
  for (const row of lists.flat()) {
    if (row.length === 2) records.set((row[0] as Uint8Array).toHex(), row[1] as Uint8Array);
    else {
      const lease = leaseOf(row, leaseNowOf(clock, leaseGapMs));
      leases.set(lease.id, lease);
    }
  }
  return {
    leases: query.leases.map((id) => leases.get(id) ?? null),
    records: query.records.map((name) => own(records.get(encoder.encode(name).toHex()))),
  };
}

export async function listLeases(session: Session, limit: number, leaseGapMs: number) {
  const statements = [STATEMENTS.headWithClock, fillIn(STATEMENTS.leasesByExpiry, { limit })];
  const { head, answers: [clock, rows = []] } = await readSnapshot(session, statements);
  const now = leaseNowOf(clock, leaseGapMs);
  return { head, leases: rows.map((row) => leaseOf(row, now)) };
}

function leaseOf(row: Row, nowMs: number): LeaseRow {
  const [id, ttl, expiresAtMs] = row as readonly [id: number | string, ttl: number, at: number];
  return { id: BigInt(id), ttl, remainingMs: expiresAtMs - nowMs };
}

export async function listLeaseKeys(session: Session, id: bigint) {
  const { head, answers: [rows = []] } = await readSnapshot(session, [
    fillIn(STATEMENTS.leaseKeys, { id }),
  ]);
  return { head, kvs: rows.map(([kv]) => unframe(kv as Uint8Array)) };
}

export async function listRecords(session: Session, prefix: string) {
  const start = encoder.encode(prefix);
  // The byte 0xff, which no text holds, ends what begins with the prefix.
  const end = Uint8Array.of(...start, 0xff);
  const { head, answers: [rows = []] } = await readSnapshot(session, [
    fillIn(STATEMENTS.recordsByPrefix, { start, end }),
  ]);
  const decoder = new TextDecoder();
  const records = rows.map(([name, value]) =>
    [decoder.decode(name as Uint8Array), new Uint8Array(value as Uint8Array)] as const
  );
  return { head, records };
}

/** Values as lists for `IN`. */
function writeLists(values: readonly Uint8Array[]): string[][] {
  return groupTexts(values.map((value) => writeValue(value)), LIST);
}

/** Puts a list of written values into a statement. */
export function fillInList(statement: string, name: string, list: readonly string[]): string {
  return statement.replace(`:${name}`, () => `(${list.join()})`);
}

/**
 * A kv of its own memory: what the driver gives is a piece of the packet that it came with, and the caller may keep it for
 * long.
 */
function ownKv(framed: Uint8Array | null | undefined): Uint8Array | null {
  return framed === null || framed === undefined ? null : new Uint8Array(unframe(framed));
}

function own(bytes: Uint8Array | undefined): Uint8Array | null {
  return bytes === undefined ? null : new Uint8Array(bytes);
}
