/** What can be copied into a store: a source tells its rows, leases and records in portions. */
import type { LeaseChange, LogRow, RecordChange } from "../../backends/contract.ts";

export interface Portion {
  /** In order of revision and place, also over portions; a revision may go on in the next one. */
  readonly rows: readonly LogRow[];
  /** Each lease at most once in all portions. */
  readonly leases: readonly LeaseChange[];
  /** Each name at most once in all portions. */
  readonly records: readonly RecordChange[];
}

/** Where the copy shall stand. */
export interface SourceEnd {
  readonly revision: number;
  /** -1 for never compacted. */
  readonly compactRevision: number;
}

export interface Source extends AsyncDisposable {
  /** For people, in one line; no secret in it. */
  readonly name: string;
  /** What the operator should know of it, a sentence each. */
  readonly notes: readonly string[];
  /** How much of the source has been told, from 0 to 1. */
  readonly fraction: number;
  /** All there is, once. Answers where it ends. @throws {MigrationError} if it cannot be read, or is not sound */
  portions(): AsyncGenerator<Portion, SourceEnd>;
  /** What has come since and so is not in the copy; empty for nothing. */
  missed(): Promise<string>;
}

/** Why a migration cannot be, in one line: what was being done, what was found, what to do. No secret is in it. */
export class MigrationError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MigrationError";
  }
}

/** How a long work goes on. */
export interface Step {
  /** What is being done, such as "copying". */
  readonly what: string;
  /** From 0 to 1. */
  readonly fraction: number;
  /** The revision that it has come to; 0 for none. */
  readonly revision: number;
  /** Rows so far. */
  readonly rows: number;
  /** Bytes so far. */
  readonly bytes: number;
}

export type Report = (step: Step) => void;
