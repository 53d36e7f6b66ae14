/**
 * Finds where a JSON value ends, in bytes that come piece by piece: requests of streams hold several values, one behind the
 * other. What is wrong is said in the words of Go's encoding/json, which etcd's gateway reads with.
 */

/** Nesting at which Go's reader gives up. */
const DEPTH_MAX = 10_000;

/** Bytes that are no JSON, or none that we take; the text is for the client. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/** What the next byte may be. */
type State =
  | "value"
  | "value or ]"
  | "name"
  | "name or }"
  | "after name"
  | "after value"
  | "string"
  | "escape"
  | "unicode"
  | "literal"
  | "-"
  | "0"
  | "digits"
  | "."
  | "fraction"
  | "e"
  | "e sign"
  | "exponent"
  | "done";

/** Where a name or value stands. */
type Place = "name" | "member" | "element";

const LITERALS: Readonly<Record<string, string>> = { t: "true", f: "false", n: "null" };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const POINT = 0x2e;

/** States in which a number may end. */
const ENDS_NUMBER: ReadonlySet<State> = new Set(["0", "digits", "fraction", "exponent"]);

const CONTEXT: Readonly<Partial<Record<State, string>>> = {
  "value": "looking for beginning of value",
  "value or ]": "looking for beginning of value",
  "name": "looking for beginning of object key string",
  "name or }": "looking for beginning of object key string",
  "after name": "after object key",
  "escape": "in string escape code",
  "unicode": "in \\u hexadecimal character escape",
  "-": "in numeric literal",
  ".": "after decimal point in numeric literal",
  "e": "in exponent of numeric literal",
  "e sign": "in exponent of numeric literal",
};

export class JsonScanner {
  #state: State = "value";
  #places: Place[] = [];
  /** What is left of a literal, or of a unicode escape. */
  #literal = "";
  #literalAt = 0;
  #hasBegun = false;

  /** Whether bytes of a value have come, and not yet all. */
  get isInside(): boolean {
    return this.#hasBegun;
  }

  /**
   * Goes on with more bytes; returns the index behind the value's last one, or -1 if it goes on.
   *
   * @throws {JsonError} at the first byte that cannot be
   */
  scan(bytes: Uint8Array, from: number): number {
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      if (this.#state === "string") {
        i = this.#skipText(bytes, i);
        if (i >= bytes.length) return -1;
        this.#inString(bytes[i] ?? 0);
      } else if (ENDS_NUMBER.has(this.#state) && !this.#goesOn(byte)) {
        this.#endValue();
        // A number at the top ends before the byte that ended it.
        if (this.#isDone()) return this.#reset(i);
        this.#step(byte);
      } else {
        this.#step(byte);
      }
      if (this.#isDone()) return this.#reset(i + 1);
    }
    return -1;
  }

  /** Nothing comes any more; returns whether that ends a value, which only a number at the top can do. */
  finish(): boolean {
    return ENDS_NUMBER.has(this.#state) && this.#places.length === 0;
  }

  #isDone(): boolean {
    return this.#state === "done";
  }

  /** Whether a number that could be over goes on. */
  #goesOn(byte: number): boolean {
    const state = this.#state;
    if (isDigit(byte)) return state !== "0";
    if (byte === POINT) return state === "0" || state === "digits";
    return (byte === 0x65 || byte === 0x45) && state !== "exponent";
  }

  #reset(end: number): number {
    this.#state = "value";
    this.#hasBegun = false;
    return end;
  }

  /** Index of the next byte that means something in a string; most of a request is such text. */
  #skipText(bytes: Uint8Array, from: number): number {
    let i = from;
    for (; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) break;
    }
    return i;
  }

  #inString(byte: number): void {
    if (byte === QUOTE) this.#endValue();
    else if (byte === BACKSLASH) this.#state = "escape";
    else throw invalid(byte, "in string literal");
  }

  #endValue(): void {
    const place = this.#places.at(-1);
    if (place === undefined) this.#state = "done";
    else this.#state = place === "name" ? "after name" : "after value";
  }

  #step(byte: number): void {
    const char = String.fromCharCode(byte);
    switch (this.#state) {
      case "value":
      case "value or ]":
      case "name":
      case "name or }":
        if (!isSpace(byte)) this.#begin(char, byte);
        return;
      case "after name":
      case "after value":
        if (!isSpace(byte)) this.#between(char, byte);
        return;
      case "escape":
        if (char === "u") [this.#state, this.#literalAt] = ["unicode", 0];
        else if ('"\\/bfnrt'.includes(char)) this.#state = "string";
        else this.#refuse(byte);
        return;
      case "unicode":
        if (!/[0-9a-fA-F]/.test(char)) this.#refuse(byte);
        if (++this.#literalAt === 4) this.#state = "string";
        return;
      case "literal":
        return this.#inLiteral(char, byte);
      default:
        return this.#inNumber(char, byte);
    }
  }

  #begin(char: string, byte: number): void {
    this.#hasBegun = true;
    const state = this.#state;
    if (state === "name" || state === "name or }") {
      if (char === "}" && state === "name or }") return this.#close();
      if (char !== '"') this.#refuse(byte);
      this.#state = "string";
      return;
    }
    if (char === "]" && state === "value or ]") return this.#close();
    if (char === "{") return this.#open("name", "name or }");
    if (char === "[") return this.#open("element", "value or ]");
    if (char === '"') this.#state = "string";
    else if (char === "-") this.#state = "-";
    else if (char === "0") this.#state = "0";
    else if (char >= "1" && char <= "9") this.#state = "digits";
    else if (LITERALS[char] !== undefined) {
      [this.#state, this.#literal, this.#literalAt] = ["literal", LITERALS[char], 1];
    } else this.#refuse(byte);
  }

  #open(place: Place, state: State): void {
    if (this.#places.length >= DEPTH_MAX) throw new JsonError("exceeded max depth");
    this.#places.push(place);
    this.#state = state;
  }

  #close(): void {
    this.#places.pop();
    this.#endValue();
  }

  /** Between a name and its value, or behind a value. */
  #between(char: string, byte: number): void {
    const top = this.#places.length - 1;
    switch (this.#places[top]) {
      case "name":
        if (char !== ":") this.#refuse(byte);
        this.#places[top] = "member";
        this.#state = "value";
        return;
      case "member":
        if (char === "}") return this.#close();
        if (char !== ",") throw invalid(byte, "after object key:value pair");
        this.#places[top] = "name";
        this.#state = "name";
        return;
      default:
        if (char === "]") return this.#close();
        if (char !== ",") throw invalid(byte, "after array element");
        this.#state = "value";
    }
  }

  #inLiteral(char: string, byte: number): void {
    const expected = this.#literal[this.#literalAt] ?? "";
    if (char !== expected) {
      throw invalid(byte, `in literal ${this.#literal} (expecting '${expected}')`);
    }
    if (++this.#literalAt === this.#literal.length) this.#endValue();
  }

  #inNumber(char: string, byte: number): void {
    switch (this.#state) {
      case "-":
        if (!isDigit(byte)) this.#refuse(byte);
        this.#state = char === "0" ? "0" : "digits";
        return;
      case ".":
        if (!isDigit(byte)) this.#refuse(byte);
        this.#state = "fraction";
        return;
      case "e":
        if (char === "+" || char === "-") this.#state = "e sign";
        else if (isDigit(byte)) this.#state = "exponent";
        else this.#refuse(byte);
        return;
      case "e sign":
        if (!isDigit(byte)) this.#refuse(byte);
        this.#state = "exponent";
        return;
      default:
        // It goes on, so this is one of the three.
        if (byte === POINT) this.#state = ".";
        else if (!isDigit(byte)) this.#state = "e";
    }
  }

  #refuse(byte: number): never {
    throw invalid(byte, CONTEXT[this.#state] ?? "looking for beginning of value");
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** A byte as Go writes it in single quotes. */
function quote(byte: number): string {
  const char = String.fromCharCode(byte);
  if (char === "'") return "'\\''";
  if (char === "\\") return "'\\\\'";
  const escape: string | undefined =
    { 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r" }[byte];
  if (escape !== undefined) return `'\\${escape}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, "0")}'`;
  // Neither control characters nor the no-break space and the soft hyphen can be printed.
  if ((byte >= 0x80 && byte <= 0xa0) || byte === 0xad) return `'\\u00${byte.toString(16)}'`;
  return `'${char}'`;
}

function invalid(byte: number, context: string): JsonError {
  return new JsonError(`invalid character ${quote(byte)} ${context}`);
}
