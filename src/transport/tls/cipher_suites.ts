/**
 * Cipher suites by Go's names, as `--cipher-suites` takes them. Deno's TLS offers the suites below and cannot be told to
 * leave some out, so what is not allowed is refused after the handshake (`client_check.ts`). As with Go, the list is for
 * TLS 1.2; the suites of TLS 1.3 are always allowed.
 */

/** Suites of TLS 1.2 that can come about: Go's name → OpenSSL's, which node uses. */
const AVAILABLE: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
};

/** Names that etcd takes besides. Their suites cannot come about here; those of TLS 1.3 do without being named. */
const OTHERS: readonly string[] = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
  "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
  "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
  "TLS_RSA_WITH_AES_128_CBC_SHA",
  "TLS_RSA_WITH_AES_128_CBC_SHA256",
  "TLS_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_RSA_WITH_AES_256_CBC_SHA",
  "TLS_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_RSA_WITH_RC4_128_SHA",
];

export interface CipherRule {
  /** OpenSSL's names of the suites that a connection of TLS 1.2 may have; undefined for all. */
  readonly allowed: ReadonlySet<string> | undefined;
  /** Names that were given and cannot come about. */
  readonly unavailable: readonly string[];
}

/** @throws {Error} in etcd's words, for a name that Go does not know. */
export function cipherRule(names: readonly string[]): CipherRule {
  const allowed = new Set<string>();
  const unavailable: string[] = [];
  for (const name of names) {
    const suite = Object.hasOwn(AVAILABLE, name) ? AVAILABLE[name] : undefined;
    if (suite !== undefined) allowed.add(suite);
    else if (OTHERS.includes(name)) unavailable.push(name);
    else throw new Error(`unexpected TLS cipher suite "${name}"`);
  }
  return { allowed: names.length === 0 ? undefined : allowed, unavailable };
}
