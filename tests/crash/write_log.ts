/**
 * What writers asked for and what they were told. After a crash the history must hold every
 * acknowledged write at the revision it was answered, and every other write whole or not at all.
 */

import assert from "node:assert/strict";
import type { KeyEvent, Keys, StoreModel } from "../model/store_model.ts";

/** One write, as it was asked for. */
export interface Write {
  /** In every value that it puts, and in no other's. */
  readonly id: string;
  readonly puts: readonly string[];
  /** Keys that are deleted if they are there. */
  readonly deletes: readonly string[];
  /** A lease whose keys are deleted, whatever they are. */
  readonly revokes?: bigint;
}

interface Logged extends Write {
  /** Undefined until it is answered, and for ever if it never is. */
  revision: number | undefined;
}

/** What a write that is answered was told. */
export interface Acknowledged {
  readonly revision: number;
  /** Whether that revision is the write's own: deleting nothing makes none. */
  readonly changed: boolean;
}

export class WriteLog {
  readonly #byId = new Map<string, Logged>();
  readonly #byRevision = new Map<number, Logged>();
  readonly #unansweredDeletes = new Set<Logged>();
  readonly #leases = new Map<bigint, "granting" | "granted" | "revoking" | "revoked">();
  #revisionMax = 0;
  #acknowledged = 0;
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  /** The highest revision that was acknowledged. */
  get revisionMax(): number {
    return this.#revisionMax;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves when so many writes more are acknowledged. */
  more(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { count: this.#acknowledged + count, resolve };
    return promise;
  }

  /** Logs the write before it is made, so that it is known however it ends. */
  async write(write: Write, make: () => Promise<Acknowledged>): Promise<void> {
    const logged: Logged = { ...write, revision: undefined };
    this.#byId.set(write.id, logged);
    if (write.puts.length === 0) this.#unansweredDeletes.add(logged);
    if (write.revokes !== undefined) this.#leases.set(write.revokes, "revoking");
    const { revision, changed } = await make();
    if (write.revokes !== undefined) this.#leases.set(write.revokes, "revoked");
    this.#unansweredDeletes.delete(logged);
    if (changed) {
      const other = this.#byRevision.get(revision);
      assert(other === undefined, `revision ${revision} answered to ${other?.id} and ${write.id}`);
      logged.revision = revision;
      this.#byRevision.set(revision, logged);
    }
    this.#revisionMax = Math.max(this.#revisionMax, revision);
    this.#acknowledged++;
    if (this.#waiting !== undefined && this.#acknowledged >= this.#waiting.count) {
      this.#waiting.resolve();
    }
  }

  async grant(id: bigint, make: () => Promise<unknown>): Promise<void> {
    this.#leases.set(id, "granting");
    await make();
    this.#leases.set(id, "granted");
  }

  /** Leases that must be there, and such as must not; of the others nobody can know. */
  get leases(): { readonly there: bigint[]; readonly gone: bigint[] } {
    const inState = (state: string) =>
      [...this.#leases].filter(([, has]) => has === state).map(([id]) => id);
    return { there: inState("granted"), gone: inState("revoked") };
  }

  /** Every revision from `from` on is one write, and every acknowledged write is there. */
  check(store: StoreModel, from: number): void {
    for (let revision = from; revision <= store.revision; revision++) {
      this.#checkRevision(store, revision);
      this.#byRevision.delete(revision);
    }
    const lost = [...this.#byRevision.values()].map(({ id, revision }) => `${id} at ${revision}`);
    assert.deepEqual(lost, [], "acknowledged writes that are not in the history");
  }

  #checkRevision(store: StoreModel, revision: number): void {
    const events = store.eventsAt(revision);
    const before = store.keysAt(revision - 1);
    const write = this.#writerOf(events, { revision, before });
    const what = `revision ${revision}, by ${write.id}`;
    assert(write.revision === undefined || write.revision === revision, `${what}, answered before`);
    write.revision = revision;
    assert.deepEqual(
      { puts: keysOf(events, "put"), deletes: keysOf(events, "delete") },
      { puts: write.puts.toSorted(), deletes: deletedBy(write, before) },
      `${what}, is not whole`,
    );
  }

  #writerOf(
    events: readonly KeyEvent[],
    { revision, before }: { readonly revision: number; readonly before: Keys },
  ): Logged {
    const acknowledged = this.#byRevision.get(revision);
    const values = events.filter(({ type }) => type === "put").map(({ kv }) => kv.value);
    const ids = new Set(values.map((value) => value.slice(0, value.indexOf(" "))));
    assert(ids.size <= 1, `revision ${revision} mixes the writes ${[...ids].join(", ")}`);
    const [id] = ids;
    if (id !== undefined) {
      const write = this.#byId.get(id);
      assert(write !== undefined, `revision ${revision} holds a write that nobody made: ${id}`);
      const answered = acknowledged ?? write;
      assert.equal(write.id, answered.id, `revision ${revision} is another's than was answered`);
      return write;
    }
    if (acknowledged !== undefined) return acknowledged;
    // Deletes leave no id: any unanswered one that would delete just this will do, once.
    const deleted = keysOf(events, "delete").join();
    const write = [...this.#unansweredDeletes].find((candidate) =>
      deletedBy(candidate, before).join() === deleted
    );
    assert(write !== undefined, `revision ${revision} deletes ${deleted}, which nobody asked for`);
    this.#unansweredDeletes.delete(write);
    return write;
  }
}

function keysOf(events: readonly KeyEvent[], type: KeyEvent["type"]): string[] {
  return events.filter((event) => event.type === type).map(({ kv }) => kv.key).sort();
}

/** The keys that a write deletes where it meets these. */
function deletedBy({ deletes, revokes }: Write, before: Keys): string[] {
  if (revokes === undefined) return deletes.filter((key) => before.has(key)).sort();
  return [...before.values()].filter(({ lease }) => lease === revokes).map(({ key }) => key).sort();
}
