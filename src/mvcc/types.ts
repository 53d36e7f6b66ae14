/** Requests and answers as the engine holds them: etcd's words, no protobuf. */
import type {
  Batch,
  Head,
  HistoryRow,
  LeaseChange,
  RecordChange,
} from "../../backends/contract.ts";
import type { KeyRange } from "./key_range.ts";

/** The numbers are etcd's, as on the wire. */
export const SORT_ORDER = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export const SORT_TARGET = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;
export const COMPARE_RESULT = { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 } as const;
export const COMPARE_TARGET = { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 } as const;

export interface RangeOp {
  readonly kind: "range";
  readonly range: KeyRange;
  /** 0 or below reads the newest. */
  readonly revision: number;
  /** 0 or below is no limit. */
  readonly limit: number;
  readonly sortOrder: number;
  readonly sortTarget: number;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Whether what this server knows is new enough. */
  readonly serializable: boolean;
  /** The four bounds are inclusive; 0 is no bound. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface PutOp {
  readonly kind: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** 0n for none. */
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface DeleteOp {
  readonly kind: "delete";
  readonly range: KeyRange;
  readonly prevKv: boolean;
}

export interface Compare {
  readonly range: KeyRange;
  readonly target: number;
  readonly result: number;
  /** What VERSION, CREATE, MOD and LEASE are compared with. */
  readonly number: bigint;
  /** What VALUE is compared with. */
  readonly value: Uint8Array;
}

export interface TxnOp {
  readonly kind: "txn";
  readonly compares: readonly Compare[];
  readonly success: readonly Op[];
  readonly failure: readonly Op[];
}

export type Op = RangeOp | PutOp | DeleteOp | TxnOp;

/** In every answer, `revision` is what its header carries: the store's revision when it was made. */
export interface RangeResult {
  readonly kind: "range";
  readonly revision: number;
  /** Encoded key-values, ready to be sent. */
  readonly kvs: readonly Uint8Array[];
  readonly more: boolean;
  /** All keys of the interval, whatever limit and filters left out. */
  readonly count: number;
}

/** What was read, with the age of the records that it was read beside: by it is told whether its reader was allowed to. */
export type Read<T> = T & { readonly recordsIndex: number };

export interface PutResult {
  readonly kind: "put";
  readonly revision: number;
  readonly prevKv: Uint8Array | null;
}

export interface DeleteResult {
  readonly kind: "delete";
  readonly revision: number;
  readonly deleted: number;
  readonly prevKvs: readonly Uint8Array[];
}

export interface TxnResult {
  readonly kind: "txn";
  readonly revision: number;
  readonly succeeded: boolean;
  readonly results: readonly OpResult[];
}

export type OpResult = RangeResult | PutResult | DeleteResult | TxnResult;

/** What a group commit changed. */
export interface BatchChanges extends Omit<Batch, "base" | "rows"> {
  readonly rows: readonly HistoryRow[];
}

/** One group commit, or some of another server, as the rest of the server is told of it, after it is on disk. */
export interface Commit {
  /** The head after it; for a piece of what another server wrote, the head before with the piece's revision. */
  readonly head: Head;
  /** In order of revision and sub. */
  readonly rows: readonly HistoryRow[];
  /** `null` if some have changed, and it is not known which. */
  readonly leases: readonly LeaseChange[] | null;
  readonly records: readonly RecordChange[];
  /** Whether this server wrote it. */
  readonly isOwn: boolean;
}

/** The store cannot be followed from where it was known to stand: all that is remembered of it is to be forgotten. */
export interface Restart {
  /** Where it was known to stand. */
  readonly before: Head;
  /** Where it stands now. */
  readonly head: Head;
  /**
   * Whether its history is another one than was known: commits that were told of are gone. Otherwise a compaction has
   * taken some that were not told of yet.
   */
  readonly isOther: boolean;
}

/** Whether two heads, one of them perhaps of a piece, stand for the same state. */
export function isSameHead(a: Head, b: Head): boolean {
  return a.batchId === b.batchId && a.index === b.index && a.revision === b.revision;
}
