/** Why a server did not start, in one line for the operator. */

import { BackendError } from "../../backends/contract.ts";
import type { Config, ListenUrl } from "../config.ts";
import { errorText } from "../log.ts";

/** The system's names for what goes wrong with listening → our words. */
const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "permission denied",
  ENOTFOUND: "unknown host name",
  // What Deno makes of an address that cannot be bound.
  EINVAL: "this machine has no such address",
  EAI_AGAIN: "the host name cannot be looked up just now",
};

export function startFailureText(error: unknown, config: Config): string {
  if (error instanceof BackendError) return error.message;
  const reason = LISTEN_FAILURES[listenErrorCode(error) ?? ""];
  if (reason !== undefined) {
    const urls = [
      ...config.listenClientUrls,
      ...config.listenClientHttpUrls,
      ...config.listenMetricsUrls,
    ];
    return `Cannot listen on ${urls.map(formatAddress).join(", ")}: ${reason}`;
  }
  return `Cannot start: ${errorText(error)}`;
}

/** With brackets around IPv6, as in a URL; of a Unix socket its path. */
export function formatAddress({ scheme, host, port }: ListenUrl): string {
  if (scheme.startsWith("unix")) return host;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Only of failures to listen and to look up its host: other calls have the same codes for other troubles. */
function listenErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as Error & { code?: unknown; syscall?: unknown };
  const isListening = syscall === "listen" || syscall === "bind" || syscall === "getaddrinfo";
  return isListening && typeof code === "string" ? code : listenErrorCode(error.cause);
}
