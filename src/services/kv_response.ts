/**
 * Encodes the KV service's answers around key-values that are stored ready for the wire. Each message is written into one
 * buffer of its exact size; a large range comes in several.
 */
import { Buffer } from "node:buffer";
import type { DeleteResult, OpResult, PutResult, RangeResult, TxnResult } from "../mvcc/types.ts";
import type { RangePart } from "../mvcc/reader.ts";
import { Bytes, messageFieldSize, numberFieldSize, varintSize } from "../wire/bytes.ts";
import type { HeaderEncoder } from "./header.ts";

/** A range's key-values are written into buffers of about this size. */
const CHUNK_BYTES = 256 * 1024;

/** Which header a message carries. */
interface Header {
  readonly size: number;
  write(out: Bytes): void;
}

const HEADER = 0x0a;
const REVISION = 0x18;

/** The whole header, of an answer to a client. */
export function fullHeader(encoder: HeaderEncoder, revision: number): Header {
  const size = encoder.size(revision);
  return {
    size: 1 + varintSize(size) + size,
    write: (out) => encoder.write(out, revision),
  };
}

/** What etcd gives the answers inside of a transaction: only the revision, or nothing in an empty header. */
function innerHeader(revision: number): Header {
  const size = revision === 0 ? 0 : 1 + varintSize(revision);
  return {
    size: 1 + varintSize(size) + size,
    write(out) {
      out.buffer[out.offset++] = HEADER;
      out.varint(size);
      out.numberField(REVISION, revision);
    },
  };
}

export function encodeRange(result: RangeResult, header: Header | null): Uint8Array[] {
  return encodeRangePart({ ...result, packed: null }, header);
}

/** A piece of a `RangeResponse`: header, key-values, `more` and `count`, as far as it has them. */
export function encodeRangePart(
  part: Pick<RangePart, "kvs" | "packed" | "more" | "count">,
  header: Header | null,
): Uint8Array[] {
  if (part.packed === null) return encodeKvs(part, header);
  const front = new Bytes(Buffer.allocUnsafe(header?.size ?? 0));
  header?.write(front);
  const tail = new Bytes(Buffer.allocUnsafe(tailSize(part)));
  writeTail(tail, part);
  return [front.buffer, part.packed.bytes, tail.buffer];
}

type Tail = Pick<RangePart, "more" | "count">;

function tailSize({ more, count }: Tail): number {
  return (more ? 2 : 0) + numberFieldSize(count);
}

function writeTail(out: Bytes, { more, count }: Tail): void {
  out.boolField(0x18, more);
  out.numberField(0x20, count);
}

function encodeKvs(part: Tail & Pick<RangePart, "kvs">, header: Header | null): Uint8Array[] {
  const { kvs } = part;
  const parts: Uint8Array[] = [];
  let from = 0;
  let isFirst = true;
  do {
    const { to, size } = chunk(kvs, from);
    const isLast = to === kvs.length;
    const front = isFirst && header !== null ? header.size : 0;
    const out = new Bytes(Buffer.allocUnsafe(front + size + (isLast ? tailSize(part) : 0)));
    if (isFirst) header?.write(out);
    for (let i = from; i < to; i++) out.messageField(0x12, kvs[i]!);
    if (isLast) writeTail(out, part);
    parts.push(out.buffer);
    from = to;
    isFirst = false;
  } while (from < kvs.length);
  return parts;
}

function chunk(kvs: readonly Uint8Array[], from: number): { to: number; size: number } {
  let size = 0;
  let to = from;
  while (to < kvs.length && size < CHUNK_BYTES) size += messageFieldSize(kvs[to++]!.length);
  return { to, size };
}

export function encodePut(result: PutResult, header: Header): Uint8Array {
  const { prevKv } = result;
  const size = header.size + (prevKv === null ? 0 : messageFieldSize(prevKv.length));
  const out = new Bytes(Buffer.allocUnsafe(size));
  header.write(out);
  if (prevKv !== null) out.messageField(0x12, prevKv);
  return out.buffer;
}

export function encodeDelete(result: DeleteResult, header: Header): Uint8Array {
  let size = header.size + numberFieldSize(result.deleted);
  for (const kv of result.prevKvs) size += messageFieldSize(kv.length);
  const out = new Bytes(Buffer.allocUnsafe(size));
  header.write(out);
  out.numberField(0x10, result.deleted);
  for (const kv of result.prevKvs) out.messageField(0x1a, kv);
  return out.buffer;
}

export function encodeTxn(result: TxnResult, header: Header): Uint8Array {
  const responses = result.results.map(encodeResponseOp);
  let size = header.size + (result.succeeded ? 2 : 0);
  for (const response of responses) size += messageFieldSize(response.length);
  const out = new Bytes(Buffer.allocUnsafe(size));
  header.write(out);
  out.boolField(0x10, result.succeeded);
  for (const response of responses) out.messageField(0x1a, response);
  return out.buffer;
}

/** `ResponseOp`: a oneof of the four answers. */
function encodeResponseOp(result: OpResult): Uint8Array {
  const header = innerHeader(result.revision);
  switch (result.kind) {
    case "range":
      return wrap(0x0a, Buffer.concat(encodeRange(result, header)));
    case "put":
      return wrap(0x12, encodePut(result, header));
    case "delete":
      return wrap(0x1a, encodeDelete(result, header));
    case "txn":
      return wrap(0x22, encodeTxn(result, header));
  }
}

function wrap(tag: number, message: Uint8Array): Uint8Array {
  const out = new Bytes(Buffer.allocUnsafe(messageFieldSize(message.length)));
  out.messageField(tag, message);
  return out.buffer;
}

/** `RangeStreamResponse`: field 1 is a range response. */
export function encodeRangeStream(response: readonly Uint8Array[]): Uint8Array[] {
  let size = 0;
  for (const part of response) size += part.length;
  const prefix = new Bytes(Buffer.allocUnsafe(1 + varintSize(size)));
  prefix.buffer[prefix.offset++] = 0x0a;
  prefix.varint(size);
  return [prefix.buffer, ...response];
}
