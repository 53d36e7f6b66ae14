/** A log file that is put aside when it is large, under the names that lumberjack gives, which etcd uses. */

import { basename, dirname, extname, join } from "node:path";
import type { LogRotation } from "./config.ts";

const BYTES_PER_MIB = 1024 * 1024;
const MIB_DEFAULT = 100;
const MS_PER_DAY = 24 * 60 * 60 * 1_000;

export interface RotatingFileOptions {
  readonly path: string;
  readonly rotation: LogRotation;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  readonly #bytesMax: number;
  #file: Deno.FsFile;
  #bytes: number;
  /** Old files are looked after one at a time; while they are, a further wish is kept, not queued. */
  #tidying: Promise<void> | undefined;
  #isStale = false;

  /** @throws {Error} if the file cannot be opened */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#bytesMax = (options.rotation.maxSize || MIB_DEFAULT) * BYTES_PER_MIB;
    this.#file = openLogFile(options.path);
    this.#bytes = this.#file.statSync().size;
  }

  /** @throws {Error} if the disk does not take it */
  write(bytes: Uint8Array): void {
    if (this.#bytes > 0 && this.#bytes + bytes.byteLength > this.#bytesMax) this.#rotate();
    writeAll(this.#file, bytes);
    this.#bytes += bytes.byteLength;
  }

  /** Resolves when old files have been looked after. */
  async tidied(): Promise<void> {
    while (this.#tidying !== undefined) await this.#tidying;
  }

  close(): void {
    this.#file.close();
  }

  #rotate(): void {
    const { path } = this.#options;
    try {
      Deno.renameSync(path, this.#backupPath());
      const next = openLogFile(path);
      this.#file.close();
      this.#file = next;
      this.#tidy();
    } catch {
      // Rather a file that is too large than lines that are lost; it is tried again after as much once more.
    }
    this.#bytes = 0;
  }

  #backupPath(): string {
    const { path, rotation, now } = this.#options;
    const { prefix, suffix } = partsOf(path);
    // Two in a millisecond must not be one.
    for (let ms = now();; ms++) {
      const backup = join(dirname(path), `${prefix}${timeText(ms, rotation)}${suffix}`);
      if (!exists(backup) && !exists(`${backup}.gz`)) return backup;
    }
  }

  #tidy(): void {
    this.#isStale = true;
    this.#tidying ??= this.#tidyAll().finally(() => this.#tidying = undefined);
  }

  async #tidyAll(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      // What cannot be removed or compressed stays, and the log goes on.
      await this.#tidyOnce().catch(() => {});
    }
  }

  async #tidyOnce(): Promise<void> {
    const { path, rotation, now } = this.#options;
    const { maxBackups, maxAge, compress } = rotation;
    const backups = backupsOf(path);
    const oldest = timeText(now() - maxAge * MS_PER_DAY, rotation);
    for (const [index, { name, time }] of backups.entries()) {
      const file = join(dirname(path), name);
      const isTooMany = maxBackups > 0 && index >= maxBackups;
      const isTooOld = maxAge > 0 && time < oldest;
      if (isTooMany || isTooOld) await Deno.remove(file);
      else if (compress && !name.endsWith(".gz")) await compressFile(file);
    }
  }
}

/** @throws {Error} if the file cannot be opened */
export function openLogFile(path: string): Deno.FsFile {
  const options = { append: true, create: true, mode: 0o600 } as const;
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // Only now, for to make a folder takes a right to it, even where it is there.
    Deno.mkdirSync(dirname(path), { recursive: true });
    return Deno.openSync(path, options);
  }
}

export function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.byteLength > 0) rest = rest.subarray(file.writeSync(rest));
}

/** `etcd.log` → `etcd-` and `.log`. */
function partsOf(path: string): { prefix: string; suffix: string } {
  const suffix = extname(path);
  return { prefix: `${basename(path, suffix)}-`, suffix };
}

/** Files put aside, the newest first. Their names sort by time. */
function backupsOf(path: string): { name: string; time: string }[] {
  const { prefix, suffix } = partsOf(path);
  const backups: { name: string; time: string }[] = [];
  for (const { name, isFile } of Deno.readDirSync(dirname(path))) {
    if (!isFile || !name.startsWith(prefix)) continue;
    const time = name.slice(prefix.length).replace(/\.gz$/, "").slice(0, TIME_LENGTH);
    const rest = name.slice(prefix.length + TIME_LENGTH);
    const isOurs = TIME.test(time) && (rest === suffix || rest === `${suffix}.gz`);
    if (isOurs) backups.push({ name, time });
  }
  return backups.sort((a, b) => (a.time < b.time ? 1 : -1));
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;
const TIME_LENGTH = "2026-11-25T22-21-15.123".length;

function timeText(ms: number, { localTime }: LogRotation): string {
  const offsetMs = localTime ? new Date(ms).getTimezoneOffset() * 60_000 : 0;
  return new Date(ms - offsetMs).toISOString().slice(0, -1).replaceAll(":", "-");
}

async function compressFile(path: string): Promise<void> {
  const half = `${path}.gz.part`;
  const source = await Deno.open(path);
  const target = await Deno.open(half, { write: true, create: true, truncate: true, mode: 0o600 });
  // Both are closed by the pipe.
  await source.readable.pipeThrough(new CompressionStream("gzip")).pipeTo(target.writable);
  await Deno.rename(half, `${path}.gz`);
  await Deno.remove(path);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
