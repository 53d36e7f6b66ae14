/** What does not hold, as it is found. */
import { Buffer } from "node:buffer";

/** Findings told one by one; the rest is counted. */
const TOLD_MAX = 50;
const KEY_LENGTH_MAX = 80;

export class Findings {
  count = 0;
  readonly #tell: (text: string) => void;

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  add(text: string): void {
    this.count++;
    if (this.count <= TOLD_MAX) this.#tell(text);
    if (this.count === TOLD_MAX) this.#tell("further findings are only counted");
  }
}

/** A key for people: text if it is some, else in hexadecimal digits; a long one is cut. */
export function showKey(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  const text = bytes.toString("latin1");
  const shown = /^[ -~]*$/.test(text) ? JSON.stringify(text) : `0x${bytes.toString("hex")}`;
  return shown.length > KEY_LENGTH_MAX ? `${shown.slice(0, KEY_LENGTH_MAX)}…` : shown;
}
