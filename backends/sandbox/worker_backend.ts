/**
 * A backend in a sandbox, as the engine sees it: each call goes to the Worker, and each answer is checked before anybody
 * gets it. Whatever the Worker does, a call ends in time and as a `BackendError`: as `indeterminate` for an append that was
 * sent, and as `unavailable` for all else.
 */

import {
  type Backend,
  BackendError,
  type Batch,
  type Capabilities,
  type Head,
  type HistoryQuery,
  type KeySpan,
  type LoadQuery,
  type Member,
  type OpenOptions,
  type RangeQuery,
  type TrimQuery,
  type Turn,
} from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { createWakes } from "../wakes.ts";
import { appendMsMax } from "./call_bounds.ts";
import {
  checkedCount,
  checkedHistory,
  checkedLeaseKeys,
  checkedLeases,
  checkedLoaded,
  checkedOutcome,
  checkedPresence,
  checkedRange,
  checkedRecords,
  checkedSize,
  checkedTrim,
} from "./checked_answers.ts";
import { CheckedHeads } from "./checked_heads.ts";
import { checkedRows } from "./checked_rows.ts";
import { BrokenPromise, headOf } from "./checked_shapes.ts";
import { NOTHING, packBatch, packLoadQuery, packMember, packSpan, type Parcel } from "./codec.ts";
import { openLink, type SandboxedStore } from "./opening.ts";
import type { Method } from "./protocol.ts";
import { Supervisor } from "./supervisor.ts";
import type { CallOptions, WorkerLink } from "./worker_link.ts";

/** Opens the store in a Worker. @throws {BackendError} `unusable`, with one line */
export async function openInSandbox(store: SandboxedStore, options: OpenOptions): Promise<Backend> {
  const open = await openLink(store, options, (reason) => supervisor.failed(open.link, reason));
  const watchers = new Set<Watcher>();
  const supervisor = new Supervisor({
    store,
    options,
    first: open.opened,
    reopened: (link) => {
      for (const watcher of watchers) watcher.reopened(link);
    },
  });
  supervisor.take(open);
  return new WorkerBackend(supervisor, watchers);
}

/** Somebody who listens to `changes`. */
interface Watcher {
  reopened(link: WorkerLink): void;
}

/** What a call that changes nothing may fail with; by any other word a module breaks its promise. */
const READING_KINDS: ReadonlySet<string> = new Set(["unavailable", "full", "corrupt"]);

class WorkerBackend implements Backend {
  readonly clusterId: bigint;
  readonly folder?: string;
  readonly turn?: () => Promise<Turn>;
  readonly #supervisor: Supervisor;
  readonly #watchers: Set<Watcher>;
  readonly #heads = new CheckedHeads();
  readonly #closed = new AbortController();
  #turns = 0;

  constructor(supervisor: Supervisor, watchers: Set<Watcher>) {
    this.#supervisor = supervisor;
    this.#watchers = watchers;
    const { clusterId, folder, hasTurn } = supervisor.opened;
    this.clusterId = clusterId;
    if (folder !== null) this.folder = folder;
    if (hasTurn) this.turn = () => this.#takeTurn();
  }

  /**
   * Exclusive only as long as the first Worker lives: behind its end the store may hold a batch whose answer was lost, and
   * the engine must look where it stands, as with a store that others write to.
   */
  get capabilities(): Capabilities {
    const { capabilities } = this.#supervisor.opened;
    return { ...capabilities, exclusive: capabilities.exclusive && this.#supervisor.isFirst };
  }

  async head(): Promise<Head> {
    return (await this.#read("head", NOTHING, (value) => ({ head: headOf(value, "head") }))).head;
  }

  load(query: LoadQuery) {
    return this.#read("load", packLoadQuery(query), (value) => checkedLoaded(value, query));
  }

  range(query: RangeQuery) {
    return this.#read("range", packSpan(query), (value) => checkedRange(value, query));
  }

  count(query: KeySpan & { readonly revision: number }) {
    return this.#read("count", packSpan(query), checkedCount);
  }

  history(query: HistoryQuery) {
    const check = (value: unknown) => checkedHistory(value, query, checkedRows);
    return this.#read("history", plain(query), check);
  }

  leaseKeys(id: bigint) {
    return this.#read("leaseKeys", plain(id), checkedLeaseKeys);
  }

  leases(limit: number) {
    return this.#read("leases", plain(limit), (value) => checkedLeases(value, limit));
  }

  records(prefix: string) {
    return this.#read("records", plain(prefix), (value) => checkedRecords(value, prefix));
  }

  append(batch: Batch) {
    return this.#append("append", batch, packBatch(batch));
  }

  outcome({ index, batchId }: Pick<Head, "index" | "batchId">) {
    return this.#ask("outcome", plain({ index, batchId }), checkedOutcome);
  }

  trim(query: TrimQuery) {
    return this.#ask("trim", plain(query), checkedTrim);
  }

  size() {
    return this.#ask("size", NOTHING, checkedSize);
  }

  defragment() {
    return this.#ask("defragment", NOTHING, () => {});
  }

  announce(member: Member, aliveMs: number) {
    const value = { member: packMember(member), aliveMs };
    return this.#read("announce", plain(value), (value) => checkedPresence(value, member));
  }

  leave(id: bigint) {
    return this.#ask("leave", plain(id), () => {});
  }

  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const end = AbortSignal.any([signal, this.#closed.signal]);
    const { wake, iterate } = createWakes(end);
    const watcher: Watcher = {
      reopened: (link) => {
        this.#listen(link, wake, end);
        // What happened meanwhile nobody has told.
        wake();
      },
    };
    this.#watchers.add(watcher);
    if (this.#supervisor.isUp) this.#listen(this.#supervisor.link, wake, end);
    try {
      yield* iterate();
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const link = await this.#supervisor.close();
    if (link === null) return;
    try {
      await link.call("close", NOTHING);
    } catch {
      // It is ended in any case.
    } finally {
      link.end("the store is closed");
    }
  }

  #listen(link: WorkerLink, wake: () => void, signal: AbortSignal): void {
    link.call("changes", NOTHING, { wake, signal }).then(
      () => {
        if (!signal.aborted) link.die("changes ended by itself");
      },
      (error) => {
        if (error instanceof BackendError || error instanceof BrokenPromise) {
          link.die(`changes failed: ${error.message}`);
        }
      },
    );
  }

  async #takeTurn(): Promise<Turn> {
    const turn = ++this.#turns;
    const { link } = this.#supervisor;
    await this.#ask("turn", plain(turn), () => {});
    return {
      append: async (batch) => {
        const { value, buffers } = packBatch(batch);
        this.#checkSame(link);
        await this.#append("turnAppend", batch, { value: { turn, batch: value }, buffers });
      },
      release: async () => {
        this.#checkSame(link);
        await this.#ask("turnRelease", plain({ turn }), () => {});
      },
    };
  }

  /** A turn ends with its Worker. */
  #checkSame(link: WorkerLink): void {
    if (this.#supervisor.link !== link) {
      throw new BackendError("unavailable", "the turn ended with the thread that had it");
    }
  }

  async #append(method: "append" | "turnAppend", batch: Batch, parcel: Parcel): Promise<void> {
    const { link } = this.#supervisor;
    try {
      await link.call(method, parcel, { msMax: appendMsMax(batch) });
      this.#heads.note(batch.head, this.#rules());
    } catch (error) {
      if (error instanceof BackendError && error.kind !== "unusable") throw error;
      throw this.#blame(link, error, { method, kind: "indeterminate" });
    }
  }

  /** An answer with a head. */
  async #read<T extends { readonly head: Head }>(
    method: Method,
    parcel: Parcel,
    check: (value: unknown) => T,
  ): Promise<T> {
    const rules = this.#rules();
    return await this.#ask(method, parcel, (value) => {
      const answer = check(value);
      this.#heads.note(answer.head, rules);
      return answer;
    });
  }

  #rules() {
    return { floor: this.#heads.floor, isExclusive: this.capabilities.exclusive };
  }

  async #ask<T>(
    method: Method,
    parcel: Parcel,
    check: (value: unknown) => T,
    options: CallOptions = {},
  ): Promise<T> {
    const { link } = this.#supervisor;
    try {
      return check(await link.call(method, parcel, options));
    } catch (error) {
      if (error instanceof BackendError) {
        if (READING_KINDS.has(error.kind)) throw error;
        // Whether it was done or not is all the same to whoever asks again.
        if (error.kind === "indeterminate") throw new BackendError("unavailable", error.message);
      }
      throw this.#blame(link, error, { method, kind: "unavailable" });
    }
  }

  /** Ends the Worker for a promise that it broke; what the caller is told. */
  #blame(
    link: WorkerLink,
    error: unknown,
    { method, kind }: { readonly method: Method; readonly kind: "unavailable" | "indeterminate" },
  ): BackendError {
    if (error instanceof BrokenPromise) link.die(error.message);
    if (error instanceof BackendError) {
      link.die(`${method} failed as "${error.kind}", which only append may`);
    }
    const message = messageOf(error);
    return new BackendError(kind, `the backend broke its contract: ${message}`);
  }
}

function plain(value: unknown): Parcel {
  return { value, buffers: [] };
}
