/**
 * The files of a TLS listener: certificate, key, the clients' authority, revoked certificates. etcd reads them at each
 * handshake; here they are looked at as often and read again when they have changed.
 */

import type { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { messageOf } from "../../errors.ts";
import { pemBlocks } from "./pem.ts";
import { revokedSerials } from "./revocation_list.ts";

export interface TlsFileNames {
  readonly certFile: string;
  readonly keyFile: string;
  /** Empty if clients need no certificate. */
  readonly trustedCaFile: string;
  /** Empty if there is none. */
  readonly clientCrlFile: string;
}

export interface ServerIdentity {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities of the clients' certificates; undefined if clients need none. */
  readonly ca: Buffer | undefined;
}

/** The names of the flags, for messages. */
const FLAGS = {
  certFile: "--cert-file",
  keyFile: "--key-file",
  trustedCaFile: "--trusted-ca-file",
  clientCrlFile: "--client-crl-file",
} as const satisfies Record<keyof TlsFileNames, string>;

/** Between two looks at the files; more connections than that share one. */
const LOOK_INTERVAL_MS = 100;

/** Larger files are none of these, and would be read while others wait. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

export interface TlsFilesOptions {
  readonly names: TlsFileNames;
  readonly now: () => number;
  /** Is told why changed files cannot be used; once for each reason. */
  readonly onTrouble: (message: string) => void;
}

export class TlsFiles {
  readonly #options: TlsFilesOptions;
  #identity: ServerIdentity;
  #revoked: ReadonlySet<string> | undefined;
  #identityStamp: string;
  #crlStamp: string;
  #generation = 0;
  #trustGeneration = 0;
  #lookedAtMs: number;
  #trouble = "";

  /** @throws {Error} with one line that names the flag and the file that cannot be used. */
  constructor(options: TlsFilesOptions) {
    this.#options = options;
    const { names, now } = options;
    this.#lookedAtMs = now();
    this.#identityStamp = identityStamp(names);
    this.#crlStamp = stampOf(names.clientCrlFile);
    this.#identity = readIdentity(names);
    this.#revoked = readRevoked(names);
  }

  /** Another number whenever the identity has changed. */
  get generation(): number {
    return this.#generation;
  }

  /** Another number whenever the clients' authorities have changed. */
  get trustGeneration(): number {
    return this.#trustGeneration;
  }

  get identity(): ServerIdentity {
    return this.#identity;
  }

  /**
   * Whether a certificate of that serial number has been revoked. As with etcd, all are while the file cannot be read: it
   * may be the one that revokes them.
   */
  isRevoked(serial: string): boolean {
    if (this.#options.names.clientCrlFile === "") return false;
    return this.#revoked === undefined || this.#revoked.has(serial);
  }

  /**
   * Takes over what has changed. A certificate and a key that do not belong together are perhaps not both written yet:
   * the old ones stay in use, which etcd would refuse connections for.
   */
  refresh(): void {
    const nowMs = this.#options.now();
    if (nowMs - this.#lookedAtMs < LOOK_INTERVAL_MS) return;
    this.#lookedAtMs = nowMs;
    const { names } = this.#options;
    const identity = identityStamp(names);
    if (identity !== this.#identityStamp) {
      this.#attempt(() => {
        const read = readIdentity(names);
        if (!isSame(read.ca, this.#identity.ca)) this.#trustGeneration++;
        this.#identity = read;
        this.#identityStamp = identity;
        this.#generation++;
      });
    }
    const crl = stampOf(names.clientCrlFile);
    if (crl !== this.#crlStamp || (names.clientCrlFile !== "" && this.#revoked === undefined)) {
      this.#revoked = undefined;
      this.#attempt(() => {
        this.#revoked = readRevoked(names);
        this.#crlStamp = crl;
      });
    }
  }

  #attempt(load: () => void): void {
    try {
      load();
      this.#trouble = "";
    } catch (error) {
      const message = messageOf(error);
      if (message === this.#trouble) return;
      this.#trouble = message;
      this.#options.onTrouble(message);
    }
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

function identityStamp({ certFile, keyFile, trustedCaFile }: TlsFileNames): string {
  return [certFile, keyFile, trustedCaFile].map(stampOf).join(" ");
}

/** Differs when the file was written again or replaced. */
function stampOf(path: string): string {
  if (path === "") return "";
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "missing" : `${stat.mtimeNs}/${stat.size}/${stat.ino}`;
}

type FileName = keyof TlsFileNames;

function failure(names: TlsFileNames, { file, reason, cause }: {
  readonly file: FileName;
  readonly reason: string;
  readonly cause?: unknown;
}): Error {
  return new Error(`${FLAGS[file]} ${names[file]}: ${reason}`, { cause });
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a folder",
};

function readFile(names: TlsFileNames, file: FileName): Buffer {
  try {
    const stat = statSync(names[file]);
    if (stat.size > FILE_BYTES_MAX) throw new Error("the file is too large");
    return readFileSync(names[file]);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const reason = READ_FAILURES[code ?? ""] ?? message;
    throw failure(names, { file, reason });
  }
}

/** All certificates of a file; at least one. */
function readCertificates(names: TlsFileNames, file: FileName): {
  readonly bytes: Buffer;
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
} {
  const bytes = readFile(names, file);
  const blocks = pemBlocks(bytes.toString("latin1"), "CERTIFICATE");
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block));
    if (first === undefined) throw new Error("no PEM");
    return { bytes, certificates: [first, ...others] };
  } catch {
    throw failure(names, { file, reason: "holds no certificate as PEM, or a broken one" });
  }
}

function readIdentity(names: TlsFileNames): ServerIdentity {
  const { bytes: cert, certificates: [leaf] } = readCertificates(names, "certFile");
  const key = readFile(names, "keyFile");
  const ca = names.trustedCaFile === ""
    ? undefined
    : readCertificates(names, "trustedCaFile").bytes;
  let isMatching;
  try {
    isMatching = leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw failure(names, {
      file: "keyFile",
      reason: "holds no private key as PEM that can be used without a passphrase",
    });
  }
  if (!isMatching) {
    throw failure(names, {
      file: "keyFile",
      reason: `the key does not belong to the certificate of ${FLAGS.certFile} ${names.certFile}`,
    });
  }
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    const reason = messageOf(error);
    throw failure(names, { file: "certFile", reason });
  }
  return { cert, key, ca };
}

function readRevoked(names: TlsFileNames): ReadonlySet<string> | undefined {
  if (names.clientCrlFile === "") return undefined;
  const bytes = readFile(names, "clientCrlFile");
  try {
    return revokedSerials(bytes);
  } catch {
    throw failure(names, { file: "clientCrlFile", reason: "holds no revocation list" });
  }
}
