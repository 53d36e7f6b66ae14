/** The contract over one MariaDB or MySQL database. */

import {
  type Backend,
  BackendError,
  type Batch,
  type Head,
  type HistoryPage,
  type HistoryQuery,
  type KeySpan,
  type Loaded,
  type LoadQuery,
  type Member,
  type OpenOptions,
  type Outcome,
  type Presence,
  type RangePage,
  type RangeQuery,
  type Size,
  type TrimQuery,
  type TrimResult,
  type Turn,
} from "../contract.ts";
import { type AdaptivePoll, createAdaptivePoll } from "../sql/adaptive_poll.ts";
import { Lanes } from "../sql/lanes.ts";
import { outcomeOf, slotOf } from "../sql/ring.ts";
import { appendBatch } from "./appending.ts";
import type { ConnectOptions } from "./connecting.ts";
import { createRowSizes } from "./chunks.ts";
import { countKeys } from "./counting.ts";
import { readFailure } from "./errors.ts";
import { readHistory } from "./history.ts";
import { idOf } from "./head.ts";
import { fillIn } from "./literals.ts";
import type { OpenedStore } from "./opening.ts";
import { announce, leave } from "./presence.ts";
import { readPage, type ReadSnapshot } from "./ranging.ts";
import * as reading from "./reading.ts";
import type { Session } from "./session.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { createSettling, NO_SETTLING, type Settling } from "./settling.ts";
import { createSizeMeter, measureSize, optimizeTables } from "./space.ts";
import { STATEMENTS, SUBS_MAX } from "./statements.ts";
import { trimStep } from "./trimming.ts";
import { takeTurn } from "./turning.ts";

/** InnoDB's index keys end at 3,072 bytes, and an id follows the key. */
const KEY_SIZE_MAX = 3_000;

/** For what is read or written at once; etcd's clients wait about as long. */
const QUICK_MS = 7_000;
/** For pages and counts. */
const PAGE_MS = 15_000;
/** For steps of upkeep. */
const UPKEEP_MS = 30_000;
/** For tables that are made anew. */
const DEFRAGMENT_MS = 3_600_000;
/** For calls under way when the backend is closed; then they are cut off. */
const CLOSE_GRACE_MS = 1_000;

export interface MysqlBackendOptions {
  readonly opened: OpenedStore;
  readonly options: OpenOptions;
}

export class MysqlBackend implements Backend {
  readonly capabilities = { exclusive: false, keySizeMax: KEY_SIZE_MAX, batchRowsMax: SUBS_MAX };
  readonly clusterId: bigint;
  /** Missing where it would hold the only connection, with which its owner still has to read. */
  readonly turn?: () => Promise<Turn>;
  readonly #options: OpenOptions;
  readonly #sessions: Sessions;
  /** One connection, so that reads cannot take it from appends. */
  readonly #writes: Lanes<Session>;
  readonly #reads: Lanes<Session>;
  readonly #settling: Settling;
  readonly #poll: AdaptivePoll;
  readonly #rowSizes = createRowSizes();
  readonly #historySizes = createRowSizes();
  readonly #meter = createSizeMeter(() => this.#read(measureSize, UPKEEP_MS));
  readonly #hasStatementTime: boolean;
  readonly #closed = new AbortController();

  constructor({ opened, options }: MysqlBackendOptions) {
    this.#options = options;
    this.clusterId = opened.clusterId;
    this.#hasStatementTime = opened.hasStatementTime;
    this.#settling = opened.showsUnsynced
      ? createSettling(() => this.#commitNothing())
      : NO_SETTLING;
    this.#sessions = createSessions(opened.connect, () => this.#settling.forget());
    this.#sessions.add(opened.session);
    const { maxConnections } = options;
    this.#writes = this.#lanes(1, { locksLittle: maxConnections > 1 });
    this.#reads = maxConnections === 1
      ? this.#writes
      : this.#lanes(maxConnections - 1, { locksLittle: false });
    this.#reads.adopt(opened.session);
    this.#poll = createAdaptivePoll(() => this.head());
    if (maxConnections > 1) this.turn = () => this.#takeTurn();
  }

  #lanes(max: number, options: ConnectOptions): Lanes<Session> {
    return new Lanes({
      max,
      connect: () => this.#sessions.open(options),
      destroy: (session) => session.destroy(),
      isUsable: (session) => session.isUsable,
    });
  }

  /** A read that broke with its connection is made once more: the connection may have been dead for long. */
  #read<T>(call: (session: Session) => Promise<T>, timeoutMs: number): Promise<T> {
    const options = { timeoutMs, whenCut: "unavailable", retries: true } as const;
    return this.#reads.run((session) => readOn(session, call), options);
  }

  /** The answer waits until what it saw is on disk. */
  async #readSettled<T extends { readonly head: Head }>(
    call: (session: Session) => Promise<T>,
    timeoutMs: number,
  ): Promise<T> {
    const answer = await this.#read(call, timeoutMs);
    await this.#settling.settled(answer.head);
    return answer;
  }

  /** For reads of several snapshots, each of which may have another connection. */
  readonly #readSnapshot: ReadSnapshot = (statements) =>
    this.#readSettled((session) => reading.readSnapshot(session, statements), PAGE_MS);

  async #commitNothing(): Promise<void> {
    await this.#read((session) => session.change(STATEMENTS.settle), QUICK_MS);
  }

  async head(): Promise<Head> {
    const { head } = await this.#readSettled(
      async (session) => ({ head: await reading.readHead(session) }),
      QUICK_MS,
    );
    return head;
  }

  load(query: LoadQuery): Promise<Loaded> {
    const { leaseGapMs } = this.#options;
    return this.#readSettled((session) => reading.load(session, query, leaseGapMs), QUICK_MS);
  }

  range(query: RangeQuery): Promise<RangePage> {
    return readPage(this.#readSnapshot, query, this.#rowSizes);
  }

  count(query: KeySpan & { readonly revision: number }): Promise<{ head: Head; count: number }> {
    return countKeys(this.#readSnapshot, query);
  }

  history(query: HistoryQuery): Promise<HistoryPage> {
    return readHistory(this.#readSnapshot, query, this.#historySizes);
  }

  leaseKeys(id: bigint) {
    return this.#readSettled((session) => reading.listLeaseKeys(session, id), PAGE_MS);
  }

  leases(limit: number) {
    const { leaseGapMs } = this.#options;
    return this.#readSettled((session) => reading.listLeases(session, limit, leaseGapMs), PAGE_MS);
  }

  records(prefix: string) {
    return this.#readSettled((session) => reading.listRecords(session, prefix), PAGE_MS);
  }

  append(batch: Batch): Promise<void> {
    const { leaseGapMs } = this.#options;
    return this.#announceAppend(batch, () =>
      this.#writes.run(
        (session) => appendBatch(session, batch, { leaseGapMs, hasTurn: false }),
        { timeoutMs: QUICK_MS, whenCut: "indeterminate", retries: false },
      ));
  }

  /** Lets those know who look at heads: others may see this one before it is answered. */
  async #announceAppend({ head, rows }: Batch, append: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#poll.appended(head.batchId);
    this.#settling.appending(head, promise);
    try {
      await append();
      resolve(true);
      this.#meter.appended(rows);
    } finally {
      resolve(false);
    }
  }

  async outcome(asked: Pick<Head, "index" | "batchId">): Promise<Outcome> {
    const statement = fillIn(STATEMENTS.slot, { slot: slotOf(asked.index) });
    const { head, answers } = await this.#readSnapshot([statement]);
    const row = answers[0]?.[0] as readonly [index: number, batchId: Uint8Array] | undefined;
    const slot = row === undefined ? null : { index: row[0], batchId: idOf(row[1]) };
    return outcomeOf({ headIndex: head.index, slot, asked });
  }

  async #takeTurn(): Promise<Turn> {
    const { leaseGapMs } = this.#options;
    const turn = await takeTurn(this.#writes, { timeoutMs: QUICK_MS, leaseGapMs });
    return {
      append: (batch) => this.#announceAppend(batch, () => turn.append(batch)),
      release: () => turn.release(),
    };
  }

  trim(query: TrimQuery): Promise<TrimResult> {
    return this.#read((session) => trimStep(session, query), UPKEEP_MS);
  }

  async size(): Promise<Size> {
    if (this.#closed.signal.aborted) throw new BackendError("unavailable", "the store is closed");
    return await this.#meter.size();
  }

  async defragment(): Promise<void> {
    const optimize = (session: Session) => optimizeTables(session, this.#hasStatementTime);
    await this.#read(optimize, DEFRAGMENT_MS);
    this.#meter.forget();
  }

  announce(member: Member, aliveMs: number): Promise<Presence> {
    return this.#readSettled((session) => announce(session, member, aliveMs), UPKEEP_MS);
  }

  leave(id: bigint): Promise<void> {
    return this.#read((session) => leave(session, id), UPKEEP_MS);
  }

  changes(signal: AbortSignal): AsyncIterable<void> {
    return this.#poll.changes(AbortSignal.any([signal, this.#closed.signal]));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#writes.close(CLOSE_GRACE_MS), this.#reads.close(CLOSE_GRACE_MS)]);
    await this.#sessions.closed();
  }
}

/** After a failure the session may be within a transaction: it is not used again. */
async function readOn<T>(session: Session, call: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await call(session);
  } catch (error) {
    session.destroy();
    throw readFailure(error);
  }
}
