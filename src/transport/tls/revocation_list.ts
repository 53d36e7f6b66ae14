/**
 * Revoked certificates, as etcd looks at them: by serial number alone. Neither the list's signature nor its age is
 * checked, for the operator has put the file there.
 */

import type { Buffer } from "node:buffer";
import { serialText } from "./certificate.ts";
import { contextTag, DerReader, TAG } from "./der.ts";
import { pemBlocks } from "./pem.ts";

/**
 * The serial numbers in a file, which holds one list as DER, which is what etcd takes, or any number as PEM.
 *
 * @throws {RangeError} if it holds none.
 */
export function revokedSerials(file: Buffer): ReadonlySet<string> {
  const blocks = pemBlocks(file.toString("latin1"), "X509 CRL");
  const serials = new Set<string>();
  for (const list of blocks.length > 0 ? blocks : [file]) {
    for (const serial of serialsOf(list)) serials.add(serial);
  }
  return serials;
}

function* serialsOf(bytes: Uint8Array): Iterable<string> {
  const list = new DerReader(new DerReader(bytes).expect(TAG.SEQUENCE));
  const tbs = new DerReader(list.expect(TAG.SEQUENCE));
  tbs.optional(TAG.INTEGER); // The version.
  tbs.expect(TAG.SEQUENCE); // The algorithm of the signature.
  tbs.expect(TAG.SEQUENCE); // The issuer.
  expectTime(tbs); // When it was made, and when the next one comes.
  if (isTime(tbs.nextTag)) tbs.read();
  const revoked = tbs.optional(TAG.SEQUENCE);
  if (!tbs.isAtEnd) tbs.expect(contextTag(0, { constructed: true }));
  if (revoked === undefined) return;
  const entries = new DerReader(revoked);
  while (!entries.isAtEnd) {
    yield serialText(new DerReader(entries.expect(TAG.SEQUENCE)).expect(TAG.INTEGER));
  }
}

function isTime(tag: number | undefined): boolean {
  return tag === TAG.UTC_TIME || tag === TAG.GENERALIZED_TIME;
}

/** What a certificate has in this place is something else, so one that is given by mistake is noticed. */
function expectTime(reader: DerReader): void {
  if (!isTime(reader.read().tag)) throw new RangeError("malformed DER: no time where one belongs");
}
