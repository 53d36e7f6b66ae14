/** Where the server listens: which URL serves what, over TLS or not. */

import type { Socket } from "node:net";
import { autoTlsFiles } from "./auto_tls.ts";
import { addressOf, isUnix, urlText } from "./client_urls.ts";
import type { Config, ListenUrl } from "./config.ts";
import type { Log } from "./log.ts";
import { listen, type Listener } from "./transport/listener.ts";
import { type Alpn, checkTlsSettings, createTls, type Tls } from "./transport/tls/tls_front.ts";

/** Who serves connections, whose sockets may be TLS sockets; each gets them paused. */
export interface ConnectionHandlers {
  /** gRPC. */
  readonly onHttp2: (socket: Socket) => void;
  /** Everything else: gateway, health, version, metrics. */
  readonly onHttp1: (socket: Socket) => void;
  /** Metrics and health alone. */
  readonly onMetrics: (socket: Socket) => void;
}

/** What a listener serves. */
export type Serves = "grpc+http" | "grpc" | "http" | "metrics";

export interface ListeningUrl extends ListenUrl {
  readonly serves: Serves;
}

export interface Listeners {
  /** With the actual ports as soon as they are known. The client URLs come first. */
  readonly urls: readonly ListeningUrl[];
  /** Those of gRPC. */
  readonly clientUrls: readonly ListenUrl[];
  /**
   * Listens on all of them.
   *
   * @throws {Error} with one line if one cannot be had; then none is.
   */
  open(handlers: ConnectionHandlers): Promise<void>;
  /** Stops accepting, and closes what is not HTTP/2: those are their server's to drain. */
  close(): Promise<void>;
}

export interface ListenersOptions {
  readonly config: Config;
  /** Where a certificate is kept that is made here. */
  readonly dataFolder: string;
  readonly log: Log;
}

/**
 * Checks what there is to check before anything is opened: URLs, certificates, settings of TLS.
 *
 * @throws {Error} with one line that says what cannot be used.
 */
export function prepareListeners({ config, dataFolder, log }: ListenersOptions): Listeners {
  checkTlsSettings(tlsSettings(config));
  const places = placesOf(config);
  const tls = prepareTls({ config, dataFolder, log });
  const urls = places.flatMap(({ urls: placeUrls, serves }) =>
    placeUrls.map((url) => ({ ...url, serves }))
  );
  const open: Listener[] = [];
  async function closeAll(): Promise<void> {
    await Promise.all(open.splice(0).map((listener) => listener.close()));
  }
  return {
    urls,
    get clientUrls() {
      return urls.filter(({ serves }) => serves === "grpc+http" || serves === "grpc");
    },
    async open(handlers) {
      try {
        let at = 0;
        for (const place of places) {
          const listener = await openPlace(place, {
            tls,
            handlers,
            log,
            reusePort: config.socketReusePort,
          });
          open.push(listener);
          const { serves } = place;
          const { port } = listener;
          const actual = place.urls.map((url) => ({ ...url, serves, port }));
          urls.splice(at, actual.length, ...actual);
          at += actual.length;
        }
      } catch (error) {
        await closeAll();
        throw error;
      }
      for (const url of urls) {
        const { serves } = url;
        log("info", "listening", { url: urlText(url), serves });
      }
    },
    close: closeAll,
  };
}

/** One address, which may be that of several URLs: one with TLS and one without. */
interface Place {
  readonly urls: ListenUrl[];
  readonly serves: Serves;
}

function placesOf(config: Config): Place[] {
  const { listenClientUrls, listenClientHttpUrls, listenMetricsUrls } = config;
  const isSplit = listenClientHttpUrls.length > 0;
  const clients = groupByAddress(listenClientUrls, isSplit ? "grpc" : "grpc+http");
  const https = groupByAddress(listenClientHttpUrls, "http");
  for (const url of listenClientHttpUrls) {
    if (url.port === 0 && !isUnix(url)) continue;
    if (clients.some(({ urls }) => urls.some((one) => placeText(one) === placeText(url)))) {
      throw new Error(
        "cannot bind both --listen-client-urls and --listen-client-http-urls " +
          `on the same url ${urlText(url)}`,
      );
    }
  }
  const metrics = listenMetricsUrls.map((url): Place => ({ urls: [url], serves: "metrics" }));
  return [...clients, ...https, ...metrics];
}

function groupByAddress(urls: readonly ListenUrl[], serves: Serves): Place[] {
  const places: Place[] = [];
  for (const url of urls) {
    // Every port 0 is another one.
    const known = url.port === 0 && !isUnix(url)
      ? undefined
      : places.find((place) => place.urls.some((one) => placeText(one) === placeText(url)));
    if (known === undefined) places.push({ urls: [url], serves });
    else if (!known.urls.some((one) => isSame(one, url))) known.urls.push(url);
  }
  return places;
}

function placeText(url: ListenUrl): string {
  return isUnix(url) ? url.host : addressOf(url);
}

function isSame(one: ListenUrl, other: ListenUrl): boolean {
  return one.scheme === other.scheme && placeText(one) === placeText(other);
}

function isSecure({ scheme }: ListenUrl): boolean {
  return scheme === "https" || scheme === "unixs";
}

interface PlaceOptions {
  readonly reusePort: boolean;
  readonly tls: Tls | undefined;
  readonly handlers: ConnectionHandlers;
  readonly log: Log;
}

/** Protocols that clients may ask for; HTTP alone is served as HTTP/1.1. */
const ALPN = {
  "grpc+http": ["h2", "http/1.1"],
  grpc: ["h2"],
  http: ["http/1.1"],
  metrics: ["http/1.1"],
} as const satisfies Record<Serves, readonly Alpn[]>;

function openPlace({ urls, serves }: Place, options: PlaceOptions): Promise<Listener> {
  const { tls, handlers, log } = options;
  const [first] = urls;
  if (first === undefined) throw new Error("defect: a place has no URL");
  return listen({
    host: first.host,
    port: first.port,
    isUnix: isUnix(first),
    reusePort: options.reusePort,
    tls: urls.some(isSecure) ? tls?.front({ alpn: ALPN[serves] }) : undefined,
    plain: urls.some((url) => !isSecure(url)),
    ...serversOf(serves, handlers),
    onError: (error) => log("warn", "Cannot accept a connection", { error }),
  });
}

function serversOf(serves: Serves, { onHttp2, onHttp1, onMetrics }: ConnectionHandlers) {
  switch (serves) {
    case "grpc+http":
      return { onHttp2, onHttp1 };
    case "grpc":
      return { onHttp2, onHttp1: refuse };
    case "http":
      return { onHttp2: refuse, onHttp1 };
    case "metrics":
      return { onHttp2: refuse, onHttp1: onMetrics };
  }
}

function refuse(socket: Socket): void {
  socket.destroy();
}

function tlsSettings(config: Config) {
  return {
    cipherSuites: config.cipherSuites,
    minVersion: config.tlsMinVersion,
    maxVersion: config.tlsMaxVersion,
  };
}

/** Undefined if no URL needs it. */
function prepareTls({ config, dataFolder, log }: ListenersOptions): Tls | undefined {
  const clientUrls = [...config.listenClientUrls, ...config.listenClientHttpUrls];
  const urls = [...clientUrls, ...config.listenMetricsUrls];
  const hasFiles = config.certFile !== "" || config.keyFile !== "";
  for (const url of urls.filter((one) => !isSecure(one))) {
    if (hasFiles) log("warn", "no TLS on this URL: its scheme says so", { url: urlText(url) });
    if (config.clientCertAuth) {
      log("warn", "no client certificates on this URL: its scheme says so", { url: urlText(url) });
    }
  }
  const secure = urls.find(isSecure);
  if (secure === undefined) return undefined;
  if (!hasFiles && !config.autoTls) {
    throw new Error(
      "TLS key/cert (--cert-file, --key-file) must be provided " +
        `for client url ${urlText(secure)} with HTTPS scheme`,
    );
  }
  if (hasFiles && config.autoTls) log("warn", "--auto-tls is not needed: a certificate is given");
  const files = hasFiles ? config : autoTlsFiles({
    dataFolder,
    urls: clientUrls,
    validityYears: config.selfSignedCertValidityYears,
    nowMs: Date.now(),
    log,
  });
  const tls = createTls({
    ...tlsSettings(config),
    certFile: files.certFile,
    keyFile: files.keyFile,
    trustedCaFile: config.trustedCaFile,
    clientCertAuth: config.clientCertAuth,
    clientCrlFile: config.clientCrlFile,
    allowedHostnames: config.clientCertAllowedHostnames,
    onTrouble: (reason) => log("warn", "cannot use the changed files of TLS", { reason }),
    onRefused: refusalLog(log),
  });
  for (const name of tls.unavailableCiphers) {
    log("warn", "this cipher suite is not available", { name });
  }
  return tls;
}

/** Between two lines about refused clients, as there may be any number of them. */
const REFUSAL_LOG_INTERVAL_MS = 1_000;

function refusalLog(log: Log): (client: { address: string; reason: string }) => void {
  let lastMs = -Infinity;
  let unlogged = 0;
  return ({ address, reason }) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < REFUSAL_LOG_INTERVAL_MS) {
      unlogged++;
      return;
    }
    log("warn", "rejected connection on client endpoint", { address, reason, unlogged });
    lastMs = nowMs;
    unlogged = 0;
  };
}
