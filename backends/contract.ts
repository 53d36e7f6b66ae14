/**
 * What Rhino asks of a store: the whole contract between the engine (`src/mvcc` and its neighbours) and a backend.
 *
 * A backend keeps rows; it knows no etcd. It holds one `Head`, a history of versions (the log), the newest version of
 * each live key, leases, and named records. Everything is changed by one operation, `append`, which applies a whole
 * batch if the head still stands where the batch was computed, and else nothing. All meaning (transactions, lease
 * rules, watches, error texts) is written once, above.
 *
 * Promises that hold for every method:
 * - Each answer carries the head of the one snapshot it was read from, and that head is durable: a backend that answers
 *   before a commit is on disk waits until it is, so nothing that a crash could take back is ever seen.
 * - Bytes go in and out unchanged and are ordered as unsigned bytes. A backend must not keep or change an array that it
 *   was given after its promise settles, and a caller does not change an array that it got.
 * - Failures are `BackendError`s. Any other exception is a defect in the backend.
 *
 * A backend runs in the engine's own thread: across a Worker a `BackendError` would lose its class and `OpenOptions`
 * its functions, so a backend in a sandbox needs an adapter on either side.
 */

/** Where the store stands. All numbers are safe integers. */
export interface Head {
  /** Batches appended since creation, those without a revision included. Starts at 0. */
  readonly index: number;
  /** etcd's store revision. Starts at 1, before the first write. */
  readonly revision: number;
  /** Reads below it answer "compacted"; -1 until the first compaction, as in etcd. */
  readonly compactRevision: number;
}

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

/** A lease's change: its new state, or `null` when it is gone. */
export interface LeaseChange {
  readonly id: bigint;
  readonly state: {
    /** As granted, in seconds. */
    readonly ttl: number;
    /** Time from now, by the backend's clock, until it expires. */
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
  /** Unique; by it the batch's outcome can be asked for after a lost connection. */
  readonly id: string;
  /** The index the head must stand at. The batch's own index is one more. */
  readonly expectedIndex: number;
  /** The head's revision after the batch. */
  readonly revision: number;
  /** The head's compact revision after the batch. */
  readonly compactRevision: number;
  /**
   * In order of revision and sub. The last row of each key decides what is current. A row may have more properties than
   * `LogRow` names (the engine passes `HistoryRow`s); a backend ignores them.
   */
  readonly rows: readonly LogRow[];
  /** At most one change for each lease id. */
  readonly leases: readonly LeaseChange[];
  /** At most one change for each name. */
  readonly records: readonly RecordChange[];
  /** Added to the expiry of every lease that the batch does not change itself; 0 as a rule. */
  readonly extendLeasesMs: number;
}

/** A lease as stored. */
export interface LeaseRow {
  readonly id: bigint;
  /** As granted, in seconds. */
  readonly ttl: number;
  /** By the backend's clock at the time of the read; negative once expired. */
  readonly remainingMs: number;
}

/** What `load` shall fetch, in one snapshot. */
export interface LoadQuery {
  readonly keys: readonly Uint8Array[];
  readonly leases: readonly bigint[];
  readonly records: readonly string[];
  /** 0 reads the newest; otherwise keys are read as they were at this revision (leases and records are always newest). */
  readonly revision: number;
}

/** Answers to a `LoadQuery`, each list in the order of the question; `null` where there is nothing. */
export interface Loaded {
  readonly head: Head;
  readonly kvs: readonly (Uint8Array | null)[];
  readonly leases: readonly (LeaseRow | null)[];
  readonly records: readonly (Uint8Array | null)[];
}

/** A half-open interval of keys. */
export interface KeySpan {
  readonly start: Uint8Array;
  /** Exclusive; `null` for no upper bound. */
  readonly end: Uint8Array | null;
}

export interface RangeQuery extends KeySpan {
  /** 0 reads the newest; otherwise as it was at this revision. */
  readonly revision: number;
  /** Most rows to answer, at least 1. */
  readonly limit: number;
  /** The answer may end early after the row with which it reaches this many bytes. */
  readonly bytesMax: number;
  /** Values are not needed: a backend may cut each kv at its `metaSize`. */
  readonly keysOnly: boolean;
  /**
   * The caller would rather have the page packed; a backend that cannot, or not for this page, answers `kvs`. It may
   * have to guess how many rows reach `bytesMax`: a packed page may end somewhat before or behind.
   */
  readonly packed: boolean;
}

/**
 * A page as one piece, as it goes out to clients: each kv as field 2 of a protobuf message (the byte 0x12, its length as a
 * varint, the kv). A database that joins bytes itself saves the cost of a row for each key.
 */
export interface PackedKvs {
  readonly bytes: Uint8Array;
  /** How many; at least 1. */
  readonly count: number;
  /** `null` if no further keys follow the page: then nobody needs it. */
  readonly lastKey: Uint8Array | null;
}

export interface RangePage {
  readonly head: Head;
  /** In key order. Empty if `packed` has them. */
  readonly kvs: readonly Uint8Array[];
  readonly packed: PackedKvs | null;
  /** Whether the interval holds further keys behind the last one answered. */
  readonly more: boolean;
}

export interface HistoryQuery {
  /** Rows of revisions above this one. */
  readonly after: number;
  /** Rows of revisions up to this one. */
  readonly upTo: number;
  /** The answer ends with the revision in which it reaches this many rows. */
  readonly rowsMax: number;
  /** The answer ends with the revision in which it reaches this many bytes. */
  readonly bytesMax: number;
  /** Whether `prevKv` is wanted; otherwise it is `null` in every row. */
  readonly withPrev: boolean;
}

export interface HistoryPage {
  readonly head: Head;
  /** Whole revisions only, in order of revision and sub. Superseded rows below the compact revision may be missing. */
  readonly rows: readonly HistoryRow[];
  /** The last revision up to which `rows` is complete. */
  readonly through: number;
}

/** A piece of trimming. */
export interface TrimQuery {
  /**
   * Nothing that only a later compact revision lets go is removed, so that the engine can still read what it needs of
   * that before. At most the head's compact revision counts.
   */
  readonly upTo: number;
  /** Most rows of the log to look at in this step. */
  readonly rowsMax: number;
}

export interface TrimResult {
  /** Rows deleted by this step. */
  readonly removed: number;
  /** Whether everything that a compact revision of `upTo` allows to go is gone. */
  readonly done: boolean;
}

export interface Size {
  /** Bytes the store takes up, but for a log that is written over again and again. */
  readonly total: number;
  /** Of these, bytes that hold data. */
  readonly inUse: number;
  /** Of these, bytes that a store without any key takes up as well. A quota does not count them. */
  readonly empty: number;
}

/** What a backend can do; what the engine does with it stands beside each. */
export interface Capabilities {
  /**
   * No other server can write while this one has the store open. The engine then trusts its own head and caches without
   * asking; otherwise each linearizable read asks the store.
   */
  readonly exclusive: boolean;
  /** Longest key in bytes. The engine refuses a longer one with a clear error before anything is written. */
  readonly keySizeMax: number;
  /** Most log rows in one batch. The engine refuses a single request that needs more. */
  readonly batchRowsMax: number;
}

/** What is known of a batch whose answer was lost. */
export type Outcome = "applied" | "not-applied" | "unknown";

/** A durable, ordered store of versions. Open until `close`. */
export interface Backend {
  readonly capabilities: Capabilities;
  /** Made once when the store was created; the same over restarts and for all servers. */
  readonly clusterId: bigint;
  /** How long nobody had appended to the store when this server opened it; 0 for a new store. */
  readonly idleBeforeOpenMs: number;

  head(): Promise<Head>;

  load(query: LoadQuery): Promise<Loaded>;

  /** One page of a range. At a revision: exact for every revision from the compact revision to the head's. */
  range(query: RangeQuery): Promise<RangePage>;

  /** How many keys the interval holds at the revision (0: newest). */
  count(query: KeySpan & { readonly revision: number }): Promise<{ head: Head; count: number }>;

  /** The log, whole revisions in order. */
  history(query: HistoryQuery): Promise<HistoryPage>;

  /** Live keys attached to the lease, in key order, each as its newest kv. */
  leaseKeys(id: bigint): Promise<{ head: Head; kvs: readonly Uint8Array[] }>;

  /** Leases that expire first come first, `limit` at most. */
  leases(limit: number): Promise<{ head: Head; leases: readonly LeaseRow[] }>;

  /** Records whose name begins with the prefix, by name, each with its bytes. */
  records(
    prefix: string,
  ): Promise<{ head: Head; records: readonly (readonly [name: string, value: Uint8Array])[] }>;

  /**
   * Applies a batch. When it resolves, the batch is on disk.
   *
   * @throws {BackendError} `conflict` if the head does not stand at `expectedIndex` (nothing was written);
   * `unavailable` if it was surely not applied; `indeterminate` if it may have been; `full` if there is no room for it.
   */
  append(batch: Batch): Promise<Head>;

  /** What became of a batch that ended as `indeterminate`, asked before any later append. */
  outcome(batchId: string): Promise<Outcome>;

  /**
   * Deletes one step's worth of what a compact revision of `upTo` made unreachable: versions superseded at or below it,
   * and tombstones below it (one exactly at it stays, as in etcd, unless an earlier trim went further). Resumable: a
   * crash between steps loses no work.
   */
  trim(query: TrimQuery): Promise<TrimResult>;

  size(): Promise<Size>;

  /** Gives unused space back. May take long; other calls may wait for it. */
  defragment(): Promise<void>;

  /** Wakes whenever the head may have been moved by another server; ends when the signal is aborted. */
  changes(signal: AbortSignal): AsyncIterable<void>;

  close(): Promise<void>;
}

/** Why a backend could not do what it was asked. */
export type BackendErrorKind =
  /** Another writer moved the head first. Nothing was written. */
  | "conflict"
  /** The store cannot be reached or is read-only just now. Nothing was written. */
  | "unavailable"
  /** The answer was lost: the batch may be there or not. */
  | "indeterminate"
  /** No space for the write. Nothing was written. */
  | "full"
  /** What is stored is not what a Rhino store can be. */
  | "corrupt"
  /** The store cannot be opened as configured; the message says what to do. Only when opening. */
  | "unusable";

export class BackendError extends Error {
  readonly kind: BackendErrorKind;
  constructor(kind: BackendErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BackendError";
    this.kind = kind;
  }
}

/** What a backend module is given when it is opened; handed in, so that a test can hold the clock and the dice. */
export interface OpenOptions {
  /** Milliseconds since the epoch. For stores whose clock is this process's. */
  readonly now: () => number;
  /** A random 64-bit id, never 0; for the cluster id of a new store. */
  readonly randomId: () => bigint;
  /** One line for the operator. */
  readonly log: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
  ) => void;
}

/** What a backend module exports. */
export interface BackendModule {
  /**
   * Opens the store that the endpoint names (a URL of a scheme this module serves, or for SQLite also a plain path),
   * making it where there is none.
   *
   * @throws {BackendError} `unusable`, with one clear line and no secret in it.
   */
  open(endpoint: string, options: OpenOptions): Promise<Backend>;
}
