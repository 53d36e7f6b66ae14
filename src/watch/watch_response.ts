/** Encodes the `etcdserverpb.WatchResponse`s that carry events: a head of a watcher's own before a block that many share. */
import { Buffer } from "node:buffer";
import { Bytes, varintSize, varintSize64 } from "../wire/bytes.ts";
import type { EventBatch, EventBlock } from "./event_batch.ts";

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
  /** Up to where the watcher has everything after the last response. */
  readonly revision: number;
  /** Responses of at least this size are cut between events; `undefined` if they must stay whole. */
  readonly fragmentBytes: number | undefined;
}

type MessageParts = readonly Uint8Array[];

/** The responses for a batch, each in parts. */
export function eventResponses(batch: EventBatch, options: EventResponseOptions): MessageParts[] {
  const { blocks } = batch;
  const responses: MessageParts[] = [];
  for (const [index, block] of blocks.entries()) {
    // A client may go on behind the revision of the last response that it got, so none may be ahead of its events.
    const revision = index === blocks.length - 1 ? options.revision : block.lastRevision;
    pushBlock(responses, block, { ...options, revision });
  }
  return responses;
}

function pushBlock(
  responses: MessageParts[],
  block: EventBlock,
  options: EventResponseOptions,
): void {
  const head = encodeHead(options, { isFragment: false });
  const { fragmentBytes } = options;
  if (
    fragmentBytes === undefined || block.events.length < 2 ||
    head.length + block.bytes.length < fragmentBytes
  ) {
    responses.push([head, block.bytes]);
    return;
  }
  const fragmentHead = encodeHead(options, { isFragment: true });
  let part: Buffer[] = [];
  let size = fragmentHead.length;
  for (const event of block.events) {
    if (part.length > 0 && size + event.length >= fragmentBytes) {
      responses.push([fragmentHead, ...part]);
      part = [];
      size = fragmentHead.length;
    }
    part.push(event);
    size += event.length;
  }
  responses.push([head, ...part]);
}

function encodeHead(
  { header, watchId, revision }: EventResponseOptions,
  { isFragment }: { readonly isFragment: boolean },
): Buffer {
  const headerSize = header.size(revision);
  const size = 1 + varintSize(headerSize) + headerSize +
    (watchId === 0n ? 0 : 1 + varintSize64(watchId)) + (isFragment ? 2 : 0);
  const out = new Bytes(Buffer.allocUnsafe(size));
  header.write(out, revision);
  out.bigintField(WATCH_ID, watchId);
  out.boolField(FRAGMENT, isFragment);
  return out.buffer;
}
