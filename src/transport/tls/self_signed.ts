/** A certificate that a server makes for itself (`--auto-tls`), with what etcd's has in it. */

import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { addressBytes } from "./certificate.ts";
import { contextTag, der, derOid, derText, derTime, TAG } from "./der.ts";
import { pemText } from "./pem.ts";

export interface SelfSignedOptions {
  /** Names and addresses that it is for. */
  readonly hosts: readonly string[];
  readonly validityYears: number;
  readonly nowMs: number;
}

/** Certificate and key, as PEM. */
export interface SelfSigned {
  readonly cert: string;
  readonly key: string;
}

/** A year has 365 days, as etcd counts. */
const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;

const OID = {
  ECDSA_WITH_SHA512: "1.2.840.10045.4.3.4",
  ORGANIZATION: "2.5.4.10",
  SUBJECT_KEY_ID: "2.5.29.14",
  KEY_USAGE: "2.5.29.15",
  SUBJECT_ALT_NAME: "2.5.29.17",
  BASIC_CONSTRAINTS: "2.5.29.19",
  EXT_KEY_USAGE: "2.5.29.37",
  SERVER_AUTH: "1.3.6.1.5.5.7.3.1",
} as const;

/** Bits of a key's usage: digital signature, encipherment of keys, signing of revocation lists. */
const KEY_USAGE = der(TAG.BIT_STRING, Uint8Array.of(1, 0b1010_0010));
const TRUE = der(TAG.BOOLEAN, Uint8Array.of(0xff));

export function makeSelfSigned({ hosts, validityYears, nowMs }: SelfSignedOptions): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "secp521r1" });
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const algorithm = der(TAG.SEQUENCE, derOid(OID.ECDSA_WITH_SHA512));
  const name = der(
    TAG.SEQUENCE,
    der(
      TAG.SET,
      der(TAG.SEQUENCE, derOid(OID.ORGANIZATION), derText(TAG.PRINTABLE_STRING, "etcd")),
    ),
  );
  const version = der(
    contextTag(0, { constructed: true }),
    der(TAG.INTEGER, Uint8Array.of(2)),
  );
  const validity = der(
    TAG.SEQUENCE,
    derTime(nowMs),
    derTime(nowMs + validityYears * YEAR_MS),
  );
  const extensions = der(
    contextTag(3, { constructed: true }),
    der(TAG.SEQUENCE, ...extensionsOf({ hosts, spki })),
  );
  const tbs = der(
    TAG.SEQUENCE,
    version,
    der(TAG.INTEGER, serialNumber()),
    algorithm,
    name,
    validity,
    name,
    spki,
    extensions,
  );
  const signature = der(TAG.BIT_STRING, Uint8Array.of(0), sign("sha512", tbs, privateKey));
  return {
    cert: pemText(der(TAG.SEQUENCE, tbs, algorithm, signature), "CERTIFICATE"),
    key: privateKey.export({ type: "sec1", format: "pem" }).toString(),
  };
}

/** Positive, and without a leading zero byte. */
function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function* extensionsOf(
  { hosts, spki }: { hosts: readonly string[]; spki: Uint8Array },
): Iterable<Uint8Array> {
  yield extension(OID.KEY_USAGE, { isCritical: true, value: KEY_USAGE });
  const usages = der(TAG.SEQUENCE, derOid(OID.SERVER_AUTH));
  yield extension(OID.EXT_KEY_USAGE, { isCritical: false, value: usages });
  // It is its own authority, so that clients can be given it as one.
  yield extension(OID.BASIC_CONSTRAINTS, { isCritical: true, value: der(TAG.SEQUENCE, TRUE) });
  const keyId = createHash("sha1").update(spki).digest();
  yield extension(OID.SUBJECT_KEY_ID, { isCritical: false, value: der(TAG.OCTET_STRING, keyId) });
  if (hosts.length === 0) return;
  const names = der(TAG.SEQUENCE, ...hosts.map(generalName));
  yield extension(OID.SUBJECT_ALT_NAME, { isCritical: false, value: names });
}

function extension(
  oid: string,
  { isCritical, value }: { isCritical: boolean; value: Uint8Array },
): Uint8Array {
  const critical = isCritical ? [TRUE] : [];
  return der(TAG.SEQUENCE, derOid(oid), ...critical, der(TAG.OCTET_STRING, value));
}

function generalName(host: string): Uint8Array {
  const family = isIP(host);
  if (family === 0) return derText(contextTag(2, { constructed: false }), host);
  const bytes = addressBytes(host);
  const address = family === 4 ? Buffer.from(bytes.subarray(12)) : bytes;
  return der(contextTag(7, { constructed: false }), address);
}
