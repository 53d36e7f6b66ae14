/** How a status of gRPC looks in HTTP. */

import { GRPC } from "../errors.ts";
import type { Status } from "../transport/status.ts";
import { type Exchange, reply } from "./exchange.ts";

/** grpc-gateway's; what is missing is 500. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  [GRPC.OK]: 200,
  [GRPC.CANCELLED]: 499,
  [GRPC.INVALID_ARGUMENT]: 400,
  [GRPC.DEADLINE_EXCEEDED]: 504,
  [GRPC.NOT_FOUND]: 404,
  6: 409,
  [GRPC.PERMISSION_DENIED]: 403,
  [GRPC.RESOURCE_EXHAUSTED]: 429,
  [GRPC.FAILED_PRECONDITION]: 400,
  10: 409,
  [GRPC.OUT_OF_RANGE]: 400,
  [GRPC.UNIMPLEMENTED]: 501,
  [GRPC.UNAVAILABLE]: 503,
  [GRPC.UNAUTHENTICATED]: 401,
};

export function httpStatusOf(code: number): number {
  return HTTP_STATUS[code] ?? 500;
}

export function statusJson({ code, message }: Status): string {
  return JSON.stringify(message === "" ? { code } : { code, message });
}

/** A whole answer. */
export function replyStatus(exchange: Exchange, status: Status): void {
  if (exchange.isGone) return;
  const isUnauthenticated = status.code === GRPC.UNAUTHENTICATED;
  reply(exchange, {
    status: httpStatusOf(status.code),
    type: "application/json",
    body: statusJson(status),
    headers: isUnauthenticated ? { "WWW-Authenticate": status.message } : {},
  });
}
