/** Reads that answer in one row: the head, loads, leases, records, outcomes, who is there. */

import { Buffer } from "node:buffer";
import type { Head, LeaseRow, Loaded, LoadQuery, Member, Outcome, Presence } from "../contract.ts";
import { unframe } from "../sql/frame.ts";
import { leaseNowMs } from "../lease_clock.ts";
import { type BatchPlace, outcomeOf, slotOf } from "../sql/ring.ts";
import { byteaArray, int8Array, readArray } from "./arrays.ts";
import { decodeHead, decodeInt, decodePlace } from "./decoding.ts";
import { idBehind } from "./log_ids.ts";
import type { Session } from "./session.ts";

/** Those who have not been seen for so long are forgotten; each server that starts has another id. */
const FORGET_MEMBERS_MS = 24 * 60 * 60 * 1_000;

export async function readHead(session: Session): Promise<Head> {
  const [row] = await session.rows("head", [], 1);
  return decodeHead(row?.[0]).head;
}

export async function load(
  session: Session,
  { keys, leases, records, revision }: LoadQuery,
  leaseGapMs: number,
): Promise<Loaded> {
  const names = records.map((name) => Buffer.from(name));
  const values = [byteaArray(keys), int8Array(leases), byteaArray(names)];
  const [row = []] = revision === 0
    ? await session.rows("load", values, 5)
    : await session.rows("loadAt", [...values, idBehind(revision)], 5);
  const [top, kvs, ttls, expiries, found] = row;
  const { head, clock } = decodeHead(top);
  const nowMs = leaseNowMs(clock, leaseGapMs);
  const ends = elements(expiries);
  return {
    head,
    kvs: elements(kvs).map((kv) => kv === null ? null : unframe(plain(kv))),
    leases: elements(ttls).map((ttl, at) =>
      leaseRow({ id: leases[at], ttl, end: ends[at], nowMs })
    ),
    records: elements(found).map((value) => value === null ? null : plain(value)),
  };
}

/** A view without what a `Buffer` does otherwise: its `slice` copies nothing. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function elements(array: Buffer | null | undefined): (Buffer | null)[] {
  return array === null || array === undefined ? [] : readArray(array);
}

interface LeaseColumns {
  readonly id: bigint | undefined;
  readonly ttl: Buffer | null;
  readonly end: Buffer | null | undefined;
  /** By the lease clock. */
  readonly nowMs: number;
}

function leaseRow({ id, ttl, end, nowMs }: LeaseColumns): LeaseRow | null {
  if (id === undefined || ttl === null || end === null || end === undefined) return null;
  return { id, ttl: decodeInt(ttl), remainingMs: decodeInt(end) - nowMs };
}

export async function listLeases(
  session: Session,
  { limit, leaseGapMs }: { readonly limit: number; readonly leaseGapMs: number },
): Promise<{ head: Head; leases: LeaseRow[] }> {
  const rows = Math.min(limit, Number.MAX_SAFE_INTEGER);
  const [[top, ids, ttls, expiries] = []] = await session.rows("leases", [rows], 4);
  const { head, clock } = decodeHead(top);
  const nowMs = leaseNowMs(clock, leaseGapMs);
  const [ttl, ends] = [elements(ttls), elements(expiries)];
  const leases = elements(ids).map((id, at) =>
    leaseRow({ id: id?.readBigInt64BE(), ttl: ttl[at] ?? null, end: ends[at], nowMs })
  );
  return { head, leases: leases.filter((lease) => lease !== null) };
}

export async function listRecords(
  session: Session,
  prefix: string,
): Promise<{ head: Head; records: [string, Uint8Array][] }> {
  const start = Buffer.from(prefix);
  // The byte 0xff, which no text holds, ends what begins with the prefix.
  const end = Buffer.from([...start, 0xff]);
  const [[top, names, values] = []] = await session.rows("records", [start, end], 3);
  const found = elements(values);
  return {
    head: decodeHead(top).head,
    records: elements(names).map((name, at) => [
      name?.toString() ?? "",
      plain(found[at] ?? Buffer.alloc(0)),
    ]),
  };
}

export async function readOutcome(session: Session, asked: BatchPlace): Promise<Outcome> {
  const [row] = await session.rows("outcome", [slotOf(asked.index)], 2);
  const { head } = decodeHead(row?.[0]);
  return outcomeOf({ headIndex: head.index, slot: decodePlace(row?.[1]), asked });
}

export async function announce(
  session: Session,
  { member, aliveMs }: { readonly member: Member; readonly aliveMs: number },
): Promise<Presence> {
  const id = String(BigInt.asIntN(64, member.id));
  const values = [id, Buffer.from(member.info), Math.round(aliveMs), FORGET_MEMBERS_MS];
  const [[top, ids, infos] = []] = await session.rows("announce", values, 3);
  const others = elements(infos);
  const members = elements(ids).map((other, at): Member => ({
    id: BigInt.asUintN(64, other?.readBigInt64BE() ?? 0n),
    info: plain(others[at] ?? Buffer.alloc(0)),
  }));
  members.push({ id: member.id, info: member.info });
  return { head: decodeHead(top).head, members: members.sort((a, b) => a.id < b.id ? -1 : 1) };
}

export async function leave(session: Session, id: bigint): Promise<void> {
  await session.rows("leave", [String(BigInt.asIntN(64, id))], 0);
}
