/** The contract over Redis. Each read is one script, or several that are pinned to one snapshot; each change is one. */

import { Buffer } from "node:buffer";
import type {
  Backend,
  Batch,
  Head,
  HistoryQuery,
  KeySpan,
  LoadQuery,
  Member,
  OpenOptions,
  Presence,
  RangeQuery,
  Size,
  TrimQuery,
  TrimResult,
} from "./kit.ts";
import { append, type AppendContext } from "./appending.ts";
import { type Changes, createChanges } from "./changes.ts";
import { type Connection, Link } from "./link.ts";
import type { Endpoint } from "./endpoint.ts";
import { replyCode } from "./errors.ts";
import { readHistory } from "./history.ts";
import { checkServer } from "./opening.ts";
import { countKeys, readRange } from "./ranging.ts";
import { listLeases, listRecords, load, readHead, readLeaseKeys, readOutcome } from "./reading.ts";
import { bytesOf, listOf, numberOf } from "./replies.ts";
import { decodeHead, encodeInt64 } from "./rows.ts";
import { channelOf, storeKeys } from "./scripts.ts";
import { read, runSafely, type Store } from "./store.ts";

/** What is answered at once: point reads, appends. As long as Rhino's clients wait. */
const POINT_MS = 7_000;
/** More for each row of an append; see BATCH_ROWS_MAX. */
const APPEND_ROW_MS = 0.1;
/** Pages, counts, history. */
const PAGE_MS = 15_000;
/** Trim steps, sizes, announcements: nobody waits for them. */
const SLOW_MS = 30_000;
/** For calls under way when the backend is closed; then they are cut off. */
const CLOSE_GRACE_MS = 1_000;

/** Far above any request that Rhino takes; Redis's own limit is half a gigabyte. */
const KEY_SIZE_MAX = 1024 * 1024;
/** Redis serves nobody else meanwhile; README.md says how long. */
const BATCH_ROWS_MAX = 2 ** 15;

/** A member that was not seen for so many times what counts as alive is forgotten. */
const FORGET_FACTOR = 10;

/** With so many connections one of them can listen. */
const LISTENING_CONNECTIONS_MIN = 3;

export interface RedisBackendOptions {
  readonly endpoint: Endpoint;
  /** A connection that is open already. */
  readonly first: Connection;
  readonly clusterId: bigint;
  /** Opens a connection that hears messages. */
  readonly connectListener: () => Promise<Connection>;
  readonly options: OpenOptions;
}

export class RedisBackend implements Backend {
  readonly capabilities = {
    exclusive: false,
    keySizeMax: KEY_SIZE_MAX,
    batchRowsMax: BATCH_ROWS_MAX,
  };
  readonly clusterId: bigint;
  readonly #context: AppendContext;
  readonly #closed = new AbortController();
  /** Appends do not wait behind long pages, where there may be two connections. */
  readonly #appends: Store;
  readonly #reads: Store;
  readonly #changes: Changes;

  constructor(given: RedisBackendOptions) {
    const { endpoint, options: { maxConnections, leaseGapMs, onStatement } } = given;
    this.clusterId = given.clusterId;
    this.#context = {
      leaseGapMs,
      channel: channelOf(endpoint.prefix, endpoint.database),
      instance: crypto.randomUUID(),
    };
    const keys = storeKeys(endpoint.prefix);
    const store = () => ({ keys, link: new Link({ endpoint, onStatement, check: checkServer }) });
    this.#reads = store();
    this.#reads.link.adopt(given.first);
    this.#appends = maxConnections > 1 ? store() : this.#reads;
    this.#changes = createChanges({
      ...this.#context,
      connect: maxConnections >= LISTENING_CONNECTIONS_MIN ? given.connectListener : null,
      readHead: () => this.head(),
      closed: this.#closed.signal,
    });
  }

  head(): Promise<Head> {
    return readHead(this.#reads, POINT_MS);
  }

  load(query: LoadQuery) {
    const { leaseGapMs } = this.#context;
    return load(this.#reads, query, { timeoutMs: POINT_MS, leaseGapMs });
  }

  range(query: RangeQuery) {
    return readRange(this.#reads, query, PAGE_MS);
  }

  count(query: KeySpan & { readonly revision: number }) {
    return countKeys(this.#reads, query, PAGE_MS);
  }

  history(query: HistoryQuery) {
    return readHistory(this.#reads, query, PAGE_MS);
  }

  leaseKeys(id: bigint) {
    return readLeaseKeys(this.#reads, { id, timeoutMs: PAGE_MS });
  }

  leases(limit: number) {
    const { leaseGapMs } = this.#context;
    return listLeases(this.#reads, { limit, timeoutMs: PAGE_MS, leaseGapMs });
  }

  records(prefix: string) {
    return listRecords(this.#reads, { prefix, timeoutMs: PAGE_MS });
  }

  async append(batch: Batch): Promise<void> {
    const timeoutMs = POINT_MS + batch.rows.length * APPEND_ROW_MS;
    await append(this.#appends, batch, { timeoutMs, ...this.#context });
    this.#changes.appended(batch.head.batchId);
  }

  outcome(asked: Pick<Head, "index" | "batchId">) {
    return readOutcome(this.#reads, asked, POINT_MS);
  }

  async trim({ upTo, rowsMax }: TrimQuery): Promise<TrimResult> {
    // A step that was made twice only goes further.
    const result = await runSafely(this.#reads, "trim", {
      values: [String(upTo), String(rowsMax)],
      timeoutMs: SLOW_MS,
    });
    const [removed, done] = listOf(result).map(numberOf);
    return { removed: removed ?? 0, done: done === 1, isBusy: false };
  }

  /** Redis tells no key's true size; bytes and a figure for each row are counted with each change. */
  async size(): Promise<Size> {
    const { rest } = await read(this.#reads, "size", { values: [], timeoutMs: SLOW_MS });
    const bytes = numberOf(rest[0]);
    return { total: bytes, inUse: bytes, empty: 0 };
  }

  /** Deleted rows take up nothing; what the allocator still holds on to can be given back to the system. */
  async defragment(): Promise<void> {
    try {
      await this.#reads.link.command(["MEMORY", "PURGE"], { timeoutMs: SLOW_MS, isSafe: true });
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      // Its user may not, or the server has none.
      if (!["NOPERM", "ERR"].includes(replyCode(cause) ?? "")) throw error;
    }
  }

  async announce({ id, info }: Member, aliveMs: number): Promise<Presence> {
    const values = [
      encodeInt64(id),
      Buffer.from(info),
      String(aliveMs),
      String(aliveMs * FORGET_FACTOR),
    ];
    const reply = await runSafely(this.#reads, "announce", { values, timeoutMs: SLOW_MS });
    const [top, found] = listOf(reply);
    const fields = listOf(found);
    const members: Member[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      members.push({
        id: bytesOf(fields[at]).readBigUInt64BE(),
        info: Uint8Array.from(bytesOf(fields[at + 1])),
      });
    }
    members.sort((a, b) => a.id < b.id ? -1 : 1);
    return { head: decodeHead(bytesOf(top)), members };
  }

  async leave(id: bigint): Promise<void> {
    await runSafely(this.#reads, "leave", { values: [encodeInt64(id)], timeoutMs: SLOW_MS });
  }

  changes(signal: AbortSignal): AsyncIterable<void> {
    return this.#changes.watch(signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const links = new Set([this.#reads.link, this.#appends.link]);
    await Promise.all([...links].map((link) => link.close(CLOSE_GRACE_MS)));
  }
}
