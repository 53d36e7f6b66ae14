/** Reads the tokens of one JSON value that is known to be well-formed (`json_scanner.ts`), with Go's protojson's texts. */

import { Buffer } from "node:buffer";
import { JsonError } from "./json_scanner.ts";

export type TokenKind = "{" | "}" | "[" | "]" | "string" | "number" | "bool" | "null";

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** What a string says; of others empty. */
  readonly text: string;
}

const COLON = 0x3a;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class JsonText {
  readonly #bytes: Uint8Array;
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * The next token; commas and colons are passed over, for they stand where they should.
   *
   * @throws {JsonError} for what is a JSON string, but no text
   */
  next(): Token {
    const start = this.#skipSeparators();
    const byte = this.#bytes[start] ?? 0;
    const kind = kindOf(byte);
    let end = start + 1;
    if (kind === "string") end = this.#endOfString(start);
    else if (kind === "number" || kind === "bool" || kind === "null") end = this.#endOfWord(start);
    this.#at = end;
    const text = kind === "string" ? this.#textOf({ start, end }) : "";
    return { kind, start, end, text };
  }

  /** Which kind comes next, without taking it. */
  peek(): TokenKind {
    return kindOf(this.#bytes[this.#skipSeparators()] ?? 0);
  }

  /** Passes over the next value. */
  skip(): void {
    let depth = 0;
    do {
      const { kind } = this.next();
      if (kind === "{" || kind === "[") depth++;
      else if (kind === "}" || kind === "]") depth--;
    } while (depth > 0);
  }

  /** As it was written. */
  raw({ start, end }: Token): string {
    return this.#buffer.toString("utf8", start, end);
  }

  #textOf({ start, end }: { readonly start: number; readonly end: number }): string {
    let text: string;
    try {
      text = UTF8.decode(this.#bytes.subarray(start + 1, end - 1));
    } catch {
      throw this.#syntaxError(start, "invalid UTF-8 in string");
    }
    if (!text.includes("\\")) return text;
    const value = JSON.parse(`"${text}"`) as string;
    if (value.isWellFormed()) return value;
    const at = start + 1 + Buffer.byteLength(text.slice(0, afterLoneSurrogate(text)));
    const rest = this.#buffer.toString("utf8", at, at + 6);
    if (at + 6 > this.#bytes.length) throw new JsonError("proto: unexpected EOF");
    throw this.#syntaxError(start, `invalid escape code ${JSON.stringify(rest)} in string`);
  }

  error(start: number, text: string): JsonError {
    return new JsonError(`proto: (${this.#position(start)}): ${text}`);
  }

  unexpected(token: Token): JsonError {
    return this.#syntaxError(token.start, `unexpected token ${this.raw(token)}`);
  }

  #syntaxError(start: number, text: string): JsonError {
    return new JsonError(`proto: syntax error (${this.#position(start)}): ${text}`);
  }

  /** Line and column, both from 1; the column counts characters. */
  #position(start: number): string {
    let line = 1;
    let column = 1;
    for (let at = 0; at < start; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte === 0x0a) [line, column] = [line + 1, 1];
      // Bytes that go on with a character are not counted.
      else if ((byte & 0xc0) !== 0x80) column++;
    }
    return `line ${line}:${column}`;
  }

  #skipSeparators(): number {
    let at = this.#at;
    for (; at < this.#bytes.length; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte > 0x20 && byte !== COMMA && byte !== COLON) break;
    }
    this.#at = at;
    return at;
  }

  #endOfString(start: number): number {
    let at = start + 1;
    for (let byte = this.#bytes[at]; byte !== QUOTE; byte = this.#bytes[at]) {
      at += byte === BACKSLASH ? 2 : 1;
    }
    return at + 1;
  }

  #endOfWord(start: number): number {
    let at = start;
    while (at < this.#bytes.length && isWordByte(this.#bytes[at] ?? 0)) at++;
    return at;
  }
}

/** Index behind the first half of a surrogate pair that has no other half. */
function afterLoneSurrogate(text: string): number {
  let secondHalfAt = -1;
  for (const { index, 1: hex } of text.matchAll(/\\(?:u([0-9a-fA-F]{4})|[^u])/g)) {
    if (hex === undefined || index === secondHalfAt) continue;
    const code = parseInt(hex, 16);
    if (code < 0xd800 || code > 0xdfff) continue;
    const end = index + 6;
    const isPair = code < 0xdc00 && /^\\u[dD][c-fC-F]/.test(text.slice(end, end + 6));
    if (!isPair) return end;
    secondHalfAt = end;
  }
  return text.length;
}

function kindOf(byte: number): TokenKind {
  switch (String.fromCharCode(byte)) {
    case "{":
    case "}":
    case "[":
    case "]":
      return String.fromCharCode(byte) as TokenKind;
    case '"':
      return "string";
    case "t":
    case "f":
      return "bool";
    case "n":
      return "null";
    default:
      return "number";
  }
}

function isWordByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
