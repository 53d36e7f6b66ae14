/** How a connection to a database is encrypted, in libpq's terms, which both dialects take. */

import type { ConnectionOptions } from "node:tls";
import { BackendError } from "../contract.ts";
import { messageOf } from "../message_of.ts";
import { type Machine, THIS_MACHINE } from "./machine.ts";

export const TLS_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type TlsMode = typeof TLS_MODES[number];

export interface TlsSettings {
  readonly mode: TlsMode;
  /** Paths of PEM files; `null` for none. */
  readonly rootCert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Of the key's file. */
  readonly keyPassword: string | null;
}

/**
 * Options for `node:tls`; `null` for none at all. As in libpq, `prefer` and `require` encrypt but do not look at the
 * certificate, unless there is a root certificate to look at it with.
 *
 * @throws {BackendError} `unusable` if a file cannot be read
 */
export function tlsOptions(
  settings: TlsSettings,
  machine: Machine = THIS_MACHINE,
): ConnectionOptions | null {
  const { mode, rootCert, cert, key, keyPassword } = settings;
  if (mode === "disable") return null;
  const checksChain = mode.startsWith("verify") || (mode === "require" && rootCert !== null);
  return {
    rejectUnauthorized: checksChain,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    ...(rootCert === null || rootCert === "system" ? {} : { ca: readPem(rootCert, machine) }),
    ...(cert === null ? {} : { cert: readPem(cert, machine) }),
    ...(key === null ? {} : { key: readPem(key, machine) }),
    ...(keyPassword === null ? {} : { passphrase: keyPassword }),
  };
}

function readPem(path: string, machine: Machine): string {
  try {
    return machine.readFile(path);
  } catch (error) {
    const reason = messageOf(error);
    throw new BackendError("unusable", `Cannot read the TLS file "${path}": ${reason}`);
  }
}
