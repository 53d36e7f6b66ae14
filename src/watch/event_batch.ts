/**
 * Events on their way to watchers. An event is encoded once for all who want it, and the events that several watchers
 * have in common are one block of bytes for all of them.
 */
import { Buffer } from "node:buffer";
import type { HistoryRow } from "../../backends/contract.ts";
import { WATCH_RESPONSE_BYTES } from "../limits.ts";
import { Bytes, messageFieldSize } from "../wire/bytes.ts";

/** `events` in `WatchResponse`. */
const EVENTS = 0x5a;
/** Fields of `mvccpb.Event`. */
const TYPE = 0x08;
const KV = 0x12;
const PREV_KV = 0x1a;
const DELETE = 1;

/** One row as an event; `encoded` is an element of a response's `events`, tag and length included. */
export class WatchEvent {
  readonly row: HistoryRow;
  readonly #hasPrevKv: boolean;
  #plain: Buffer | undefined;
  #withPrevKv: Buffer | undefined;

  /** Of a revision at or below `compactRevision`, the previous version is taken as gone, whether it is trimmed or not. */
  constructor(row: HistoryRow, compactRevision: number) {
    this.row = row;
    this.#hasPrevKv = row.prevKv !== null && row.revision > compactRevision;
  }

  encoded(options: { readonly prevKv: boolean }): Buffer {
    if (!options.prevKv || !this.#hasPrevKv) return this.#plain ??= encodeEvent(this.row, null);
    return this.#withPrevKv ??= encodeEvent(this.row, this.row.prevKv);
  }
}

function encodeEvent(row: HistoryRow, prevKv: Uint8Array | null): Buffer {
  const size = (row.tombstone ? 2 : 0) + messageFieldSize(row.kv.length) +
    (prevKv === null ? 0 : messageFieldSize(prevKv.length));
  const out = new Bytes(Buffer.allocUnsafe(messageFieldSize(size)));
  out.buffer[out.offset++] = EVENTS;
  out.varint(size);
  if (row.tombstone) out.numberField(TYPE, DELETE);
  out.messageField(KV, row.kv);
  if (prevKv !== null) out.messageField(PREV_KV, prevKv);
  return out.buffer;
}

/** The events of one response. */
export interface EventBlock {
  /** Elements of a response's `events`. */
  readonly bytes: Buffer;
  /** How many bytes each of them takes, for those who want them in pieces. */
  readonly sizes: readonly number[];
  readonly lastRevision: number;
}

/** Events for watchers that all want the same, in order. */
export class EventBatch {
  readonly events: readonly WatchEvent[];
  readonly #prevKv: boolean;
  #blocks: readonly EventBlock[] | undefined;

  constructor(events: readonly WatchEvent[], options: { readonly prevKv: boolean }) {
    this.events = events;
    this.#prevKv = options.prevKv;
  }

  /** The batch without what lies below the revision. */
  from(revision: number): EventBatch {
    const [first] = this.events;
    if (first === undefined || first.row.revision >= revision) return this;
    const events = this.events.filter((event) => event.row.revision >= revision);
    return new EventBatch(events, { prevKv: this.#prevKv });
  }

  /** The responses that the events go out in: whole revisions, and as many of them as make a response of fair size. */
  get blocks(): readonly EventBlock[] {
    return this.#blocks ??= this.#cut();
  }

  #cut(): EventBlock[] {
    const blocks: EventBlock[] = [];
    let block = new BlockBuilder();
    let revision = new BlockBuilder();
    for (const event of this.events) {
      if (event.row.revision !== revision.lastRevision) {
        block = append(block, revision, blocks);
        revision = new BlockBuilder();
      }
      revision.add(event.encoded({ prevKv: this.#prevKv }), event.row.revision);
    }
    block = append(block, revision, blocks);
    if (block.size > 0) blocks.push(block.build());
    return blocks;
  }
}

/** Adds a revision's events to the block, or, if there is no room, ends the block and begins another with them. */
function append(block: BlockBuilder, revision: BlockBuilder, ended: EventBlock[]): BlockBuilder {
  if (block.size === 0) return revision;
  if (block.size + revision.size > WATCH_RESPONSE_BYTES) {
    ended.push(block.build());
    return revision;
  }
  for (const event of revision.events) block.add(event, revision.lastRevision);
  return block;
}

class BlockBuilder {
  readonly events: Buffer[] = [];
  size = 0;
  lastRevision = 0;

  add(event: Buffer, revision: number): void {
    this.events.push(event);
    this.size += event.length;
    this.lastRevision = revision;
  }

  build(): EventBlock {
    const { events, lastRevision } = this;
    const [first] = events;
    const isOne = events.length === 1 && first !== undefined;
    const bytes = isOne ? first : Buffer.concat(events, this.size);
    return { bytes, sizes: events.map(({ length }) => length), lastRevision };
  }
}
