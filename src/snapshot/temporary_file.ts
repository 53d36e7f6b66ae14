/**
 * A file that only its process can reach: its name is gone as soon as it is open, so that nothing stays behind, whatever
 * becomes of the process. Bytes are appended, then read from front to back.
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { BoltOutput } from "./bolt_file.ts";

/** The disk under the file does not do what it should. */
export class TemporaryFileError extends Error {
  /** Whether there is no room for more. */
  readonly isFull: boolean;
  constructor(folder: string, options: { readonly cause: unknown }) {
    super(`Cannot use a temporary file in ${folder}`, options);
    this.name = "TemporaryFileError";
    this.isFull = FULL.has(String(Object(options.cause).code));
  }
}

/** No space on the device, more than the user's quota, more than the process may write. */
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** What of an open file is used. */
export type OpenedFile = Pick<Deno.FsFile, "write" | "read" | "seek" | "close">;

export class TemporaryFile implements BoltOutput, Disposable {
  readonly #folder: string;
  readonly #file: OpenedFile;
  /** Where the file is if its name could not be removed while it is open. */
  readonly #path: string | undefined;
  #size: number;

  constructor(
    folder: string,
    opened: { readonly file: OpenedFile; readonly path?: string; readonly size?: number },
  ) {
    this.#folder = folder;
    this.#size = opened.size ?? 0;
    this.#file = opened.file;
    this.#path = opened.path;
  }

  /** @throws {TemporaryFileError} */
  static async create(folder: string): Promise<TemporaryFile> {
    const path = join(folder, `.rhino-snapshot-${randomUUID()}`);
    try {
      // Whoever can read the file can read everything that the store holds.
      const options = { read: true, write: true, createNew: true, mode: 0o600 } as const;
      const file = await Deno.open(path, options);
      const isNameless = await Deno.remove(path).then(() => true, () => false);
      return new TemporaryFile(folder, isNameless ? { file } : { file, path });
    } catch (cause) {
      throw new TemporaryFileError(folder, { cause });
    }
  }

  get size(): number {
    return this.#size;
  }

  /** @throws {TemporaryFileError} */
  async append(parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts);
    await this.#write(bytes);
    this.#size += bytes.length;
  }

  /** @throws {TemporaryFileError} */
  async writeFront(bytes: Uint8Array): Promise<void> {
    await this.#try(() => this.#file.seek(0, Deno.SeekMode.Start));
    await this.#write(bytes);
    await this.#try(() => this.#file.seek(0, Deno.SeekMode.End));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#try(() => this.#file.write(bytes.subarray(at)));
    }
  }

  /**
   * The file's bytes in pieces of this size, the last one shorter; each is the caller's own.
   *
   * @throws {TemporaryFileError}
   */
  async *read(pieceSize: number): AsyncGenerator<Uint8Array> {
    await this.#try(() => this.#file.seek(0, Deno.SeekMode.Start));
    for (let rest = this.#size; rest > 0;) {
      const piece = Buffer.alloc(Math.min(pieceSize, rest));
      await this.#fill(piece);
      yield piece;
      rest -= piece.length;
    }
  }

  async #fill(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) {
      const count = await this.#try(() => this.#file.read(piece.subarray(at)));
      if (count === null) {
        const cause = new Error("the file is shorter than what was written");
        throw new TemporaryFileError(this.#folder, { cause });
      }
      at += count;
    }
  }

  async #try<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      throw new TemporaryFileError(this.#folder, { cause });
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
    if (this.#path !== undefined) Deno.removeSync(this.#path);
  }
}
