/** Which server a subcommand asks: that of its own arguments, or of those that the server itself was given. */

import type { SubcommandCall } from "../cli/subcommands.ts";
import { UsageError } from "../cli/usage_error.ts";
import type { Config, ListenUrl } from "../config.ts";

/** Where and how to ask. */
export interface ServerProbe {
  /** `http` or `https`, host and port. */
  readonly origin: string;
  /** Of a Unix socket; empty for TCP. */
  readonly socketPath: string;
  /** Files, PEM; empty for none. Without an authority the server's certificate is not checked. */
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
}

/** @throws {UsageError} if the endpoint is no URL */
export function probeOf({ own, config }: Pick<SubcommandCall, "own" | "config">): ServerProbe {
  const { endpoint = "", cacert = "", cert = "", key = "" } = own.values;
  if (endpoint !== "") {
    const url = /^[a-z]+:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`;
    if (!/^https?:/i.test(url) || !URL.canParse(url)) {
      throw new UsageError(
        `--endpoint is "${endpoint}": expected a URL such as http://127.0.0.1:2379`,
      );
    }
    return { origin: new URL(url).origin, socketPath: "", cacert, cert, key };
  }
  const { host, port, scheme } = placeToAsk(config);
  const isSocket = scheme.startsWith("unix");
  const isTls = scheme === "https" || scheme === "unixs";
  const address = isSocket ? "localhost" : `${reachable(host)}:${port}`;
  // The server has a certificate of its own at hand, and where it wants one of clients, that will mostly do.
  const isOwn = isTls && config.clientCertAuth && cert === "";
  return {
    origin: `${isTls ? "https" : "http"}://${address}`,
    socketPath: isSocket ? host : "",
    cacert,
    cert: isOwn ? config.certFile : cert,
    key: isOwn ? config.keyFile : key,
  };
}

/** First where no client's certificate is asked for, then where HTTP alone is served. */
function placeToAsk(config: Config): ListenUrl {
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
