/** What a store keeps, and one change to it: the nouns of the contract in `contract.ts`. */

/** Where the store stands. All numbers are safe integers. */
export interface Head {
  /** Batches appended since creation, those without a revision included. Starts at 0. */
  readonly index: number;
  /** etcd's store revision. Starts at 1, before the first write. */
  readonly revision: number;
  /** Reads below it answer "compacted"; -1 until the first compaction, as in etcd. */
  readonly compactRevision: number;
  /** Index of the last batch that changed a record; 0 if none did. By it one server learns that another did. */
  readonly recordsIndex: number;
  /** Index of the last batch that changed a lease; 0 if none did. */
  readonly leasesIndex: number;
  /** The last batch's id; empty before the first. Two heads are the same place of the same history if these are equal. */
  readonly batchId: string;
}

/** The highest revision there can be: with 21 bits more for the place within it, it fits a signed integer of 64 bits. */
export const REVISION_MAX = 2 ** 42 - 2;

/** The head of a store to which nothing was appended. */
export const FIRST_HEAD: Head = {
  index: 0,
  revision: 1,
  compactRevision: -1,
  recordsIndex: 0,
  leasesIndex: 0,
  batchId: "",
};

/**
 * One key's change within one revision, as the log keeps it.
 *
 * `kv` is the ready-made wire message, an encoded `mvccpb.KeyValue` whose value field, if any, is written last, so that
 * lists and events need no encoding and a reader can cut the value off. For a tombstone it holds key and mod_revision.
 */
export interface LogRow {
  readonly revision: number;
  /** Place within the revision, counted from 0. */
  readonly sub: number;
  readonly key: Uint8Array;
  readonly kv: Uint8Array;
  /** Bytes of `kv` before its value field; equal to its length if there is no value. */
  readonly metaSize: number;
  readonly tombstone: boolean;
  /** The lease the key is attached to; 0n if none. Always 0n for a tombstone. */
  readonly lease: bigint;
}

/** A row as `history` gives it. */
export interface HistoryRow extends LogRow {
  /**
   * The key's version as the revision before this row's left it: `null` if the key did not live then, or if that was
   * trimmed. What other rows of the same revision did to the key does not show.
   */
  readonly prevKv: Uint8Array | null;
}

/**
 * A lease's change: its new state, or `null` when it is gone.
 *
 * Leases run by the store's *lease clock*: the backend's clock, which stands still while nobody could renew. That is any
 * gap between two appends of more than `OpenOptions.leaseGapMs`, told after the fact: servers with leases append at least
 * as often, so in a gap none ran, or none reached the store. A read within such a gap sees the clock stand. What a batch
 * says of a lease counts from the clock behind the gap.
 */
export interface LeaseChange {
  readonly id: bigint;
  readonly state: {
    /** As granted, in seconds. */
    readonly ttl: number;
    /** Time from now, by the lease clock, until it expires. */
    readonly remainingMs: number;
  } | null;
}

/** A named record's change: its new bytes, or `null` when it is gone. */
export interface RecordChange {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** One group commit. It applies as a whole or not at all. */
export interface Batch {
  /** The head that the batch was computed on: the store's must be the same, by index and batch id. */
  readonly base: Head;
  /**
   * The head after the batch. Its index is one more, and its batch id is new and unique: by it the batch's outcome can be
   * asked for after a lost connection. At most 64 characters of ASCII.
   */
  readonly head: Head;
  /**
   * In order of revision and sub. The last row of each key decides what is current. A row may have more properties than
   * `LogRow` names (the engine passes `HistoryRow`s); a backend ignores them.
   */
  readonly rows: readonly LogRow[];
  /** At most one change for each lease id. */
  readonly leases: readonly LeaseChange[];
  /** At most one change for each name. */
  readonly records: readonly RecordChange[];
  /**
   * The time since the last append, however short, does not count for leases: the server that appends has begun to run
   * just now, and no other did. False as a rule; then only a gap of more than `OpenOptions.leaseGapMs` does not count.
   */
  readonly resumesLeases: boolean;
}

/** A lease as stored. */
export interface LeaseRow {
  readonly id: bigint;
  /** As granted, in seconds. */
  readonly ttl: number;
  /** By the lease clock at the time of the read; negative once expired. */
  readonly remainingMs: number;
}
