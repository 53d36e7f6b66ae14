/** `redis://user:password@host:port/db?prefix=NAME`, or `rediss://` for TLS. No message repeats it, for it may hold a password. */

import { Buffer } from "node:buffer";
import { BackendError } from "./kit.ts";

const PORT = 6379;
const PREFIX = "rhino";
/** Of a prefix; it stands in every key. */
const PREFIX_LENGTH_MAX = 64;
const CONNECT_S = 3;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string | null;
  readonly database: number;
  readonly prefix: string;
  /** `null` for a connection without TLS; `ca` is `null` for the authorities that the runtime trusts. */
  readonly tls: { readonly ca: string | null } | null;
  readonly connectTimeoutMs: number;
}

/** @throws {BackendError} `unusable`, with one clear line */
export function parseEndpoint(endpoint: string): Endpoint {
  const url = parseUrl(endpoint);
  const parameters = new Map(url.searchParams);
  const take = (name: string): string | null => {
    const value = parameters.get(name) ?? null;
    parameters.delete(name);
    return value;
  };
  const usesTls = url.protocol === "rediss:";
  const ca = take("ca");
  if (ca !== null && !usesTls) throw unusable('parameter "ca" is for rediss:// only');
  const parsed: Endpoint = {
    host: url.hostname === "" ? "127.0.0.1" : url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? PORT : Number(url.port),
    user: url.username === "" ? null : decode(url.username, "the user's name"),
    password: url.password === "" ? null : decode(url.password, "the password"),
    database: wholeNumber("the database behind the slash", url.pathname.slice(1) || "0"),
    prefix: prefixFrom(take("prefix") ?? PREFIX),
    tls: usesTls ? { ca: ca === null ? null : certificateFrom(ca) } : null,
    connectTimeoutMs: 1_000 *
      wholeNumber('parameter "connect_timeout"', take("connect_timeout") ?? String(CONNECT_S), 1),
  };
  const [unknown] = parameters.keys();
  if (unknown === undefined) return parsed;
  throw unusable(`unknown parameter "${unknown}"; known are ca, connect_timeout, prefix`);
}

function parseUrl(endpoint: string): URL {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw malformed();
  }
  const isOurs = url.protocol === "redis:" || url.protocol === "rediss:";
  // A password with a "#" or "?" in it that was not encoded ends up in a part that is not for it.
  if (!isOurs || url.hash !== "" || !endpoint.includes("://")) throw malformed();
  return url;
}

function malformed(): BackendError {
  return unusable(
    "it is not of the form redis://user:password@host:port/db?prefix=NAME " +
      '(in user and password, "/", "?", "#", "@" and "%" must be percent-encoded)',
  );
}

function prefixFrom(text: string): string {
  // Braces would end the part of a key by which a cluster knows its node.
  if (/^[\w.:-]+$/.test(text) && text.length <= PREFIX_LENGTH_MAX) return text;
  throw unusable(
    'parameter "prefix" must be of letters, digits and "_.:-", ' +
      `${PREFIX_LENGTH_MAX} at most`,
  );
}

/** A certificate in the endpoint itself, for a backend in a sandbox may read no file. */
function certificateFrom(text: string): string {
  const pem = Buffer.from(text, "base64url").toString();
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw unusable('parameter "ca" must be a certificate in PEM form, encoded as base64url');
}

function wholeNumber(what: string, text: string, min = 0): number {
  const value = Number(text);
  if (/^\d{1,4}$/.test(text) && value >= min) return value;
  throw unusable(`${what} must be a whole number from ${min} to 9999`);
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable(
      `${what} holds a "%" that is not followed by two hexadecimal digits (write %25)`,
    );
  }
}

function unusable(reason: string): BackendError {
  return new BackendError("unusable", `Cannot use the endpoint: ${reason}`);
}
