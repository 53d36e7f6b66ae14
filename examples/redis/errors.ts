/** What Redis's errors mean for the contract. All knowledge of their codes is here. */

import { ClientClosedError, ClientOfflineError, ErrorReply } from "@redis/client";
import { BackendError, type BackendErrorKind } from "./kit.ts";

/** The reply's first word → what it means. A script is refused as a whole, so nothing was written. */
const KINDS: Readonly<Record<string, BackendErrorKind>> = {
  OOM: "full",
  // Redis cannot write its files, and takes no writes until it can.
  MISCONF: "full",
  // By our own scripts.
  NOSTORE: "corrupt",
  NOTOURS: "unusable",
  // Keys of the store that hold something else.
  WRONGTYPE: "corrupt",
};

const REASONS: Readonly<Record<string, string>> = {
  READONLY: "it is a replica, and takes no writes",
  LOADING: "it is still loading its data",
  BUSY: "it is busy with somebody's script",
  MASTERDOWN: "it is a replica that has lost its primary",
  NOREPLICAS: "too few replicas are connected (min-replicas-to-write)",
  OOM: "its memory is used up (maxmemory)",
  MISCONF: "it cannot write its files: see its log, and whether its disk is full",
  CLUSTERDOWN: "the cluster is down",
  NOAUTH: "it wants a password: name one in the endpoint",
  WRONGPASS: "it refuses the user or the password",
  NOPERM: "the user may not do what Rhino needs",
  MOVED: "it is a node of a cluster, and the store's keys are on another",
  ASK: "it is a node of a cluster, and the store's keys are being moved",
};

const NETWORK_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network unreachable",
};

/** The first word of what Redis replied; `null` if the error is no reply. */
export function replyCode(error: unknown): string | null {
  if (!(error instanceof ErrorReply)) return null;
  // A right that is missing in a script is told without a code.
  if (error.message.includes("user executing the script can't")) return "NOPERM";
  return /^[A-Z]+/.exec(error.message)?.[0] ?? "ERR";
}

/** One line, without a secret. */
export function describe(error: unknown): string {
  if (error instanceof BackendError) return error.message;
  const code = replyCode(error);
  if (code !== null && Object.hasOwn(REASONS, code)) return `${REASONS[code]} (${code})`;
  const text = error instanceof Error ? error.message : String(error);
  const network = networkCode(error);
  if (network !== null) return NETWORK_REASONS[network] ?? text;
  return text.split("\n", 1)[0]?.trim() ?? "";
}

/** A call that failed. `isSafe`: that it changed nothing, or that it may be made again, if the connection broke under it. */
export function toBackendError(error: unknown, { isSafe }: { isSafe: boolean }): BackendError {
  if (error instanceof BackendError) return error;
  const code = replyCode(error);
  const message = `Redis: ${describe(error)}`;
  if (code === null) {
    // Of a connection that was gone already: nothing was sent.
    const isUnsent = error instanceof ClientClosedError || error instanceof ClientOfflineError;
    const kind = isSafe || isUnsent ? "unavailable" : "indeterminate";
    return new BackendError(kind, message, { cause: error });
  }
  const known = KINDS[code] ?? (Object.hasOwn(REASONS, code) ? "unavailable" : null);
  // A script of ours that Redis stopped: a defect, and nobody knows what it did before.
  return new BackendError(known ?? (isSafe ? "unavailable" : "indeterminate"), message, {
    cause: error,
  });
}

function networkCode(error: unknown): string | null {
  if (typeof error !== "object" || error === null) return null;
  if ("code" in error && typeof error.code === "string") return error.code;
  // Of an attempt to reach a name that has several addresses.
  if (error instanceof AggregateError) return networkCode(error.errors[0]);
  return "cause" in error ? networkCode(error.cause) : null;
}
