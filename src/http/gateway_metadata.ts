/** What of an HTTP request becomes metadata of the call, as etcd's gateway (grpc-gateway) hands it on. */

import { Buffer } from "node:buffer";
import { GRPC, StatusError } from "../errors.ts";
import { type Exchange, headerOf, headersOf } from "./exchange.ts";

/** Headers that clients may send as metadata of any name. */
const METADATA_PREFIX = "grpc-metadata-";
/** Under which well-known headers are handed on. */
const GATEWAY_PREFIX = "grpcgateway-";

/** HTTP's own headers that are handed on. */
const WELL_KNOWN: ReadonlySet<string> = new Set([
  "accept",
  "accept-charset",
  "accept-language",
  "accept-ranges",
  "authorization",
  "cache-control",
  "content-type",
  "cookie",
  "date",
  "expect",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-schedule-tag-match",
  "if-unmodified-since",
  "max-forwards",
  "origin",
  "pragma",
  "referer",
  "user-agent",
  "via",
  "warning",
]);

/** The call's metadata of that name. */
export function metadataOf(exchange: Exchange, name: string): string | undefined {
  if (name === "x-forwarded-for") {
    return [...headersOf(exchange, name), exchange.remoteAddress].join(", ");
  }
  if (name === "x-forwarded-host") return headerOf(exchange, name) ?? exchange.host;
  if (name.startsWith(GATEWAY_PREFIX)) {
    const header = name.slice(GATEWAY_PREFIX.length);
    return WELL_KNOWN.has(header) ? textOf(headerOf(exchange, header)) : undefined;
  }
  const own = headerOf(exchange, METADATA_PREFIX + name);
  if (name === "authorization") return headerOf(exchange, name) ?? textOf(own);
  if (!name.endsWith("-bin")) return textOf(own);
  return own === undefined ? undefined : Buffer.from(own, "base64").toString("latin1");
}

/** gRPC takes no other text. */
function textOf(value: string | undefined): string | undefined {
  return value !== undefined && /^[\x20-\x7e]*$/.test(value) ? value : undefined;
}

/**
 * Looks at what must be readable before the call begins.
 *
 * @throws {StatusError} InvalidArgument
 */
export function checkBinaryMetadata({ rawHeaders }: Exchange): void {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? "";
    if (!name.startsWith(METADATA_PREFIX) || !name.endsWith("-bin")) continue;
    const value = rawHeaders[i + 1] ?? "";
    const bad = illegalByteAt(value);
    if (bad < 0) continue;
    const header = name.replace(/(^|-)[a-z]/g, (initial) => initial.toUpperCase());
    throw new StatusError(
      GRPC.INVALID_ARGUMENT,
      `invalid binary header ${header}: illegal base64 data at input byte ${bad}`,
    );
  }
}

function illegalByteAt(base64: string): number {
  const bad = base64.search(/[^A-Za-z0-9+/]/);
  if (bad < 0) return base64.length % 4 === 1 ? base64.length - 1 : -1;
  const isPadding = base64.length % 4 === 0 && /^={1,2}$/.test(base64.slice(bad));
  return isPadding ? -1 : bad;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * The time that the client gives, in ms; undefined for any.
 *
 * @throws {StatusError} InvalidArgument
 */
export function timeoutOf(exchange: Exchange): number | undefined {
  const text = headerOf(exchange, "grpc-timeout");
  if (text === undefined || text === "") return undefined;
  const match = /^([+-]?\d{1,18})([HMSmun])$/.exec(text);
  if (match === null) {
    throw new StatusError(GRPC.INVALID_ARGUMENT, `invalid grpc-timeout: ${text}`);
  }
  const ms = Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
  return ms === 0 ? undefined : ms;
}
