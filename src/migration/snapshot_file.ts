/** A snapshot in a file, or on its way into one: opened once it is known to be whole. */
import { Buffer } from "node:buffer";
import { createHash, randomUUID } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { BoltReader } from "./bolt_reader.ts";
import { MigrationError, type Report } from "./source.ts";

/** `etcdctl snapshot save` writes it behind the database. */
const HASH_SIZE = 32;
/** A database is a multiple of this, so the size tells whether there is a checksum. */
const BLOCK_SIZE = 512;
const READ_BYTES = 1024 * 1024;

export interface SnapshotFile {
  readonly reader: BoltReader;
  readonly hasChecksum: boolean;
}

/** @throws {MigrationError} if it cannot be read, was cut short or changed, or is none */
export async function openSnapshot(path: string, report: Report): Promise<SnapshotFile> {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    throw new MigrationError(`cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
  return await openDescriptor(descriptor, { name: path, report });
}

async function openDescriptor(
  descriptor: number,
  { name, report }: { readonly name: string; readonly report: Report },
): Promise<SnapshotFile> {
  let hasChecksum: boolean;
  try {
    hasChecksum = await checkSum(descriptor, { name, report });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return { reader: new BoltReader(descriptor, name), hasChecksum };
}

async function checkSum(
  descriptor: number,
  { name, report }: { readonly name: string; readonly report: Report },
): Promise<boolean> {
  const { size } = fstatSync(descriptor);
  const behind = size % BLOCK_SIZE;
  if (behind === 0) return false;
  if (behind !== HASH_SIZE) {
    throw new MigrationError(
      `"${name}" is no whole snapshot of etcd: it has ${size} bytes; save it again`,
    );
  }
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(READ_BYTES);
  const end = size - HASH_SIZE;
  for (let at = 0; at < end;) {
    const count = readSync(descriptor, buffer, 0, Math.min(READ_BYTES, end - at), at);
    if (count === 0) throw new MigrationError(`"${name}" became shorter while it was read`);
    hash.update(buffer.subarray(0, count));
    at += count;
    report({ what: "checking", fraction: at / end, revision: 0, rows: 0, bytes: at });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  readSync(descriptor, buffer, 0, HASH_SIZE, end);
  if (hash.digest().equals(buffer.subarray(0, HASH_SIZE))) return true;
  throw new MigrationError(
    `"${name}" is damaged: its checksum is not that of its contents; save the snapshot again`,
  );
}

/**
 * A file that takes a snapshot in; its name is gone as soon as it is open, so nothing is left of it whatever happens.
 */
export class SnapshotDownload implements Disposable {
  readonly #folder: string;
  #descriptor: number | undefined;

  /** @throws {MigrationError} if there can be no file in the folder */
  constructor(folder: string) {
    this.#folder = folder;
    const path = join(folder, `.rhino-migration-${randomUUID()}`);
    try {
      // Whoever can read the file can read everything that the store holds.
      this.#descriptor = openSync(path, "wx+", 0o600);
      rmSync(path);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  append(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) {
        at += writeSync(this.#descriptor ?? -1, bytes, at, bytes.length - at);
      }
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Gives the file away. @throws {MigrationError} if it is not whole */
  async open(name: string, report: Report): Promise<SnapshotFile> {
    const descriptor = this.#descriptor ?? -1;
    this.#descriptor = undefined;
    return await openDescriptor(descriptor, { name, report });
  }

  #failed(error: unknown): MigrationError {
    return new MigrationError(
      `cannot keep the snapshot in ${this.#folder}: ${
        messageOf(error)
      }; name a folder with room in TMPDIR`,
      { cause: error },
    );
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}
