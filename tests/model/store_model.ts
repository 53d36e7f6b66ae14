/**
 * The keys at every revision, and what happened in each. The whole state of each revision is kept
 * until it is compacted, so that a read in the past is a look-up.
 */

/** One version of one key. Key and value are byte strings. */
export interface KeyVersion {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

/** All living keys of one revision, in key order. */
export type Keys = ReadonlyMap<string, KeyVersion>;

/** What one operation did to one key; a delete carries the key and its revision alone. */
export interface KeyEvent {
  readonly type: "put" | "delete";
  readonly kv: KeyVersion;
}

interface Moment {
  readonly keys: Keys;
  readonly events: readonly KeyEvent[];
}

/** Where a store stands that has been used before the model begins. */
export interface StoreStart {
  readonly revision: number;
  readonly compactRevision: number;
  /** What a watch can still see of the newest revision. */
  readonly events: readonly KeyEvent[];
}

/** Revision of a store that was never written to. */
const REVISION_FIRST = 1;
/** What etcd holds for the compact revision before the first compaction. */
const NEVER_COMPACTED = -1;

export class StoreModel {
  readonly #moments = new Map<number, Moment>();
  #revision: number;
  #compactRevision: number;

  constructor(start?: StoreStart) {
    this.#revision = start?.revision ?? REVISION_FIRST;
    this.#compactRevision = start?.compactRevision ?? NEVER_COMPACTED;
    this.#moments.set(this.#revision, { keys: new Map(), events: start?.events ?? [] });
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  get keys(): Keys {
    return this.keysAt(this.#revision);
  }

  keysAt(revision: number): Keys {
    return this.#moments.get(revision)?.keys ?? new Map();
  }

  /**
   * What a watch sees of a revision. Of the compacted revision itself only the last event of each
   * key is left, be it a put or a delete.
   */
  eventsAt(revision: number): readonly KeyEvent[] {
    const events = this.#moments.get(revision)?.events ?? [];
    if (revision > this.#compactRevision) return events;
    return events.filter((event, index) =>
      !events.slice(index + 1).some((later) => later.kv.key === event.kv.key)
    );
  }

  begin(): Draft {
    return new Draft(this);
  }

  /** Makes a draft the next revision, unless it changed nothing. */
  commit(draft: Draft): void {
    if (draft.events.length === 0) return;
    this.#revision = draft.revision;
    this.#moments.set(this.#revision, {
      keys: new Map([...draft.keys].sort(([a], [b]) => a < b ? -1 : 1)),
      events: draft.events,
    });
  }

  compact(revision: number): void {
    this.#compactRevision = revision;
    for (const old of this.#moments.keys()) {
      if (old < revision) this.#moments.delete(old);
    }
  }
}

/** A revision in the making. Its operations see what those before them did. */
export class Draft {
  readonly store: StoreModel;
  readonly events: KeyEvent[] = [];
  #keys: Map<string, KeyVersion>;

  constructor(store: StoreModel) {
    this.store = store;
    this.#keys = new Map(store.keys);
  }

  get keys(): Keys {
    return this.#keys;
  }

  /** The revision that all events of this draft share, once there is one. */
  get revision(): number {
    return this.store.revision + 1;
  }

  /** The revision that an answer within a transaction carries. */
  get answeredRevision(): number {
    return this.events.length > 0 ? this.revision : this.store.revision;
  }

  put(key: string, { value, lease }: { readonly value: string; readonly lease: bigint }): void {
    const previous = this.#keys.get(key);
    const kv: KeyVersion = {
      key,
      value,
      lease,
      createRevision: previous?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (previous?.version ?? 0) + 1,
    };
    this.#keys.set(key, kv);
    this.#keys = new Map([...this.#keys].sort(([a], [b]) => a < b ? -1 : 1));
    this.events.push({ type: "put", kv });
  }

  delete(key: string): void {
    this.#keys.delete(key);
    this.events.push(deleteEvent(key, this.revision));
  }
}

export function deleteEvent(key: string, modRevision: number): KeyEvent {
  const kv = { key, value: "", createRevision: 0, modRevision, version: 0, lease: 0n };
  return { type: "delete", kv };
}
