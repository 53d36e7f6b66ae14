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
 * - Each call settles in bounded time, also while the store cannot be reached: some seconds for what is read or written at
 *   once, longer for `trim`, `size` and `defragment`. A backend connects again by itself.
 *
 * A backend runs in the engine's own thread or, as one of somebody else always does, in a Worker. For its author that means:
 * - Arguments and answers are copied on their way, so an answer may hold nothing but what a structured clone can take.
 * - The functions in `OpenOptions` are the Worker's own; `log` writes some lines in ten seconds, and the rest is counted.
 * - A `BackendError` is known by its name and its kind, so a module may bundle a class of its own.
 * - There is no environment, no file and no address but the endpoint's; `folder` is not asked.
 * - What can be checked of an answer is checked. A backend that breaks a promise is ended, and its store opened again: what
 *   must outlive that is in the store.
 */

import type { Batch, Head, HistoryRow, LeaseRow } from "./rows.ts";

export * from "./rows.ts";

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
  /** Rows of revisions up to this one; `REVISION_MAX` for all. */
  readonly upTo: number;
  /** The answer ends with the revision in which it reaches this many rows. */
  readonly rowsMax: number;
  /** The answer ends with the revision in which it reaches this many bytes. */
  readonly bytesMax: number;
  /** Whether `prevKv` is wanted; otherwise it is `null` in every row. */
  readonly withPrev: boolean;
  /** A head that was read or made before, to be found in the history; `null` as a rule. */
  readonly since: Pick<Head, "index" | "batchId"> | null;
}

export interface HistoryPage {
  readonly head: Head;
  /** Whole revisions only, in order of revision and sub. Superseded rows below the compact revision may be missing. */
  readonly rows: readonly HistoryRow[];
  /** The last revision up to which `rows` is complete. */
  readonly through: number;
  /**
   * False if the store's history does not hold the batch `since`: a database that lost its newest commits has taken over,
   * or the batch lies so far back (some thousands) that nobody can tell. True if it was not asked.
   */
  readonly hasSince: boolean;
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
  /** Another server is trimming just now, so this step did nothing. */
  readonly isBusy: boolean;
}

/** A server that has the store open, as the others see it. */
export interface Member {
  /** Unsigned 64 bits, not 0. */
  readonly id: bigint;
  /** What it tells of itself; the engine's own. */
  readonly info: Uint8Array;
}

export interface Presence {
  readonly head: Head;
  /** Those who announced themselves recently, by id. */
  readonly members: readonly Member[];
}

/** A server's turn: until it ends no other server appends. Ends with either of the two, whether that succeeds or not. */
export interface Turn {
  /** As `Backend.append`. */
  append(batch: Batch): Promise<void>;
  release(): Promise<void>;
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
  /**
   * Nothing is kept once the backend is closed: a store for tests. Default: all is. The engine takes no notice; the
   * conformance suite ends a fact where it would open the store again.
   */
  readonly isEphemeral?: boolean;
}

/**
 * What is known of a batch whose answer was lost. `unknown` while the store stands where the batch was to be appended: it
 * may still be under way. Whatever is appended there next decides.
 */
export type Outcome = "applied" | "not-applied" | "unknown";

/** A durable, ordered store of versions. Open until `close`. */
export interface Backend {
  readonly capabilities: Capabilities;
  /** Made once when the store was created; the same over restarts and for all servers. */
  readonly clusterId: bigint;
  /** Folder of the store's own files, where there is room for more; none if they are not on this machine. */
  readonly folder?: string;

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
   * @throws {BackendError} `conflict` if the store does not stand at the batch's base (nothing was written);
   * `unavailable` if it was surely not applied; `indeterminate` if it may have been, or may yet be; `full` if there is no
   * room for it.
   */
  append(batch: Batch): Promise<void>;

  /** What became of a batch that ended as `indeterminate`, by its head. */
  outcome(head: Pick<Head, "index" | "batchId">): Promise<Outcome>;

  /**
   * Waits for this server's turn to append. A server that lost a race asks for it, so that the luckier one does not win for
   * ever. Without it servers race.
   */
  turn?(): Promise<Turn>;

  /**
   * Deletes one step's worth of what a compact revision of `upTo` made unreachable: versions superseded at or below it,
   * and tombstones below it (one exactly at it stays, as in etcd, unless an earlier trim went further). Resumable: a
   * crash between steps loses no work.
   */
  trim(query: TrimQuery): Promise<TrimResult>;

  size(): Promise<Size>;

  /** Gives unused space back. May take long; other calls may wait for it. */
  defragment(): Promise<void>;

  /**
   * Tells that a server is there, and asks who else is.
   *
   * @param aliveMs how long ago, by the backend's clock, a member may have announced itself to count as being there
   */
  announce(member: Member, aliveMs: number): Promise<Presence>;

  /** Takes the announcement back. */
  leave(id: bigint): Promise<void>;

  /**
   * Wakes whenever the head may have been moved by another server, or the store may be another one after its connections
   * broke; ends when the signal is aborted. It may wake for nothing. Never throws.
   */
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
  /** Connections to a database server, all together; at least 1. */
  readonly maxConnections: number;
  /** Whether tables may be made where there are none; otherwise their absence is an error that names the SQL to run. */
  readonly createSchema: boolean;
  /** Milliseconds between two appends over which the lease clock does not stand still; see `LeaseChange`. */
  readonly leaseGapMs: number;
  /** Whether commits never wait for the disk; a store on a database server takes no notice. Default: they do. */
  readonly unsafeNoSync?: boolean;
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
  /**
   * Told how long the store took for something, by the backend's own name for it: a statement, or all of one call where its
   * statements are too quick to be looked at one by one. Names are few. Must not throw.
   */
  readonly onStatement?: ((name: string, ms: number) => void) | undefined;
}

/**
 * The version of this contract. A module says for which one it was written, and is refused if that is not this one: it rises
 * with each change that a module written before could not live with.
 */
export const CONTRACT_VERSION = 1;

/** What a store asks of the machine, each as Deno's flag of the name takes it. */
export interface Rights {
  /** `HOST:PORT`, or `HOST` for all of its ports. */
  readonly net: readonly string[];
  /** Paths; a folder stands for all in it. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Names of variables. */
  readonly env: readonly string[];
}

/** What there is around a store, for its rights to be found out with. */
export interface Surroundings {
  /** A variable of the environment. */
  readonly env: (name: string) => string | undefined;
  /** The path with symbolic links resolved, as far as it exists; absolute. */
  readonly realPath: (path: string) => string;
}

/** What a backend module exports. */
export interface BackendModule {
  /** `CONTRACT_VERSION`, as a number: the version that the module was written for. */
  readonly contractVersion: number;

  /**
   * Opens the store that the endpoint names (a URL of a scheme this module serves, or for SQLite also a plain path),
   * making it where there is none.
   *
   * @throws {BackendError} `unusable`, with one clear line and no secret in it.
   */
  open(endpoint: string, options: OpenOptions): Promise<Backend>;

  /**
   * The SQL that makes what `open` would make in the store of the endpoint, for an account that may; without it the module
   * needs no such rights. Connects to nothing.
   *
   * @throws {BackendError} `unusable` if the endpoint is malformed
   */
  schemaSql?(endpoint: string): string;

  /**
   * Removes the store of the endpoint and all that is in it; nothing happens if there is none. Only for tests: the
   * conformance suite needs a new store for each fact.
   *
   * @throws {BackendError} `unusable` if it cannot be reached
   */
  remove?(endpoint: string, options: OpenOptions): Promise<void>;
}
