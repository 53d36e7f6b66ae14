/** Encodes the `etcdserverpb.WatchResponse`s that carry events: a head of a watcher's own before a block that many share. */
import { Buffer } from "node:buffer";
import { Bytes, messageFieldSize, varintSize64 } from "../wire/bytes.ts";
import type { EventBlock } from "./event_batch.ts";

const WATCH_ID = 0x10;
const FRAGMENT = 0x38;

/** Writes the header of a response. */
export interface ResponseHeader {
  /** Bytes of the header with this revision, which is above 0. */
  size(revision: number): number;
  /** Writes it as field 1. */
  write(out: Bytes, revision: number): void;
}

export interface EventResponseOptions {
  readonly header: ResponseHeader;
  readonly watchId: bigint;
  /** Up to where the watcher has everything after the responses. */
  readonly revision: number;
  /** Responses of at least this size are cut between events; `undefined` if they must stay whole. */
  readonly fragmentBytes: number | undefined;
}

type MessageParts = readonly Uint8Array[];

/** The responses for a block, each in parts. There is more than one only if it is to be cut. */
export function eventResponses(block: EventBlock, options: EventResponseOptions): MessageParts[] {
  const { fragmentBytes } = options;
  const { bytes, sizes } = block;
  const head = encodeHead(options, { isFragment: false });
  if (
    fragmentBytes === undefined || sizes.length < 2 || head.length + bytes.length < fragmentBytes
  ) return [[head, bytes]];
  const responses: MessageParts[] = [];
  const fragmentHead = encodeHead(options, { isFragment: true });
  let from = 0;
  let to = 0;
  for (const size of sizes) {
    if (to > from && fragmentHead.length + to - from + size >= fragmentBytes) {
      // Pieces of the shared bytes: a copy would be one for each watcher.
      responses.push([fragmentHead, bytes.subarray(from, to)]);
      from = to;
    }
    to += size;
  }
  responses.push([head, bytes.subarray(from)]);
  return responses;
}

function encodeHead(
  { header, watchId, revision }: EventResponseOptions,
  { isFragment }: { readonly isFragment: boolean },
): Buffer {
  const size = messageFieldSize(header.size(revision)) +
    (watchId === 0n ? 0 : 1 + varintSize64(watchId)) + (isFragment ? 2 : 0);
  const out = new Bytes(Buffer.allocUnsafe(size));
  header.write(out, revision);
  out.bigintField(WATCH_ID, watchId);
  out.boolField(FRAGMENT, isFragment);
  return out.buffer;
}
