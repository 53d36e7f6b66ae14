/**
 * Pages of a bbolt file, the format of etcd's database (source: bbolt's internal/common). A page begins with its number,
 * kind, count of elements and how many further pages it runs over; all numbers are little endian. Leaves hold keys with
 * values, branches hold for each page below them its first key.
 */
import { Buffer } from "node:buffer";

export const PAGE_SIZE = 4096;

const PAGE_HEADER_SIZE = 16;
/** Of a leaf and of a branch. */
const ELEMENT_SIZE = 16;

export const PAGE_KIND = { BRANCH: 0x01, LEAF: 0x02, META: 0x04, FREELIST: 0x10 } as const;

/** Marks a leaf's element whose value is another bucket's header. */
const BUCKET_FLAG = 1;
/** Elements of a page are counted in 16 bits, of which bbolt's lists keep the highest number for themselves. */
const ELEMENTS_MAX = 0xfffe;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
/** Of a meta page's content, before its checksum. */
const META_SIZE = 56;

/** Of a leaf: a key and its value; of a branch: a key and the number of the page that begins with it. */
export interface PageElement {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly child: number;
  readonly isBucket: boolean;
}

const EMPTY = new Uint8Array(0);

export function leafElement(key: Uint8Array, value: Uint8Array): PageElement {
  return { key, value, child: 0, isBucket: false };
}

/** A bucket within another one, by the number of its root page. */
export function bucketElement(name: Uint8Array, root: number): PageElement {
  const header = Buffer.alloc(16);
  writeNumber64(header, root, 0);
  return { key: name, value: header, child: 0, isBucket: true };
}

export function branchElement(key: Uint8Array, child: number): PageElement {
  return { key, value: EMPTY, child, isBucket: false };
}

/** Elements that will be one page, in order of their keys. */
export class PageBuilder {
  readonly #kind: number;
  #elements: PageElement[] = [];
  #size = PAGE_HEADER_SIZE;

  constructor(kind: number) {
    this.#kind = kind;
  }

  /** Whether the page keeps its size with one more; an empty one takes any element and runs over if need be. */
  hasRoomFor(element: PageElement): boolean {
    if (this.#elements.length === 0) return true;
    return this.#size + elementSize(element) <= PAGE_SIZE && this.#elements.length < ELEMENTS_MAX;
  }

  add(element: PageElement): void {
    this.#elements.push(element);
    this.#size += elementSize(element);
  }

  /** The page, still without its number, and its first key; begins the next one. */
  take(): { readonly page: Buffer; readonly firstKey: Uint8Array } {
    const elements = this.#elements;
    const page = emptyPage(this.#kind, { count: elements.length, size: this.#size });
    const { writeHead } = this.#kind === PAGE_KIND.LEAF ? LEAF : BRANCH;
    let at = PAGE_HEADER_SIZE;
    let dataAt = PAGE_HEADER_SIZE + elements.length * ELEMENT_SIZE;
    for (const element of elements) {
      // Where the data lies is told from the element itself on.
      writeHead(page, element, { at, position: dataAt - at });
      page.set(element.key, dataAt);
      page.set(element.value, dataAt + element.key.length);
      at += ELEMENT_SIZE;
      dataAt += element.key.length + element.value.length;
    }
    this.#elements = [];
    this.#size = PAGE_HEADER_SIZE;
    return { page, firstKey: elements[0]?.key ?? EMPTY };
  }
}

function elementSize({ key, value }: PageElement): number {
  return ELEMENT_SIZE + key.length + value.length;
}

interface Place {
  readonly at: number;
  readonly position: number;
}

const LEAF = {
  writeHead(page: Buffer, { key, value, isBucket }: PageElement, { at, position }: Place): void {
    page.writeUInt32LE(isBucket ? BUCKET_FLAG : 0, at);
    page.writeUInt32LE(position, at + 4);
    page.writeUInt32LE(key.length, at + 8);
    page.writeUInt32LE(value.length, at + 12);
  },
};

const BRANCH = {
  writeHead(page: Buffer, { key, child }: PageElement, { at, position }: Place): void {
    page.writeUInt32LE(position, at);
    page.writeUInt32LE(key.length, at + 4);
    writeNumber64(page, child, at + 8);
  },
};

/** A page of as many pages' length as its size takes; what is not written is zero. */
function emptyPage(kind: number, { count, size }: { count: number; size: number }): Buffer {
  const pages = Math.ceil(size / PAGE_SIZE);
  const page = Buffer.alloc(pages * PAGE_SIZE);
  page.writeUInt16LE(kind, 8);
  page.writeUInt16LE(count, 10);
  page.writeUInt32LE(pages - 1, 12);
  return page;
}

/** A list of free pages, in which there are none. */
export function freelistPage(): Buffer {
  return emptyPage(PAGE_KIND.FREELIST, { count: 0, size: PAGE_SIZE });
}

export function writePageNumber(page: Buffer, number: number): void {
  writeNumber64(page, number, 0);
}

/** What a meta page tells: where everything begins. */
export interface Meta {
  readonly rootPage: number;
  readonly freelistPage: number;
  /** All pages of the file. */
  readonly pageCount: number;
  /** The valid one of the two meta pages with the higher number counts. */
  readonly transaction: number;
}

export function metaPage(meta: Meta): Buffer {
  const page = emptyPage(PAGE_KIND.META, { count: 0, size: PAGE_SIZE });
  writePageNumber(page, meta.transaction % 2);
  const content = page.subarray(PAGE_HEADER_SIZE);
  content.writeUInt32LE(MAGIC, 0);
  content.writeUInt32LE(VERSION, 4);
  content.writeUInt32LE(PAGE_SIZE, 8);
  // 12: flags, none; 24: the root bucket's sequence, not used.
  writeNumber64(content, meta.rootPage, 16);
  writeNumber64(content, meta.freelistPage, 32);
  writeNumber64(content, meta.pageCount, 40);
  writeNumber64(content, meta.transaction, 48);
  content.writeBigUInt64LE(fnv1a(content.subarray(0, META_SIZE)), META_SIZE);
  return page;
}

/** A safe, non-negative integer. */
function writeNumber64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 2 ** 32, at);
  buffer.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

/** FNV-1a of 64 bits. */
export function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
