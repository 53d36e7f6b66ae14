/** ASN.1's DER, as far as certificates and revocation lists need it: reading values out of bytes, and writing them. */

/** Tags of the universal class, and of a context's own as RFC 5280 uses them. */
export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  T61_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The tag of a context's value `[number]`; constructed if it holds other values. */
export function contextTag(number: number, { constructed }: { constructed: boolean }): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** One value: its tag and what is in it, a view of the bytes it was read from. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
}

/** Reads one value after the other. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  /** The tag of what comes next; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** @throws {RangeError} at the end, or if the bytes are no DER. */
  read(): DerValue {
    const tag = this.#byte();
    // A tag of several bytes occurs in none of the structures that are read here.
    if ((tag & 0x1f) === 0x1f) throw new RangeError("malformed DER: a long tag");
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw new RangeError("malformed DER: a value is cut off");
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, content };
  }

  /** @throws {RangeError} if something else comes next. */
  expect(tag: number): Uint8Array {
    const value = this.read();
    if (value.tag !== tag) {
      throw new RangeError(`malformed DER: tag ${value.tag} where ${tag} is expected`);
    }
    return value.content;
  }

  /** Reads what comes next if it has that tag. */
  optional(tag: number): Uint8Array | undefined {
    return this.nextTag === tag ? this.expect(tag) : undefined;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError("malformed DER: it ends too early");
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    // Four bytes are more than any file that is read here.
    if (count === 0 || count > 4) throw new RangeError("malformed DER: a length of unknown form");
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    return length;
  }
}

/** The numbers of an object identifier, with dots. */
export function oidText(content: Uint8Array): string {
  const [first = 0] = content;
  const top = Math.min(2, Math.floor(first / 40));
  const numbers = [top, first - top * 40];
  let number = 0;
  for (const byte of content.subarray(1)) {
    number = number * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  return numbers.join(".");
}

/** Milliseconds since 1970; NaN if it is no time that RFC 5280 allows. */
export function timeMs({ tag, content }: DerValue): number {
  const text = new TextDecoder("latin1").decode(content);
  const year = tag === TAG.UTC_TIME ? "(\\d{2})" : "(\\d{4})";
  const match = new RegExp(`^${year}(\\d{2})(\\d{2})(\\d{2})(\\d{2})(\\d{2})Z$`).exec(text);
  if (match === null) return Number.NaN;
  const [given = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1)
    .map(Number);
  // Two digits are 1950 to 2049.
  const century = tag !== TAG.UTC_TIME ? 0 : given < 50 ? 2000 : 1900;
  return Date.UTC(century + given, month - 1, day, hour, minute, second);
}

/** One value as bytes. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const header = [tag, ...lengthBytes(length)];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  let at = header.length;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.byteLength;
  }
  return bytes;
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export function derText(tag: number, text: string): Uint8Array {
  return der(tag, new TextEncoder().encode(text));
}

/** An object identifier from its numbers with dots. */
export function derOid(text: string): Uint8Array {
  const [top = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [top * 40 + second];
  for (const number of rest) {
    const groups = [number % 128];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift(0x80 | (left % 128));
    }
    bytes.push(...groups);
  }
  return der(TAG.OID, Uint8Array.from(bytes));
}

/** A time in the form that RFC 5280 wants for its year. */
export function derTime(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return ms < Date.UTC(2050, 0)
    ? derText(TAG.UTC_TIME, digits.slice(2))
    : derText(TAG.GENERALIZED_TIME, digits);
}
