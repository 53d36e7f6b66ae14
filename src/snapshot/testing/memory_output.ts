/** What a file would hold, in memory. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { BoltOutput } from "../bolt_file.ts";

export class MemoryOutput implements BoltOutput {
  readonly #pieces: Buffer[] = [];
  /** Longest piece appended at once. */
  longest = 0;

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  append(parts: readonly Uint8Array[]): Promise<void> {
    const piece = Buffer.concat(parts);
    this.longest = Math.max(this.longest, piece.length);
    this.#pieces.push(piece);
    return Promise.resolve();
  }

  writeFront(bytes: Uint8Array): Promise<void> {
    const [first] = this.#pieces;
    assert.ok(first !== undefined && first.length >= bytes.length);
    first.set(bytes);
    return Promise.resolve();
  }
}
