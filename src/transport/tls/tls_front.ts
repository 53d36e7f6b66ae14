/**
 * TLS in front of a listener: takes accepted connections, does the handshake, and hands on what is then an ordinary
 * connection, after `client_check.ts` has let it in.
 */

import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { rememberClientName } from "../client_name.ts";
import { PendingSockets } from "../pending_sockets.ts";
import { cipherRule } from "./cipher_suites.ts";
import { ClientCheck } from "./client_check.ts";
import { TlsFiles } from "./tls_files.ts";

export type TlsVersion = "TLS1.2" | "TLS1.3";

export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients need a certificate of it; empty if they need none. */
  readonly trustedCaFile: string;
  /** Whether the common name of a client's certificate becomes its name. */
  readonly clientCertAuth: boolean;
  readonly clientCrlFile: string;
  readonly allowedHostnames: readonly string[];
  /** Go's names; empty for all. */
  readonly cipherSuites: readonly string[];
  readonly minVersion: TlsVersion;
  /** Empty for the newest. */
  readonly maxVersion: "" | TlsVersion;
  /** Is told of files that have changed and cannot be used. */
  readonly onTrouble: (message: string) => void;
  /** Is told of clients that were not let in. */
  readonly onRefused: (client: { readonly address: string; readonly reason: string }) => void;
}

/** Application protocols, as ALPN calls them, that a listener offers. */
export type Alpn = "h2" | "http/1.1";

export interface TlsFront {
  /** Shakes hands on an accepted connection; calls back once, or never if that fails. */
  accept(socket: Socket, onSecure: (socket: TLSSocket) => void): void;
  /** Closes the connections whose handshake is not done. */
  close(): void;
}

export interface TlsFrontOptions {
  readonly alpn: readonly Alpn[];
  /** As etcd: 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** Handshakes under way; at one more, the oldest connection is closed. Default 1,000. */
  readonly handshakesMax?: number;
}

/** What the TLS listeners of a server have in common. */
export interface Tls {
  /** Makes the front of one listener. */
  front(options: TlsFrontOptions): TlsFront;
  /** Names of `cipherSuites` that have no effect, because they cannot come about. */
  readonly unavailableCiphers: readonly string[];
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const HANDSHAKES_MAX = 1_000;

/** node's names of the versions. */
const VERSIONS = { "TLS1.2": "TLSv1.2", "TLS1.3": "TLSv1.3" } as const;

/**
 * Checks the settings that make sense or not whether TLS is used or not, as etcd does.
 *
 * @throws {Error} in etcd's words.
 */
export function checkTlsSettings(
  { cipherSuites, minVersion, maxVersion }: Pick<
    TlsOptions,
    "cipherSuites" | "minVersion" | "maxVersion"
  >,
): void {
  const { allowed } = cipherRule(cipherSuites);
  if (maxVersion !== "" && minVersion > maxVersion) {
    throw new Error(`min version (${minVersion}) is greater than max version (${maxVersion})`);
  }
  if (minVersion === "TLS1.3" && cipherSuites.length > 0) {
    throw new Error("cipher suites cannot be configured when only TLS1.3 is enabled");
  }
  if (maxVersion === "TLS1.2" && allowed?.size === 0) {
    throw new Error(`cipher suites: none of ${cipherSuites.join(", ")} is available`);
  }
}

/** @throws {Error} with one line that says what cannot be used. */
export function createTls(options: TlsOptions): Tls {
  checkTlsSettings(options);
  if (options.certFile === "" || options.keyFile === "") {
    throw new Error("--cert-file and --key-file: both are needed, or none");
  }
  if (options.clientCertAuth && options.trustedCaFile === "") {
    throw new Error("--client-cert-auth: needs --trusted-ca-file");
  }
  const files = new TlsFiles({
    names: options,
    now: () => performance.now(),
    onTrouble: options.onTrouble,
  });
  const { allowed, unavailable } = cipherRule(options.cipherSuites);
  const check = new ClientCheck({
    files,
    // As etcd: an authority for clients is reason enough to ask for certificates.
    requestCert: options.trustedCaFile !== "",
    allowedHostnames: options.allowedHostnames,
    allowedCiphers: allowed,
    nowMs: Date.now,
  });
  return {
    front: (front) => createFront({ options, files, check, front }),
    unavailableCiphers: unavailable,
  };
}

interface Accepted {
  readonly onSecure: (socket: TLSSocket) => void;
  /** The client's; a closed socket tells it no more. */
  readonly address: string;
}

interface FrontParts {
  readonly options: TlsOptions;
  readonly files: TlsFiles;
  readonly check: ClientCheck;
  readonly front: TlsFrontOptions;
}

/** The accepted connection below a TLS socket; node keeps it there, though undocumented. */
function connectionBelow(socket: TLSSocket): Socket | undefined {
  return (socket as TLSSocket & { _parent?: Socket })._parent;
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? "" : `${remoteAddress}:${remotePort}`;
}

function createFront({ options, files, check, front }: FrontParts): TlsFront {
  const { minVersion, maxVersion } = options;
  const handshakes = new PendingSockets({
    timeoutMs: front.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    max: front.handshakesMax ?? HANDSHAKES_MAX,
  });
  const accepted = new WeakMap<Socket, Accepted>();
  const context = () => ({
    ...files.identity,
    minVersion: VERSIONS[minVersion],
    ...(maxVersion === "" ? {} : { maxVersion: VERSIONS[maxVersion] }),
  });
  let { generation } = files;
  const server = createServer({
    ...context(),
    requestCert: options.trustedCaFile !== "",
    rejectUnauthorized: true,
    ALPNProtocols: [...front.alpn],
    // None: the pending connections have their own, and Deno 2.9.6 keeps a failed one in memory until its time is over.
    handshakeTimeout: -1,
  });
  server.on("tlsClientError", (error, socket) => {
    const connection = connectionBelow(socket) ?? socket;
    // Deno closes the connection of a client whose certificate it does not take, and says here only that.
    const { authorizationError } = socket;
    const reason = authorizationError ? `its certificate: ${authorizationError}` : error.message;
    options.onRefused({ address: accepted.get(connection)?.address ?? "", reason });
    connection.destroy();
    socket.destroy();
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    // A broken connection also closes, which is what its server acts on.
    socket.on("error", () => {});
    const connection = connectionBelow(socket);
    const known = connection && accepted.get(connection);
    if (connection === undefined || known === undefined) {
      socket.destroy();
      return;
    }
    handshakes.settle(connection);
    const verdict = check.check(socket);
    if (!verdict.isAccepted) {
      options.onRefused({ address: known.address, reason: verdict.reason });
      socket.destroy();
      return;
    }
    if (options.clientCertAuth && verdict.commonName !== undefined) {
      rememberClientName(socket, verdict.commonName);
    }
    known.onSecure(socket);
  });
  return {
    accept(socket, onSecure) {
      files.refresh();
      if (files.generation !== generation) {
        generation = files.generation;
        server.setSecureContext(context());
      }
      handshakes.add(socket);
      accepted.set(socket, { onSecure, address: addressOf(socket) });
      server.emit("connection", socket);
    },
    close: () => handshakes.closeAll(),
  };
}
