/** The contract over PostgreSQL. Each read is one statement, which is one snapshot; so is each append. */

import type {
  Backend,
  Batch,
  Head,
  HistoryQuery,
  KeySpan,
  LoadQuery,
  Member,
  OpenOptions,
  RangeQuery,
  TrimQuery,
  TrimResult,
  Turn,
} from "../contract.ts";
import { type AdaptivePoll, createAdaptivePoll } from "../sql/adaptive_poll.ts";
import { Lanes } from "../sql/lanes.ts";
import { append, type AppendContext, encodeBatch } from "./appending.ts";
import type { Connector } from "./connecting.ts";
import { toAppendError, toReadError } from "./errors.ts";
import { readHistory } from "./history.ts";
import { listenForChanges } from "./listening.ts";
import { countKeys, KEY_SIZE_MAX, readLeaseKeys, readRange } from "./ranging.ts";
import {
  announce,
  leave,
  listLeases,
  listRecords,
  load,
  readHead,
  readOutcome,
} from "./reading.ts";
import type { Session } from "./session.ts";
import { defragment, keepSize, readSize } from "./space.ts";
import { trimStep } from "./trimming.ts";
import { beginTurn } from "./turns.ts";

/** What is answered at once: point reads, appends, turns. As long as the engine's clients wait. */
const POINT_MS = 7_000;
/** More for each row of an append: 300,000 rows took 3.8 s, and one that deletes a large interval should come to its end. */
const APPEND_ROW_MS = 0.05;
/** Pages, counts, history. */
const PAGE_MS = 15_000;
/** Trim steps, sizes, announcements: nobody waits for them. */
const SLOW_MS = 30_000;
/** Writing all of a large database anew. */
const DEFRAGMENT_MS = 15 * 60 * 1_000;

/** The log is vacuumed whenever so many of its rows were trimmed: what they took can then be used again. */
const VACUUM_ROWS = 10_000;

/** For calls under way when the backend is closed; then they are cut off. */
const CLOSE_GRACE_MS = 1_000;

/** Half of what one revision can hold; the largest message of the protocol holds more keys. */
const BATCH_ROWS_MAX = 2 ** 20;

/** With so many connections one of them can listen. */
const LISTENING_CONNECTIONS_MIN = 3;

export interface PostgresBackendOptions {
  readonly connector: Connector;
  /** A connection that is open already. */
  readonly first: Session;
  readonly clusterId: bigint;
  readonly schema: string;
  readonly channel: string;
  /** Opens a connection that hears notifications. */
  readonly connectListener: () => Promise<Session>;
  readonly options: OpenOptions;
}

export class PostgresBackend implements Backend {
  readonly capabilities = {
    exclusive: false,
    keySizeMax: KEY_SIZE_MAX,
    batchRowsMax: BATCH_ROWS_MAX,
  };
  readonly clusterId: bigint;
  readonly turn?: () => Promise<Turn>;
  readonly #options: PostgresBackendOptions;
  readonly #context: AppendContext;
  readonly #poll: AdaptivePoll;
  readonly #closed = new AbortController();
  #trimmedRows = 0;
  /** Appends have a connection that no read can take; with one alone all share it. */
  readonly #appends: Lanes<Session>;
  readonly #reads: Lanes<Session>;
  readonly #size = keepSize(() =>
    this.#read(SLOW_MS, (session) => readSize(session, this.#options.schema))
  );

  constructor(given: PostgresBackendOptions) {
    const { options: { maxConnections, leaseGapMs }, connector, first } = given;
    this.#options = given;
    this.clusterId = given.clusterId;
    this.#context = {
      leaseGapMs,
      channel: given.channel,
      instance: crypto.randomUUID(),
      memberId: 0n,
    };
    const lanes = (max: number) =>
      new Lanes<Session>({
        max,
        connect: () => connector.connect(),
        destroy: (session) => session.destroy(),
        isUsable: (session) => !session.isBroken,
      });
    const others = maxConnections - 1 - (this.#listens ? 1 : 0);
    this.#appends = lanes(1);
    this.#reads = others > 0 ? lanes(others) : this.#appends;
    this.#appends.adopt(first);
    this.#poll = createAdaptivePoll(() => this.head());
    // On a shared connection the reads that an append needs would wait for the turn's end.
    if (this.#reads !== this.#appends) this.turn = () => this.#beginTurn();
  }

  get #listens(): boolean {
    return this.#options.options.maxConnections >= LISTENING_CONNECTIONS_MIN;
  }

  async #read<T>(timeoutMs: number, call: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#reads.run(call, { timeoutMs, whenCut: "unavailable", retries: true });
    } catch (error) {
      throw toReadError(error);
    }
  }

  /** As a read, but for what must not be made twice. */
  async #change<T>(timeoutMs: number, call: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await this.#reads.run(call, { timeoutMs, whenCut: "unavailable", retries: false });
    } catch (error) {
      throw toReadError(error);
    }
  }

  head(): Promise<Head> {
    return this.#read(POINT_MS, readHead);
  }

  load(query: LoadQuery) {
    const { leaseGapMs } = this.#context;
    return this.#read(POINT_MS, (session) => load(session, query, leaseGapMs));
  }

  range(query: RangeQuery) {
    return this.#read(PAGE_MS, (session) => readRange(session, query));
  }

  count(query: KeySpan & { readonly revision: number }) {
    return this.#read(PAGE_MS, (session) => countKeys(session, query));
  }

  history(query: HistoryQuery) {
    return this.#read(PAGE_MS, (session) => readHistory(session, query));
  }

  leaseKeys(id: bigint) {
    return this.#read(PAGE_MS, (session) => readLeaseKeys(session, id));
  }

  leases(limit: number) {
    const { leaseGapMs } = this.#context;
    return this.#read(PAGE_MS, (session) => listLeases(session, { limit, leaseGapMs }));
  }

  records(prefix: string) {
    return this.#read(PAGE_MS, (session) => listRecords(session, prefix));
  }

  async append(batch: Batch): Promise<void> {
    const encoded = encodeBatch(batch, this.#context);
    let isInDoubt = false;
    const call = async (session: Session) => {
      try {
        await append(session, encoded);
      } finally {
        ({ isInDoubt } = session);
        // What was in doubt once would be so for every later one.
        if (isInDoubt) session.distrust();
      }
    };
    try {
      await this.#appends.run(call, {
        timeoutMs: appendTimeoutMs(batch),
        whenCut: "indeterminate",
        retries: false,
      });
    } catch (error) {
      throw toAppendError({ error, isCut: isInDoubt });
    }
    this.#appended(batch);
  }

  #appended({ head, rows }: Batch): void {
    this.#poll.appended(head.batchId);
    this.#size.grow(rows.reduce((sum, { kv }) => sum + kv.length, 0));
  }

  outcome(asked: Pick<Head, "index" | "batchId">) {
    return this.#read(POINT_MS, (session) => readOutcome(session, asked));
  }

  async #beginTurn(): Promise<Turn> {
    const lane = await this.#appends.acquire(POINT_MS);
    return await beginTurn(lane, {
      context: this.#context,
      timeoutMs: POINT_MS,
      appendTimeoutMs,
      onAppend: (batch) => this.#appended(batch),
    });
  }

  async trim(query: TrimQuery): Promise<TrimResult> {
    const result = await this.#change(SLOW_MS, (session) => trimStep(session, query));
    this.#trimmedRows += result.removed;
    if (this.#trimmedRows >= VACUUM_ROWS) {
      this.#trimmedRows = 0;
      await this.#vacuum();
    }
    return result;
  }

  /** PostgreSQL does so itself, but looks only once a minute whether it should. */
  async #vacuum(): Promise<void> {
    try {
      await this.#change(SLOW_MS, (session) => session.script("vacuumLog"));
    } catch (error) {
      this.#options.options.log("debug", "the log was not vacuumed; autovacuum will do it", {
        error,
      });
    }
  }

  size() {
    return this.#size.get();
  }

  async defragment(): Promise<void> {
    await this.#change(DEFRAGMENT_MS, defragment);
    this.#size.forget();
  }

  announce(member: Member, aliveMs: number) {
    this.#context.memberId = member.id;
    return this.#change(SLOW_MS, (session) => announce(session, { member, aliveMs }));
  }

  leave(id: bigint) {
    return this.#change(SLOW_MS, (session) => leave(session, id));
  }

  changes(signal: AbortSignal): AsyncIterable<void> {
    const { connectListener, channel, options: { log } } = this.#options;
    const end = AbortSignal.any([signal, this.#closed.signal]);
    const connect = this.#listens ? connectListener : null;
    return listenForChanges(
      { connect, channel, instance: this.#context.instance, poll: this.#poll, log },
      end,
    );
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#size.forget();
    await Promise.all([this.#appends.close(CLOSE_GRACE_MS), this.#reads.close(CLOSE_GRACE_MS)]);
    await this.#options.connector.ended();
  }
}

function appendTimeoutMs({ rows }: Batch): number {
  return POINT_MS + rows.length * APPEND_ROW_MS;
}
