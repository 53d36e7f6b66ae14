/** Reads a bbolt file whole, and checks what bbolt's own check does: every page is used once, keys are in order. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";

const BRANCH = 0x01;
const LEAF = 0x02;
const META = 0x04;
const FREELIST = 0x10;
const PAGE_HEADER_SIZE = 16;
const BUCKET_HEADER_SIZE = 16;
/** etcd's own files leave the list out. */
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;
const MAGIC = 0xed0cdaed;

export interface BoltEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Bucket name → entries in order. Buckets within buckets are not read: etcd has none. */
export type BoltContents = ReadonlyMap<string, readonly BoltEntry[]>;

/** @throws {assert.AssertionError} if it is no sound bbolt file */
export function readBolt(file: Uint8Array): BoltContents {
  return new BoltReader(Buffer.from(file.buffer, file.byteOffset, file.byteLength)).read();
}

interface Element {
  readonly isBucket: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly child: number;
}

class BoltReader {
  readonly #file: Buffer;
  readonly #pageSize: number;
  readonly #seen = new Set<number>();

  constructor(file: Buffer) {
    this.#file = file;
    this.#pageSize = file.readUInt32LE(PAGE_HEADER_SIZE + 8);
  }

  read(): BoltContents {
    const [first, second] = [this.#meta(0), this.#meta(1)];
    const meta = second.transaction > first.transaction ? second : first;
    assert.ok(meta.pageCount * this.#pageSize <= this.#file.length, "the file has all its pages");
    this.#see(0);
    this.#see(1);
    const free = meta.hasFreelist ? this.#freelist(meta.freelist) : undefined;
    const buckets = new Map<string, BoltEntry[]>();
    for (const { key, value, isBucket } of this.#tree(meta.root)) {
      assert.ok(isBucket, "the root holds buckets");
      const root = Number(value.readBigUInt64LE(0));
      const entries = root === 0
        ? elementsOf(value.subarray(BUCKET_HEADER_SIZE))
        : [...this.#tree(root)];
      assertOrder(entries);
      buckets.set(key.toString(), entries);
    }
    assertOrder([...buckets.keys()].map((name) => ({ key: Buffer.from(name) })));
    if (free !== undefined) {
      assert.equal(this.#seen.size + free, meta.pageCount, "every page is used or free");
    }
    return buckets;
  }

  #meta(number: number) {
    const page = this.#file.subarray(number * this.#pageSize);
    assert.equal(page.readUInt16LE(8), META);
    const content = page.subarray(PAGE_HEADER_SIZE);
    assert.equal(content.readUInt32LE(0), MAGIC);
    assert.equal(content.readUInt32LE(4), 2);
    const at = (offset: number) => Number(content.readBigUInt64LE(offset));
    const hasFreelist = content.readBigUInt64LE(32) !== NO_FREELIST;
    return {
      root: at(16),
      freelist: at(32),
      hasFreelist,
      pageCount: at(40),
      transaction: at(48),
    };
  }

  /** How many pages are free. */
  #freelist(number: number): number {
    const page = this.#page(number);
    assert.equal(page.readUInt16LE(8), FREELIST);
    return page.readUInt16LE(10);
  }

  *#tree(number: number): Generator<Element> {
    const page = this.#page(number);
    for (const element of elementsOf(page)) {
      if (page.readUInt16LE(8) === LEAF) {
        yield element;
        continue;
      }
      let isFirst = true;
      for (const below of this.#tree(element.child)) {
        if (isFirst) assert.deepEqual(below.key, element.key, "a branch has its pages' first keys");
        isFirst = false;
        yield below;
      }
    }
  }

  #page(number: number): Buffer {
    const at = number * this.#pageSize;
    assert.equal(Number(this.#file.readBigUInt64LE(at)), number);
    const overflow = this.#file.readUInt32LE(at + 12);
    for (let index = 0; index <= overflow; index++) this.#see(number + index);
    return this.#file.subarray(at, at + (overflow + 1) * this.#pageSize);
  }

  #see(number: number): void {
    assert.ok(!this.#seen.has(number), `page ${number} is used once`);
    this.#seen.add(number);
  }
}

function elementsOf(page: Buffer): Element[] {
  const kind = page.readUInt16LE(8);
  assert.ok(kind === LEAF || kind === BRANCH, `a page of kind ${kind}`);
  return Array.from({ length: page.readUInt16LE(10) }, (_, index) => {
    const element = page.subarray(PAGE_HEADER_SIZE + index * 16);
    return kind === LEAF ? leafElement(element) : branchElement(element);
  });
}

function leafElement(element: Buffer): Element {
  const [flags, position, keySize, valueSize] = [0, 4, 8, 12].map((at) => element.readUInt32LE(at));
  assert.ok(position !== undefined && keySize !== undefined && valueSize !== undefined);
  const key = element.subarray(position, position + keySize);
  const value = element.subarray(position + keySize, position + keySize + valueSize);
  assert.equal(value.length, valueSize);
  return { isBucket: flags === 1, key, value, child: 0 };
}

function branchElement(element: Buffer): Element {
  const position = element.readUInt32LE(0);
  const key = element.subarray(position, position + element.readUInt32LE(4));
  const child = Number(element.readBigUInt64LE(8));
  return { isBucket: false, key, value: Buffer.alloc(0), child };
}

function assertOrder(entries: readonly { readonly key: Buffer }[]): void {
  entries.reduce<Buffer>((before, { key }) => {
    assert.ok(Buffer.compare(before, key) < 0, "keys ascend");
    return key;
  }, Buffer.alloc(0));
}
