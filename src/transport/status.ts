/** Any thrown value becomes a gRPC status here, and nowhere else. */

import { GRPC, StatusError } from "../errors.ts";

/** What a call ends with. */
export interface Status {
  readonly code: number;
  readonly message: string;
}

/** Knows the status of some errors; `undefined` for those that it does not know. */
export type ToStatus = (error: unknown) => Status | undefined;

/** Is told of every error that nobody knows: a defect of ours, never shown to the client. */
export type OnDefect = (error: unknown, path: string) => void;

/** Why a call's signal was aborted; a handler may throw these on. */
export function canceled(): StatusError {
  return new StatusError(GRPC.CANCELLED, "context canceled");
}

export function deadlineExceeded(): StatusError {
  return new StatusError(GRPC.DEADLINE_EXCEEDED, "context deadline exceeded");
}

/** The default mapping: what was thrown as a status, and the platform's own cancellations. */
export function statusOf(error: unknown): Status | undefined {
  if (error instanceof StatusError) return error;
  if (!(error instanceof Error)) return undefined;
  if (error.name === "AbortError") return canceled();
  if (error.name === "TimeoutError") return deadlineExceeded();
  return undefined;
}

export interface StatusMapperOptions {
  /** Asked first, so that the composition root can teach errors that the transport does not know. */
  readonly toStatus: ToStatus | undefined;
  readonly onDefect: OnDefect;
}

/** A status for every thrown value. */
export type StatusMapper = (error: unknown, path: string) => Status;

const INTERNAL_ERROR: Status = { code: GRPC.INTERNAL, message: "internal error" };

/** The mapper never throws, whatever the functions that it was given do. */
export function createStatusMapper({ toStatus, onDefect }: StatusMapperOptions): StatusMapper {
  function report(error: unknown, path: string): void {
    try {
      onDefect(error, path);
    } catch {
      // The reporter itself is broken, and there is nobody left to tell; the call must still get its answer.
    }
  }
  return function mapStatus(error, path) {
    try {
      const status = toStatus?.(error) ?? statusOf(error);
      if (status !== undefined) return status;
    } catch (broken) {
      report(broken, path);
    }
    report(error, path);
    return INTERNAL_ERROR;
  };
}
