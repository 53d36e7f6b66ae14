/** The pages of a range, all at one revision however much is written meanwhile. */
import type { Backend, Head, PackedKvs } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import {
  LARGE_PAGE_BYTES,
  LARGE_PAGE_ROWS,
  PAGE_BYTES,
  PAGE_ROWS,
  RANGE_RESTARTS_MAX,
} from "../limits.ts";
import { type KeyRange, successor } from "./key_range.ts";
import { parseKv } from "./stored_kv.ts";

export interface PagesOptions {
  readonly range: KeyRange;
  /** 0 for the newest. */
  readonly revision: number;
  /** Most rows of all pages together. */
  readonly limit: number;
  readonly keysOnly: boolean;
  /** Whether a page may be large. */
  readonly isLarge?: boolean;
  /** Whether pages may come packed. */
  readonly packed: boolean;
  /** Reading stops when its client has left. */
  readonly call: Cancelable | undefined;
}

/** Who asked. The signal is looked at only between pages: to make one costs as much as a small read. */
export interface Cancelable {
  readonly signal: AbortSignal;
}

export interface Page {
  readonly kvs: readonly Uint8Array[];
  readonly packed: PackedKvs | null;
  /** Rows, packed or not. */
  readonly count: number;
  /** The last row's key; `null` if there is none. */
  readonly lastKey: Uint8Array | null;
  /** The head of the first page: what the answer's header carries. */
  readonly head: Head;
  /** The revision that all pages are read at. */
  readonly revision: number;
  /** Whether the range holds further keys. */
  readonly more: boolean;
  readonly isLast: boolean;
}

/**
 * @throws {EtcdError} `compacted`, `futureRevision`
 * @throws {RangeOvertaken} if a compaction passed the revision meanwhile: later pages may lack what it removed
 * @throws the signal's reason when the client has left
 */
export async function* readPages(backend: Backend, options: PagesOptions): AsyncGenerator<Page> {
  const { range: { end }, keysOnly, call } = options;
  const [rows, bytesMax] = options.isLarge
    ? [LARGE_PAGE_ROWS, LARGE_PAGE_BYTES]
    : [PAGE_ROWS, PAGE_BYTES];
  let wantsPacked = options.packed;
  let start = options.range.start;
  let revision = options.revision;
  let first: Head | undefined;
  let left = options.limit;
  for (;;) { // Ends with the last page.
    const { kvs, packed, more, head } = await backend.range({
      start,
      end,
      revision,
      limit: Math.min(left, rows),
      bytesMax,
      keysOnly,
      packed: wantsPacked,
    });
    if (first === undefined) {
      checkRevision(revision, head);
      first = head;
      if (revision === 0) revision = first.revision;
    } else if (head.compactRevision > revision) {
      throw new RangeOvertaken();
    }
    const count = packed?.count ?? kvs.length;
    const lastKey = packed === null ? lastKeyOf(kvs) : packed.lastKey;
    left -= count;
    const isLast = !more || left <= 0 || lastKey === null;
    yield { kvs, packed, count, lastKey, head: first, revision, more, isLast };
    if (isLast) return;
    start = successor(lastKey);
    // Others get their turn between the pages of a long list.
    await new Promise<void>((resolve) => setImmediate(resolve));
    call?.signal.throwIfAborted();
    // What could not be packed once will hardly be the next time.
    wantsPacked &&= packed !== null;
  }
}

function lastKeyOf(kvs: readonly Uint8Array[]): Uint8Array | null {
  const last = kvs.at(-1);
  return last === undefined ? null : parseKv(last).key;
}

/** @throws {EtcdError} `futureRevision`, `compacted` */
export function checkRevision(revision: number, head: Head): void {
  if (revision <= 0) return;
  if (revision > head.revision) throw new EtcdError("futureRevision");
  if (revision < head.compactRevision) throw new EtcdError("compacted");
}

/** A compaction passed the revision that a range was being read at. */
export class RangeOvertaken extends Error {
  constructor() {
    super("a compaction overtook the range");
    this.name = "RangeOvertaken";
  }
}

/**
 * Reads again, at the revision it finds then.
 *
 * @throws {EtcdError} `timeout` when it was overtaken too often
 */
export async function restartIfOvertaken<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) { // Ends with an answer, or after RANGE_RESTARTS_MAX.
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof RangeOvertaken)) throw error;
      if (attempt === RANGE_RESTARTS_MAX) throw new EtcdError("timeout", { cause: error });
    }
  }
}
