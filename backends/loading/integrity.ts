/** The digest that a module must have, as an operator writes it. */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";

const DIGEST_BYTES = 32;
const PREFIX = "sha256-";

/**
 * The 32 bytes of `sha256-` and hex (64 characters), or base64 as SRI has it, or base64 for URLs; with `=` or without.
 *
 * @throws {RangeError} that says what was expected
 */
export function parseIntegrity(text: string): Uint8Array {
  const digest = text.startsWith(PREFIX) ? bytesOf(text.slice(PREFIX.length)) : undefined;
  if (digest?.length === DIGEST_BYTES) return digest;
  throw new RangeError(
    `its hash is "${text}": expected sha256- and 64 hexadecimal digits, or 32 bytes in base64`,
  );
}

function bytesOf(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, "base64");
  return undefined;
}

/** @throws {RangeError} that says what was found, in the form in which the expected one was written */
export function checkIntegrity(bytes: Uint8Array, integrity: string): void {
  const expected = parseIntegrity(integrity);
  const found = createHash("sha256").update(bytes).digest();
  if (timingSafeEqual(found, expected)) return;
  const isHex = /^sha256-[0-9a-f]{64}$/i.test(integrity);
  const text = found.toString(isHex ? "hex" : "base64");
  throw new RangeError(`its hash is ${PREFIX}${text}, and ${integrity} is expected`);
}
