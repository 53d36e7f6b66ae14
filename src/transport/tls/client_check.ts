/**
 * Whether a client whose handshake is done may come in. Deno's TLS verifies chain, time and purpose of the certificate;
 * this adds what it does not know (revoked certificates, allowed names, allowed cipher suites) and what it gets wrong:
 *
 * - A connection that resumes an earlier session (by a ticket, which the whole process shares) counts as authorized
 *   without its certificate being looked at again, whether it was verified then or not. So it may resume only with a
 *   certificate that a whole handshake here has verified.
 * - A client certificate that is itself among the authorities is accepted whatever its time; and of one with version 1
 *   not even the possession of the key is verified, while everybody may have a copy of the certificate.
 */

import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type CertificateFacts, holdsName, readCertificate } from "./certificate.ts";
import type { TlsFiles } from "./tls_files.ts";

export interface ClientCheckOptions {
  readonly files: TlsFiles;
  /** Whether clients need a certificate. */
  readonly requestCert: boolean;
  /** Names of which the certificate must hold one; empty for any. */
  readonly allowedHostnames: readonly string[];
  /** OpenSSL's names of suites that TLS 1.2 may use; undefined for all. */
  readonly allowedCiphers: ReadonlySet<string> | undefined;
  /** The time of day. */
  readonly nowMs: () => number;
}

export type ClientVerdict =
  | { readonly isAccepted: true; readonly commonName: string | undefined }
  | { readonly isAccepted: false; readonly reason: string };

/** Verified certificates that are remembered; a client with a forgotten one begins a new session. */
const VERIFIED_MAX = 10_000;

/** Certificates of a chain that are looked at; Deno's TLS takes no longer ones. */
const CHAIN_MAX = 10;

export class ClientCheck {
  readonly #options: ClientCheckOptions;
  /** Fingerprints, the longest unused first, of certificates that were verified against the present authorities. */
  readonly #verified = new Set<string>();
  #generation = 0;

  constructor(options: ClientCheckOptions) {
    this.#options = options;
  }

  check(socket: TLSSocket): ClientVerdict {
    const { requestCert, allowedCiphers } = this.#options;
    if (allowedCiphers !== undefined && socket.getProtocol() === "TLSv1.2") {
      const { name } = socket.getCipher();
      if (!allowedCiphers.has(name)) return refused(`cipher suite ${name} is not allowed`);
    }
    if (!requestCert) return { isAccepted: true, commonName: undefined };
    try {
      return this.#checkCertificate(socket);
    } catch (error) {
      // Bytes that Deno's TLS has read otherwise than this.
      return refused(`its certificate cannot be read: ${error}`);
    }
  }

  #checkCertificate(socket: TLSSocket): ClientVerdict {
    const { files, allowedHostnames } = this.#options;
    const leaf = socket.getPeerX509Certificate();
    if (!socket.authorized || leaf === undefined) return refused("no verified certificate");
    const facts = readCertificate(leaf.raw);
    const trouble = this.#troubleWith(facts) ?? this.#troubleWithSession(socket, leaf.raw);
    if (trouble !== undefined) return refused(trouble);
    for (const serial of serialsOf(socket, facts)) {
      if (files.isRevoked(serial)) return refused(`certificate ${serial} is revoked`);
    }
    if (allowedHostnames.length > 0 && !allowedHostnames.some((name) => holdsName(facts, name))) {
      return refused("its certificate holds no allowed name");
    }
    return { isAccepted: true, commonName: facts.commonName || undefined };
  }

  #troubleWith({ version, notBeforeMs, notAfterMs }: CertificateFacts): string | undefined {
    if (version !== 3) return `its certificate is one of version ${version}`;
    const nowMs = this.#options.nowMs();
    return nowMs >= notBeforeMs && nowMs <= notAfterMs
      ? undefined
      : "its certificate has expired or is not yet valid";
  }

  #troubleWithSession(socket: TLSSocket, certificate: Uint8Array): string | undefined {
    const { trustGeneration } = this.#options.files;
    if (trustGeneration !== this.#generation) {
      this.#verified.clear();
      this.#generation = trustGeneration;
    }
    const fingerprint = createHash("sha256").update(certificate).digest("base64");
    if (socket.isSessionReused() && !this.#verified.has(fingerprint)) {
      return "it resumes a session whose certificate was not verified here";
    }
    this.#verified.delete(fingerprint);
    this.#verified.add(fingerprint);
    if (this.#verified.size > VERIFIED_MAX) {
      for (const oldest of this.#verified) {
        this.#verified.delete(oldest);
        break;
      }
    }
    return undefined;
  }
}

/** The serial numbers of the certificate and of those that the client has sent with it. */
function* serialsOf(socket: TLSSocket, leaf: CertificateFacts): Iterable<string> {
  yield leaf.serial;
  let { issuerCertificate } = socket.getPeerCertificate(true);
  for (let depth = 1; depth < CHAIN_MAX && issuerCertificate?.raw !== undefined; depth++) {
    yield readCertificate(issuerCertificate.raw).serial;
    // The last of a chain is its own issuer.
    if (issuerCertificate.issuerCertificate === issuerCertificate) return;
    issuerCertificate = issuerCertificate.issuerCertificate;
  }
}

function refused(reason: string): ClientVerdict {
  return { isAccepted: false, reason };
}
