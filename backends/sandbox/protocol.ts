/** What goes between the server's thread and the Worker in which a backend runs. */

import type { Capabilities, OpenOptions } from "../contract.ts";

/** Which module the Worker shall open. */
export type ModulePlace =
  /** Of somebody else: what to import. */
  | { readonly kind: "foreign"; readonly specifier: string }
  /** One of Rhino's own, by its scheme. */
  | { readonly kind: "built-in"; readonly scheme: string };

/** `OpenOptions` without its functions, which cannot leave their thread. */
export type SentOptions =
  & Pick<OpenOptions, "maxConnections" | "createSchema" | "leaseGapMs" | "unsafeNoSync">
  & { readonly wantsStatements: boolean };

/** The calls of the contract, and those that the frame itself makes. */
export type Method =
  | "open"
  | "remove"
  | "head"
  | "load"
  | "range"
  | "count"
  | "history"
  | "leaseKeys"
  | "leases"
  | "records"
  | "append"
  | "outcome"
  | "turn"
  | "turnAppend"
  | "turnRelease"
  | "trim"
  | "size"
  | "defragment"
  | "announce"
  | "leave"
  | "changes"
  | "close";

export type ToWorker =
  | {
    readonly type: "load";
    readonly place: ModulePlace;
    /** Variables of the environment that it may read. */
    readonly env: readonly string[];
  }
  | {
    readonly type: "call";
    readonly id: number;
    readonly method: Method;
    readonly argument: unknown;
  }
  /** Ends a call of `changes`. */
  | { readonly type: "abort"; readonly id: number };

/** What a module exports, as far as the server must know. */
export interface Exports {
  readonly contractVersion: unknown;
  readonly hasOpen: boolean;
  readonly hasRemove: boolean;
}

/** What `open` answers. */
export interface Opened {
  readonly capabilities: Capabilities;
  readonly clusterId: bigint;
  readonly folder: string | null;
  readonly hasTurn: boolean;
}

/** Why a call failed: a `BackendError` by its kind, or anything else, which is a defect. */
export interface Failure {
  readonly kind: string | null;
  readonly message: string;
}

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "loaded"; readonly exports: Exports }
  | { readonly type: "unloadable"; readonly message: string }
  | {
    readonly type: "answer";
    readonly id: number;
    readonly value?: unknown;
    readonly failure?: Failure;
    /** Names and milliseconds of statements since the last answer, in turn. Each is looked at where it is told of. */
    readonly statements?: readonly unknown[];
  }
  | { readonly type: "wake"; readonly id: number }
  | {
    readonly type: "log";
    readonly level: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }
  /** It lives; with the bytes that its heap and its buffers take. */
  | { readonly type: "beat"; readonly bytes: number }
  /** It ends by an uncaught exception, or because the module wants to. */
  | { readonly type: "dying"; readonly reason: string };

/** Time between two beats. */
export const BEAT_MS = 1_000;
