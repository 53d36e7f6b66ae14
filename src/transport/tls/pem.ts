/** PEM, the text form of certificates, keys and revocation lists. */

import { Buffer } from "node:buffer";

/** The contents of all blocks of that kind, in their order. Text around blocks does not count. */
export function pemBlocks(text: string, kind: string): Uint8Array[] {
  const block = new RegExp(`-----BEGIN ${kind}-----([^-]*)-----END ${kind}-----`, "g");
  return [...text.matchAll(block)].map(([, body = ""]) => Buffer.from(body, "base64"));
}

export function pemText(bytes: Uint8Array, kind: string): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${kind}-----`, ...lines, `-----END ${kind}-----`, ""].join("\n");
}
