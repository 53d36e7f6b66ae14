/** What a certificate says, read from its bytes, and whether it holds a name as Go's `VerifyHostname` sees it. */

import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { contextTag, DerReader, type DerValue, oidText, TAG, timeMs } from "./der.ts";

export interface CertificateFacts {
  /** 3 for all that have extensions. */
  readonly version: number;
  /** In lower-case hexadecimal digits, without leading zeros. */
  readonly serial: string;
  /** The subject's; the last one if it has several, as Go takes it. Empty without one. */
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly dnsNames: readonly string[];
  /** As bytes, four or sixteen. */
  readonly ipAddresses: readonly Uint8Array[];
}

const OID_COMMON_NAME = "2.5.4.3";
const OID_SUBJECT_ALT_NAME = "2.5.29.17";

/** @throws {RangeError} if the bytes are no certificate. */
export function readCertificate(bytes: Uint8Array): CertificateFacts {
  const tbs = new DerReader(new DerReader(new DerReader(bytes).expect(TAG.SEQUENCE)).expect(
    TAG.SEQUENCE,
  ));
  const version = tbs.optional(contextTag(0, { constructed: true }));
  const serial = serialText(tbs.expect(TAG.INTEGER));
  tbs.expect(TAG.SEQUENCE); // The algorithm of the signature.
  tbs.expect(TAG.SEQUENCE); // The issuer.
  const validity = new DerReader(tbs.expect(TAG.SEQUENCE));
  const notBeforeMs = timeMs(validity.read());
  const notAfterMs = timeMs(validity.read());
  const commonName = commonNameOf(tbs.expect(TAG.SEQUENCE));
  tbs.expect(TAG.SEQUENCE); // The public key.
  return {
    version: version === undefined ? 1 : (new DerReader(version).expect(TAG.INTEGER)[0] ?? 0) + 1,
    serial,
    commonName,
    notBeforeMs,
    notAfterMs,
    ...subjectAltNames(tbs),
  };
}

/** A serial number as text, to be compared. */
export function serialText(content: Uint8Array): string {
  return Buffer.from(content).toString("hex").replace(/^0+(?=.)/, "");
}

function commonNameOf(subject: Uint8Array): string {
  let commonName = "";
  const sets = new DerReader(subject);
  while (!sets.isAtEnd) {
    const attributes = new DerReader(sets.expect(TAG.SET));
    while (!attributes.isAtEnd) {
      const attribute = new DerReader(attributes.expect(TAG.SEQUENCE));
      if (oidText(attribute.expect(TAG.OID)) === OID_COMMON_NAME) {
        commonName = textOf(attribute.read());
      }
    }
  }
  return commonName;
}

function textOf({ tag, content }: DerValue): string {
  switch (tag) {
    case TAG.BMP_STRING:
      return Buffer.from(content).swap16().toString("utf16le");
    case TAG.T61_STRING:
      return Buffer.from(content).toString("latin1");
    default:
      return Buffer.from(content).toString("utf8");
  }
}

function subjectAltNames(tbs: DerReader): Pick<CertificateFacts, "dnsNames" | "ipAddresses"> {
  const dnsNames: string[] = [];
  const ipAddresses: Uint8Array[] = [];
  while (!tbs.isAtEnd) {
    // Unique ids of issuer and subject may come before the extensions.
    const { tag, content } = tbs.read();
    if (tag !== contextTag(3, { constructed: true })) continue;
    const extensions = new DerReader(new DerReader(content).expect(TAG.SEQUENCE));
    while (!extensions.isAtEnd) {
      const extension = new DerReader(extensions.expect(TAG.SEQUENCE));
      if (oidText(extension.expect(TAG.OID)) !== OID_SUBJECT_ALT_NAME) continue;
      extension.optional(TAG.BOOLEAN);
      const names = new DerReader(
        new DerReader(extension.expect(TAG.OCTET_STRING)).expect(TAG.SEQUENCE),
      );
      while (!names.isAtEnd) {
        const name = names.read();
        if (name.tag === contextTag(2, { constructed: false })) {
          dnsNames.push(Buffer.from(name.content).toString("latin1"));
        } else if (name.tag === contextTag(7, { constructed: false })) {
          ipAddresses.push(name.content);
        }
      }
    }
  }
  return { dnsNames, ipAddresses };
}

/** Whether the certificate holds the name or the address (which may stand in brackets); the common name does not count. */
export function holdsName(facts: CertificateFacts, name: string): boolean {
  const bare = name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name;
  if (isIP(bare) !== 0) {
    const address = addressBytes(bare);
    return facts.ipAddresses.some((one) => Buffer.compare(addressOf(one), address) === 0);
  }
  const host = withoutDot(name.toLowerCase());
  return host !== "" && facts.dnsNames.some((pattern) => matchesHost(pattern, host));
}

/** An asterisk stands for the whole first label and nothing else. */
function matchesHost(pattern: string, host: string): boolean {
  const labels = withoutDot(pattern.toLowerCase()).split(".");
  const parts = host.split(".");
  if (labels.length !== parts.length || labels.includes("")) return false;
  return labels.every((label, i) => (i === 0 && label === "*") || label === parts[i]);
}

function withoutDot(host: string): string {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

/** Sixteen bytes for either family, so that they can be compared. */
function addressOf(bytes: Uint8Array): Buffer {
  if (bytes.byteLength !== 4) return Buffer.from(bytes);
  return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), bytes]);
}

/** The bytes of an address that `isIP` has accepted. */
export function addressBytes(text: string): Buffer {
  if (isIP(text) === 4) return addressOf(Uint8Array.from(text.split(".").map(Number)));
  // The URL parser writes every form of an IPv6 address in one way, without dots.
  const [plain = ""] = text.split("%");
  const [head = "", tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((hex) => parseInt(hex, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Buffer.from(
    [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]),
  );
}
