/**
 * The store as one command of a batch sees it: the head the batch was computed on, what was loaded from it, and what the
 * earlier commands of the batch have changed. Nothing here waits; everything was loaded before.
 */
import assert from "node:assert/strict";
import type { Head, HistoryRow, LeaseRow } from "../../backends/contract.ts";
import { ChangedKeys } from "./changed_keys.ts";
import { contains, keyName, type KeyRange } from "./key_range.ts";
import type { KvArena } from "./kv_arena.ts";
import { encodeKv, type KeyValue, parseKv, type Version } from "./stored_kv.ts";
import type { BatchChanges } from "./types.ts";

/** What was loaded at the base head. */
export interface BaseData {
  readonly head: Head;
  /** By key name; `null` for a key that does not exist. */
  readonly keys: ReadonlyMap<string, Version | null>;
  /** The live versions of an interval, by `rangeNeedName`. */
  readonly ranges: ReadonlyMap<string, readonly Version[]>;
  readonly leases: ReadonlyMap<bigint, LeaseRow | null>;
  readonly leaseKeys: ReadonlyMap<bigint, readonly Version[]>;
  readonly records: ReadonlyMap<string, Uint8Array | null>;
}

/** Identifies an interval at a revision. */
export function rangeNeedName(range: KeyRange, revision: number): string {
  const end = range.end === null ? "" : keyName(range.end);
  return `${revision} ${range.start.length} ${keyName(range.start)}${range.end === null}${end}`;
}

/** A lease as the batch sees it. */
export interface LeaseView {
  readonly ttl: number;
  readonly remainingMs: number;
}

/** What `#set` needs of a map. */
interface Changes<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
  delete(key: K): unknown;
}

const EMPTY = new Uint8Array(0);

export class BatchView {
  readonly #base: BaseData;
  readonly #arena: KvArena;
  readonly #keys = new ChangedKeys();
  readonly #leases = new Map<bigint, LeaseView | null>();
  readonly #records = new Map<string, Uint8Array | null>();
  readonly #rows: HistoryRow[] = [];
  /** Puts the view back to where the running command found it. */
  readonly #undo: (() => void)[] = [];
  #revision: number;
  #compactRevision: number;
  /** Rows of the batch when the running command began. */
  #commandStart = 0;
  #resumesLeases = false;
  #isTouched = false;

  constructor(base: BaseData, arena: KvArena) {
    this.#base = base;
    this.#arena = arena;
    this.#revision = base.head.revision;
    this.#compactRevision = base.head.compactRevision;
  }

  /** Runs one command; its changes get the next revision, all together, or are undone if it throws. */
  run<T>(apply: (view: BatchView) => T): T {
    this.#commandStart = this.#rows.length;
    this.#undo.length = 0;
    try {
      const result = apply(this);
      this.#revision = this.revision;
      this.#commandStart = this.#rows.length;
      return result;
    } catch (error) {
      this.#rows.length = this.#commandStart;
      for (let i = this.#undo.length - 1; i >= 0; i--) this.#undo[i]!();
      throw error;
    }
  }

  /** The store's revision now: one more than before the running command once it has changed something. */
  get revision(): number {
    return this.#rows.length > this.#commandStart ? this.#revision + 1 : this.#revision;
  }

  /** The head's index once the batch is on disk. */
  get index(): number {
    return this.#base.head.index + 1;
  }

  /** The last index at which a record has changed before the batch. */
  get recordsIndex(): number {
    return this.#base.head.recordsIndex;
  }

  /** Rows written by the batch so far. */
  get rowCount(): number {
    return this.#rows.length;
  }

  /** The store's revision before the running command. */
  get revisionBefore(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  set compactRevision(revision: number) {
    const before = this.#compactRevision;
    this.#undo.push(() => this.#compactRevision = before);
    this.#compactRevision = revision;
  }

  /** Leaves out the revisions up to this one; only before the running command has changed a key. */
  skipTo(revision: number): void {
    assert.ok(this.#rows.length === this.#commandStart, "revisions are skipped between commands");
    const before = this.#revision;
    this.#undo.push(() => this.#revision = before);
    this.#revision = Math.max(before, revision);
  }

  /** The key's live version, or `null`. */
  get(key: Uint8Array): Version | null {
    return this.#getNamed(keyName(key));
  }

  #getNamed(name: string): Version | null {
    const changed = this.#keys.get(name);
    if (changed !== undefined) return changed;
    const loaded = this.#base.keys.get(name);
    assert.ok(loaded !== undefined, "a command looked at a key that it did not ask for");
    return loaded;
  }

  /** The live versions of an interval, in key order. */
  range(range: KeyRange): readonly Version[] {
    if (range.single) {
      const version = this.get(range.start);
      return version === null ? [] : [version];
    }
    const loaded = this.#base.ranges.get(rangeNeedName(range, 0));
    assert.ok(loaded !== undefined, "a command looked at an interval that it did not ask for");
    return this.#keys.over(loaded, range);
  }

  /** The versions of an interval as they were at an older revision, in key order. */
  rangeAt(range: KeyRange, revision: number): readonly Version[] {
    const isLoaded = revision < this.#base.head.revision;
    const loaded = this.#base.ranges.get(rangeNeedName(range, isLoaded ? revision : 0));
    assert.ok(loaded !== undefined, "a command looked at a revision that it did not ask for");
    return isLoaded ? loaded : this.#replay(loaded, { range, through: revision });
  }

  #replay(loaded: readonly Version[], { range, through }: { range: KeyRange; through: number }) {
    const versions = new Map(loaded.map((version) => [keyName(version.key), version]));
    for (const row of this.#rows) {
      if (row.revision > through) break;
      if (!contains(range, row.key)) continue;
      if (row.tombstone) versions.delete(keyName(row.key));
      else versions.set(keyName(row.key), parseKv(row.kv));
    }
    return inKeyOrder(versions);
  }

  /** Writes a new version of a key. The caller has checked the lease. */
  put(key: Uint8Array, { value, lease }: { value: Uint8Array; lease: bigint }): void {
    const previous = this.get(key);
    const modRevision = this.#revision + 1;
    const version = this.#encode({
      key,
      value,
      lease,
      modRevision,
      createRevision: previous?.createRevision ?? modRevision,
      version: (previous?.version ?? 0) + 1,
    });
    this.#append(version, previous);
    this.#set(this.#keys, keyName(key), version);
  }

  /** Deletes a live version. */
  delete(version: Version): void {
    const { key } = version;
    const modRevision = this.#revision + 1;
    const gone = { modRevision, createRevision: 0, version: 0, lease: 0n, value: EMPTY };
    this.#append(this.#encode({ key, ...gone }), version);
    this.#set(this.#keys, keyName(key), null);
  }

  #encode(fields: KeyValue): Version {
    return encodeKv(fields, (size) => this.#arena.allocate(size));
  }

  #append(version: Version, previous: Version | null): void {
    this.#rows.push({
      revision: version.modRevision,
      sub: this.#rows.length - this.#commandStart,
      // Out of the message, or the row would keep the whole request in memory.
      key: version.key,
      kv: version.kv,
      metaSize: version.metaSize,
      tombstone: version.version === 0,
      lease: version.lease,
      prevKv: previous === null ? null : this.#kvBeforeCommand(previous),
    });
  }

  /** What the running command found of a key; `version` is what it sees now. */
  #kvBeforeCommand(version: Version): Uint8Array | null {
    if (version.modRevision <= this.#revision) return version.kv;
    const name = keyName(version.key);
    for (let index = this.#commandStart; index < this.#rows.length; index++) {
      const row = this.#rows[index]!;
      if (keyName(row.key) === name) return row.prevKv;
    }
    assert.fail("a version of this revision without its row");
  }

  lease(id: bigint): LeaseView | null {
    const changed = this.#leases.get(id);
    if (changed !== undefined) return changed;
    const loaded = this.#base.leases.get(id);
    assert.ok(loaded !== undefined, "a command looked at a lease that it did not ask for");
    return loaded;
  }

  setLease(id: bigint, state: LeaseView | null): void {
    this.#set(this.#leases, id, state);
  }

  /** Live versions attached to a lease, in key order. */
  leaseKeys(id: bigint): readonly Version[] {
    const loaded = this.#base.leaseKeys.get(id);
    assert.ok(loaded !== undefined, "a command looked at a lease's keys and did not ask for them");
    const versions = new Map(loaded.map((version) => [keyName(version.key), version]));
    for (const [name, version] of this.#keys.entries()) {
      if (version?.lease === id) versions.set(name, version);
      else versions.delete(name);
    }
    return inKeyOrder(versions);
  }

  record(name: string): Uint8Array | null {
    const changed = this.#records.get(name);
    if (changed !== undefined) return changed;
    const loaded = this.#base.records.get(name);
    assert.ok(loaded !== undefined, "a command looked at a record that it did not ask for");
    return loaded;
  }

  setRecord(name: string, value: Uint8Array | null): void {
    this.#set(this.#records, name, value);
  }

  #set<K, V>(map: Changes<K, V>, key: K, value: V): void {
    const before = map.get(key);
    this.#undo.push(() => before === undefined ? map.delete(key) : map.set(key, before));
    map.set(key, value);
  }

  /** Leases get the time back in which no server ran. */
  resumeLeases(): void {
    this.#resumesLeases = true;
    this.touch();
  }

  /** Asks for the batch to be appended although it changes nothing. */
  touch(): void {
    this.#isTouched = true;
  }

  /** Whether there is anything to append. */
  get isChanged(): boolean {
    return this.#isTouched || this.#rows.length > 0 || this.#leases.size > 0 ||
      this.#records.size > 0 || this.#revision !== this.#base.head.revision ||
      this.#compactRevision !== this.#base.head.compactRevision;
  }

  /** Everything the batch changed, and where the store stands behind it. */
  changes(batchId: string): BatchChanges {
    const { head: base } = this.#base;
    const index = base.index + 1;
    return {
      head: {
        index,
        revision: this.#revision,
        compactRevision: this.#compactRevision,
        recordsIndex: this.#records.size > 0 ? index : base.recordsIndex,
        leasesIndex: this.#leases.size > 0 ? index : base.leasesIndex,
        batchId,
      },
      rows: this.#rows,
      leases: [...this.#leases].map(([id, state]) => ({ id, state })),
      records: [...this.#records].map(([name, value]) => ({ name, value })),
      resumesLeases: this.#resumesLeases,
    };
  }
}

function inKeyOrder(versions: ReadonlyMap<string, Version>): Version[] {
  // A name has one character per byte, so names sort as keys do.
  const names = [...versions.keys()].sort((a, b) => a < b ? -1 : 1);
  return names.map((name) => versions.get(name)!);
}
