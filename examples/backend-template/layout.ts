/**
 * How a Rhino store lies in ordered keys. Taken over unchanged for any store of ordered bytes; a database with tables and
 * indexes needs a schema instead (Rhino's own are in `backends/postgres/schema.ts`).
 *
 *     c KEY              the newest version of each live key: a list is one scan
 *     k LEASE KEY        live keys by their lease
 *     l ID               the log, in order: the key of each row
 *     r NAME             records
 *     v KEY ID FLAG      every version of every key: the past is a scan too
 *     x EXPIRES LEASE    leases, those that expire first in front; their TTL
 *     y LEASE            leases by id: when they expire, and their TTL
 *     !b SLOT  !h  !m ID  !t    batch ids, the head, members, how far trimming has come
 *
 * Numbers are eight bytes, the highest first, so that they are ordered as they count. An ID is revision and sub in one.
 */

import type { LogRow } from "@rhino/rhino/contract";
import { type LogPlace, slotOf } from "@rhino/rhino/kit";

/** Bits of an ID for the place within a revision. */
const SUB_BITS = 21n;
/** Most rows of one revision, and so of one batch. */
export const SUBS_MAX = 2 ** 21;

export const HEAD = "!h";
export const TRIM = "!t";
export const MEMBERS = { start: "!m", end: "!n" } as const;
/** Everything behind it is data, and nothing before it. */
export const FIRST_DATA = "a";

/** One character for each byte, so that JavaScript's order of text is that of bytes. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** An unsigned number of 64 bits. */
function u64(value: bigint): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value));
  return textOf(bytes);
}

function readU64(text: string): bigint {
  return new DataView(bytesOf(text).buffer).getBigUint64(0);
}

function idOf({ revision, sub }: LogPlace): string {
  return u64((BigInt(revision) << SUB_BITS) | BigInt(sub));
}

function placeOf(id: string): LogPlace {
  const value = readU64(id);
  return {
    revision: Number(value >> SUB_BITS),
    sub: Number(value & ((1n << SUB_BITS) - 1n)),
  };
}

export const currentKey = (key: Uint8Array) => `c${textOf(key)}`;
export const keyOfCurrent = (text: string) => bytesOf(text.slice(1));
export const leasedKey = (lease: bigint, key: string) => `k${u64(lease)}${key}`;
export const keyOfLeased = (text: string) => text.slice(9);
export const recordKey = (name: string) => `r${textOf(new TextEncoder().encode(name))}`;
export const nameOfRecord = (text: string) => new TextDecoder().decode(bytesOf(text.slice(1)));
export const leaseKey = (id: bigint) => `y${u64(id)}`;
export const slotKey = (index: number) => `!b${u64(BigInt(slotOf(index)))}`;
export const memberKey = (id: bigint) => `!m${u64(id)}`;
export const idOfMember = (text: string) => readU64(text.slice(2));
export const expiryKey = (expiresAtMs: number, id: bigint) =>
  `x${u64(BigInt(expiresAtMs))}${u64(id)}`;
export const leaseOfExpiry = (text: string) => ({
  expiresAtMs: Number(readU64(text.slice(1, 9))),
  id: BigInt.asIntN(64, readU64(text.slice(9))),
});

/** The log's rows behind a place, up to a revision. */
export function logSpan(after: LogPlace, upTo: number): { start: string; end: string } {
  const { revision, sub } = after;
  return {
    start: `l${idOf({ revision, sub: sub + 1 })}`,
    end: `l${idOf({ revision: upTo + 1, sub: 0 })}`,
  };
}

export const logKey = (place: LogPlace) => `l${idOf(place)}`;
export const placeOfLog = (text: string) => placeOf(text.slice(1));

/**
 * Keys of any bytes with something behind them: a zero is written as 00 FF, and 00 ends the key. Without that, versions of
 * "a" and of "a\0" would lie among each other.
 */
function versionPrefix(key: string): string {
  return `v${key.replaceAll("\0", "\0\xff")}\0`;
}

/** Where versions of keys from this one on begin. */
export const versionsFrom = (key: Uint8Array) => versionPrefix(textOf(key));

/** Versions of one key before a place. */
export function versionsBefore(key: Uint8Array, place: LogPlace): { start: string; end: string } {
  const prefix = versionPrefix(textOf(key));
  return { start: prefix, end: `${prefix}${idOf(place)}` };
}

export function versionKey(row: Pick<LogRow, "key" | "revision" | "sub" | "tombstone">): string {
  return `${versionPrefix(textOf(row.key))}${idOf(row)}${row.tombstone ? "d" : "p"}`;
}

/** What a version's key tells of it, without its value. */
export function readVersionKey(text: string): {
  readonly key: Uint8Array;
  readonly place: LogPlace;
  readonly tombstone: boolean;
} {
  const key = text.slice(1, -10).replaceAll("\0\xff", "\0");
  return {
    key: bytesOf(key),
    place: placeOf(text.slice(-9, -1)),
    tombstone: text.endsWith("d"),
  };
}

/** A row but for its key, as base64: revision, sub, metaSize, tombstone and lease, then the kv. */
const ROW_HEAD_BYTES = 25;

export function encodeRow(row: LogRow): string {
  const bytes = new Uint8Array(ROW_HEAD_BYTES + row.kv.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, row.revision);
  view.setUint32(8, row.sub);
  view.setUint32(12, row.metaSize);
  view.setUint8(16, row.tombstone ? 1 : 0);
  view.setBigInt64(17, row.lease);
  bytes.set(row.kv, ROW_HEAD_BYTES);
  return bytes.toBase64();
}

export function decodeRow(key: Uint8Array, text: string): LogRow {
  const bytes = Uint8Array.fromBase64(text);
  const view = new DataView(bytes.buffer);
  return {
    key,
    revision: view.getFloat64(0),
    sub: view.getUint32(8),
    metaSize: view.getUint32(12),
    tombstone: view.getUint8(16) === 1,
    lease: view.getBigInt64(17),
    kv: bytes.subarray(ROW_HEAD_BYTES),
  };
}

/** Small things that nobody orders by. */
export function encodeJson(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64();
}

export function decodeJson(text: string) {
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(text)));
}
