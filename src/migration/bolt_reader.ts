/**
 * Reads a bbolt file page by page, a bucket at a time and in order, with one page of each level in memory. Whatever the
 * file holds, reading ends: each page is looked at before it is believed.
 */
import { Buffer } from "node:buffer";
import { closeSync, fstatSync, readSync } from "node:fs";
import { fnv1a } from "../snapshot/bolt_page.ts";
import { MigrationError } from "./source.ts";

const PAGE_HEADER_SIZE = 16;
const BUCKET_HEADER_SIZE = 16;
const META_SIZE = 64;
const ELEMENT_SIZE = 16;
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const BRANCH = 0x01;
const LEAF = 0x02;
const BUCKET_ELEMENT = 0x01;
/** bbolt's smallest and largest. */
const PAGE_SIZE_MIN = 512;
const PAGE_SIZE_MAX = 64 * 1024;
/** A page with what overflows it: far above the largest request that any etcd takes. */
const PAGE_BYTES_MAX = 512 * 1024 * 1024;
/** With two children a page, this many levels hold more than a disk. */
const LEVELS_MAX = 48;

export interface BoltEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface BoltLeaf {
  /** In order; valid as long as anybody holds them. */
  readonly entries: readonly BoltEntry[];
  /** How much of the bucket has been read with this page, from 0 to 1. */
  readonly fraction: number;
}

interface Element extends BoltEntry {
  readonly isBucket: boolean;
  readonly child: number;
}

interface Page {
  readonly isLeaf: boolean;
  readonly elements: readonly Element[];
}

interface Meta {
  readonly pageSize: number;
  readonly root: number;
  readonly pageCount: number;
  readonly transaction: bigint;
}

export class BoltReader implements Disposable {
  readonly size: number;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #meta: Meta;
  #pagesLeft: number;
  #isClosed = false;

  /**
   * @param path for messages; the file is closed with the reader, or when it is none
   * @throws {MigrationError} if it is no bbolt file, or was cut short
   */
  constructor(descriptor: number, path: string) {
    this.#descriptor = descriptor;
    this.#path = path;
    try {
      this.size = fstatSync(descriptor).size;
      this.#meta = this.#newestMeta();
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    const { pageCount, pageSize } = this.#meta;
    this.#pagesLeft = pageCount;
    if (pageCount * pageSize > this.size) {
      closeSync(descriptor);
      throw this.#corrupt(
        `it has ${this.size} bytes where its header says ${pageCount * pageSize}: it was cut short`,
      );
    }
  }

  /**
   * The bucket's entries, leaf by leaf; nothing if there is no such bucket.
   *
   * @throws {MigrationError} at what is not sound
   */
  *bucket(name: string): Generator<BoltLeaf> {
    // Each page is used once: whoever reads more has been led in a circle.
    this.#pagesLeft = this.#meta.pageCount;
    const found = this.#find(name);
    if (found === undefined) return;
    const root = number64(found.value, 0);
    const leaves = root === 0
      ? [{ entries: this.#inline(found.value), fraction: 1 }]
      : this.#leaves(root, { level: 1, from: 0, share: 1 });
    let last: Buffer | undefined;
    for (const leaf of leaves) {
      for (const { key } of leaf.entries) {
        if (last !== undefined && Buffer.compare(last, key) >= 0) {
          throw this.#corrupt(`the keys of its bucket "${name}" are not in order`);
        }
        last = key;
      }
      yield leaf;
    }
  }

  /** All entries of a bucket that is not large. */
  entries(name: string): BoltEntry[] {
    return [...this.bucket(name)].flatMap(({ entries }) => entries);
  }

  has(name: string): boolean {
    this.#pagesLeft = this.#meta.pageCount;
    return this.#find(name) !== undefined;
  }

  #find(name: string): Element | undefined {
    for (const { entries } of this.#leaves(this.#meta.root, { level: 1, from: 0, share: 1 })) {
      const found = entries.find(({ key }) => key.toString() === name);
      if (found === undefined) continue;
      // The entries are the page's elements.
      const element = found as Element;
      if (!element.isBucket || element.value.length < BUCKET_HEADER_SIZE) {
        throw this.#corrupt(`"${name}" in it is no bucket`);
      }
      return element;
    }
    return undefined;
  }

  #inline(value: Buffer): readonly BoltEntry[] {
    return this.#elements(value.subarray(BUCKET_HEADER_SIZE), "a bucket").elements;
  }

  *#leaves(
    id: number,
    { level, from, share }: { level: number; from: number; share: number },
  ): Generator<BoltLeaf> {
    if (level > LEVELS_MAX) throw this.#corrupt(`its tree has more than ${LEVELS_MAX} levels`);
    const { isLeaf, elements } = this.#page(id);
    if (isLeaf) return yield { entries: elements, fraction: from + share };
    const each = share / elements.length;
    for (const [at, { child }] of elements.entries()) {
      yield* this.#leaves(child, { level: level + 1, from: from + at * each, share: each });
    }
  }

  #page(id: number): Page {
    const { pageSize, pageCount } = this.#meta;
    if (id < 2 || id >= pageCount) {
      throw this.#corrupt(`it points to page ${id}, and has ${pageCount}`);
    }
    if (this.#pagesLeft-- <= 0) throw this.#corrupt("its pages lead in a circle");
    const first = this.#read(id * pageSize, pageSize);
    const overflow = first.readUInt32LE(12);
    if (number64(first, 0) !== id || id + overflow >= pageCount) {
      throw this.#corrupt(`page ${id} is damaged`);
    }
    const bytes = (overflow + 1) * pageSize;
    if (bytes > PAGE_BYTES_MAX) throw this.#corrupt(`page ${id} has ${bytes} bytes`);
    const page = overflow === 0 ? first : this.#read(id * pageSize, bytes);
    return this.#elements(page, `page ${id}`);
  }

  #elements(page: Buffer, where: string): Page {
    if (page.length < PAGE_HEADER_SIZE) throw this.#corrupt(`${where} is damaged`);
    const flags = page.readUInt16LE(8);
    const count = page.readUInt16LE(10);
    const isLeaf = flags === LEAF;
    const isSound = (isLeaf || (flags === BRANCH && count > 0)) &&
      PAGE_HEADER_SIZE + count * ELEMENT_SIZE <= page.length;
    if (!isSound) throw this.#corrupt(`${where} is damaged`);
    const elements = Array.from({ length: count }, (_, index) => {
      const at = PAGE_HEADER_SIZE + index * ELEMENT_SIZE;
      const element = isLeaf ? leafElement(page, at) : branchElement(page, at);
      if (element === undefined) throw this.#corrupt(`${where} is damaged`);
      return element;
    });
    return { isLeaf, elements };
  }

  /** Of two headers, written in turn, the newest that is whole. */
  #newestMeta(): Meta {
    const first = this.#metaAt(0);
    const sizes = first === undefined ? pageSizes() : [first.pageSize];
    const others = sizes.map((size) => this.#metaAt(size)).filter((meta) => meta !== undefined);
    const metas = [...(first === undefined ? [] : [first]), ...others];
    const [newest] = metas.sort((a, b) => a.transaction > b.transaction ? -1 : 1);
    if (newest === undefined) throw this.#corrupt("it has no header of a bbolt database");
    return newest;
  }

  #metaAt(offset: number): Meta | undefined {
    if (offset + PAGE_HEADER_SIZE + META_SIZE > this.size) return undefined;
    const meta = this.#read(offset + PAGE_HEADER_SIZE, META_SIZE);
    const pageSize = meta.readUInt32LE(8);
    const isSound = meta.readUInt32LE(0) === MAGIC && meta.readUInt32LE(4) === VERSION &&
      pageSize >= PAGE_SIZE_MIN && pageSize <= PAGE_SIZE_MAX &&
      meta.readBigUInt64LE(56) === fnv1a(meta.subarray(0, 56));
    if (!isSound) return undefined;
    return {
      pageSize,
      root: number64(meta, 16),
      pageCount: number64(meta, 40),
      transaction: meta.readBigUInt64LE(48),
    };
  }

  #read(position: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const count = readSync(this.#descriptor, buffer, at, length - at, position + at);
      if (count === 0) throw this.#corrupt("it was cut short");
      at += count;
    }
    return buffer;
  }

  #corrupt(found: string): MigrationError {
    return new MigrationError(`"${this.#path}" is no sound snapshot of etcd: ${found}`);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#descriptor);
  }
}

/** In each, key and value begin so many bytes behind the element itself. */
function leafElement(page: Buffer, at: number): Element | undefined {
  const start = at + page.readUInt32LE(at + 4);
  const keyEnd = start + page.readUInt32LE(at + 8);
  const end = keyEnd + page.readUInt32LE(at + 12);
  if (end > page.length) return undefined;
  return {
    isBucket: page.readUInt32LE(at) === BUCKET_ELEMENT,
    key: page.subarray(start, keyEnd),
    value: page.subarray(keyEnd, end),
    child: 0,
  };
}

function branchElement(page: Buffer, at: number): Element | undefined {
  const start = at + page.readUInt32LE(at);
  const end = start + page.readUInt32LE(at + 4);
  if (end > page.length) return undefined;
  const key = page.subarray(start, end);
  return { isBucket: false, key, value: Buffer.alloc(0), child: number64(page, at + 8) };
}

/** What is beyond the safe integers is no place in a file: it comes out as a page that there is not. */
function number64(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at));
}

function pageSizes(): number[] {
  const sizes: number[] = [];
  for (let size = PAGE_SIZE_MIN; size <= PAGE_SIZE_MAX; size *= 2) sizes.push(size);
  return sizes;
}
