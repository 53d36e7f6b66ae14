/** Servers that listen with TLS: Rhino, in this process, or etcd; with the same settings. */

import { makeConfig } from "../../src/config.ts";
import { startServer } from "../../src/server.ts";
import { freePorts } from "./free_port.ts";
import { oracleTools, whyNoOracle } from "./oracle.ts";
import { ServerProcess } from "./server_process.ts";
import { testTargets } from "./targets.ts";
import { whyNoCertificates } from "./certificates.ts";

export interface TlsServerOptions {
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly trustedCaFile?: string;
  readonly clientCertAuth?: boolean;
  readonly clientCrlFile?: string;
  readonly clientCertAllowedHostnames?: readonly string[];
  readonly autoTls?: boolean;
  readonly cipherSuites?: readonly string[];
  readonly tlsMinVersion?: "TLS1.2" | "TLS1.3";
  readonly tlsMaxVersion?: "TLS1.2" | "TLS1.3";
  /** A folder for the data. */
  readonly dataDir: string;
  /** Default `https`. */
  readonly scheme?: "http" | "https";
  /** Listens there instead of on a port. */
  readonly unixPath?: string;
  /** Serves HTTP on another port, and gRPC alone on the first one. */
  readonly splitHttp?: boolean;
  /** Serves metrics on another port, without TLS. */
  readonly metrics?: boolean;
}

export interface TlsServer extends AsyncDisposable {
  /** The first one. */
  readonly port: number;
  /** That of HTTP or metrics alone, if asked for. */
  readonly secondPort: number;
}

/** The kinds of servers that this run tests. */
export type TlsTarget = "etcd" | "rhino";

/** @throws {Error} if the server cannot start. */
export function startTlsServer(target: TlsTarget, options: TlsServerOptions): Promise<TlsServer> {
  return target === "etcd" ? startEtcd(options) : startRhino(options);
}

async function startRhino(options: TlsServerOptions): Promise<TlsServer> {
  const { dataDir, scheme = "https", unixPath, splitHttp, metrics, ...values } = options;
  const url = { scheme, host: "127.0.0.1", port: 0 };
  const config = makeConfig({
    ...values,
    listenClientUrls: [unixPath === undefined ? url : { scheme: "unix", host: unixPath, port: 0 }],
    listenClientHttpUrls: splitHttp ? [url] : [],
    listenMetricsUrls: metrics ? [{ ...url, scheme: "http" }] : [],
    endpoint: `${dataDir}/state.db`,
  });
  const server = await startServer(config, () => {});
  return {
    port: server.urls[0]?.port ?? 0,
    secondPort: server.urls[1]?.port ?? 0,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Rhino's name of a setting → etcd's flag. */
const FLAGS = {
  certFile: "cert-file",
  keyFile: "key-file",
  trustedCaFile: "trusted-ca-file",
  clientCertAuth: "client-cert-auth",
  clientCrlFile: "client-crl-file",
  clientCertAllowedHostnames: "client-cert-allowed-hostname",
  autoTls: "auto-tls",
  cipherSuites: "cipher-suites",
  tlsMinVersion: "tls-min-version",
  tlsMaxVersion: "tls-max-version",
} as const;

async function startEtcd(options: TlsServerOptions): Promise<TlsServer> {
  const { dataDir, scheme = "https", unixPath, splitHttp, metrics } = options;
  const { etcd } = await oracleTools();
  const [port = 0, peerPort = 0, secondPort = 0] = await freePorts(3);
  const url = unixPath === undefined ? `${scheme}://127.0.0.1:${port}` : `unix://${unixPath}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const flags = Object.entries(FLAGS).flatMap(([name, flag]) => {
    const value = options[name as keyof typeof FLAGS];
    return value === undefined ? [] : [`--${flag}=${value}`];
  });
  const process = new ServerProcess(etcd, [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--unsafe-no-fsync",
    ...splitHttp ? [`--listen-client-http-urls=${scheme}://127.0.0.1:${secondPort}`] : [],
    ...metrics ? [`--listen-metrics-urls=http://127.0.0.1:${secondPort}`] : [],
    ...flags,
  ]);
  await process.ready();
  return {
    port,
    secondPort,
    [Symbol.asyncDispose]: async () => void await process.end("SIGTERM"),
  };
}

const WHY_NOT = whyNoCertificates();
const WHY_NO_ETCD = await whyNoOracle();

/** Registers a test, named as a fact, for each kind of server that this run tests. */
export function tlsTest(
  name: string,
  run: (target: TlsTarget) => Promise<void>,
  options: { readonly skips?: { readonly [target in TlsTarget]?: string } } = {},
): void {
  const targets = new Set(testTargets().map((one): TlsTarget => one === "etcd" ? one : "rhino"));
  for (const target of targets) {
    const why = options.skips?.[target] ?? WHY_NOT ??
      (target === "etcd" ? WHY_NO_ETCD : undefined);
    Deno.test({
      name: `${target}: ${name}${why === undefined ? "" : ` (ignored: ${why})`}`,
      ignore: why !== undefined,
      // The TLS of Deno's client ends a little later than its socket.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => run(target),
    });
  }
}
