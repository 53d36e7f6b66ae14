/** Why a connection could not be made or broke, in words for an operator. */

import { messageOf } from "../message_of.ts";
import type { HostPort } from "./endpoint.ts";

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network unreachable",
  ENOENT: "no such socket",
  EACCES: "permission denied",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not signed by a known authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not signed by a known authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not signed by a known authority",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

/** The reason if the error is the network's or TLS's; `null` if it is another. */
export function networkReason(error: unknown): string | null {
  const code = codeOf(error);
  return code !== null && Object.hasOwn(REASONS, code) ? REASONS[code] ?? null : null;
}

/** An error's `code`, where it has one. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** One line of any error, for another message to end with. */
export function oneLine(error: unknown): string {
  const text = messageOf(error);
  return text.split("\n", 1)[0]?.trim() ?? "";
}

export function showHost({ host, port }: HostPort): string {
  if (host.startsWith("/")) return host;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
