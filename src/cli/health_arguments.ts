/** `rhino health`: which server is asked, from its own arguments or from those that the server itself was given. */

import type { Config, ListenUrl } from "../config.ts";
import { UsageError } from "./usage_error.ts";

export interface HealthArguments {
  /** URL of the server; empty for the one that the flags and variables describe. */
  readonly endpoint: string;
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
  /** The server's own flags. */
  readonly rest: readonly string[];
}

/** Where and how to ask. */
export interface HealthProbe {
  /** `http` or `https`. */
  readonly url: string;
  /** Of a Unix socket; empty for TCP. */
  readonly socketPath: string;
  /** Files, PEM; empty for none. Without an authority the server's certificate is not checked. */
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
}

export const HEALTH_FLAGS = [
  {
    name: "endpoint",
    placeholder: "URL",
    help: "Server to ask; without it, the one that the flags and variables describe.",
  },
  {
    name: "cacert",
    placeholder: "PATH",
    help: "Authority of its certificate, which otherwise is not checked.",
  },
  { name: "cert", placeholder: "PATH", help: "Certificate to show to it." },
  { name: "key", placeholder: "PATH", help: "Its key." },
] as const;

/** Takes what belongs to `health`; here `--endpoint` is the server's, not the database's. */
export function parseHealthArguments(args: readonly string[]): HealthArguments {
  const own = { endpoint: "", cacert: "", cert: "", key: "" };
  const rest: string[] = [];
  const left = [...args];
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(arg);
    const name = match?.[1] === "endpoints" ? "endpoint" : match?.[1];
    const flag = HEALTH_FLAGS.find((one) => one.name === name);
    if (flag === undefined) {
      rest.push(arg);
      continue;
    }
    const value = match?.[2] ?? left.shift();
    if (value === undefined || value === "") throw new UsageError(`--${flag.name} needs a value`);
    own[flag.name] = value;
  }
  return { ...own, rest };
}

/** @throws {UsageError} if the endpoint is no URL */
export function probeOf(
  { endpoint, cacert, cert, key }: HealthArguments,
  config: Config,
): HealthProbe {
  if (endpoint !== "") {
    const url = /^[a-z]+:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`;
    if (!/^https?:/i.test(url) || !URL.canParse(url)) {
      throw new UsageError(
        `--endpoint is "${endpoint}": expected a URL such as http://127.0.0.1:2379`,
      );
    }
    return { url: `${new URL(url).origin}/health`, socketPath: "", cacert, cert, key };
  }
  const { host, port, scheme } = placeOfHealth(config);
  const isSocket = scheme.startsWith("unix");
  const isTls = scheme === "https" || scheme === "unixs";
  const address = isSocket ? "localhost" : `${reachable(host)}:${port}`;
  // The server has a certificate of its own at hand, and where it wants one of clients, that will mostly do.
  const isOwn = isTls && config.clientCertAuth && cert === "";
  return {
    url: `${isTls ? "https" : "http"}://${address}/health`,
    socketPath: isSocket ? host : "",
    cacert,
    cert: isOwn ? config.certFile : cert,
    key: isOwn ? config.keyFile : key,
  };
}

/** First where no client's certificate is asked for, then where HTTP alone is served. */
function placeOfHealth(config: Config): ListenUrl {
  const [url] = [
    ...config.listenMetricsUrls,
    ...config.listenClientHttpUrls,
    ...config.listenClientUrls,
  ];
  if (url === undefined) throw new UsageError("there is no address to ask at");
  return url;
}

/** From this machine, a server on all interfaces is at the loopback one. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
