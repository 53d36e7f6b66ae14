/**
 * A bbolt file written from front to back in one pass. Each bucket is a tree built from the bottom up: its keys come in
 * order, so a page that is full is written and never touched again, and memory holds one page of each of the tree's
 * levels. Only the two pages in front, which tell where the root is, are written last.
 */
import { Buffer } from "node:buffer";
import {
  branchElement,
  bucketElement,
  freelistPage,
  leafElement,
  metaPage,
  PAGE_KIND,
  PAGE_SIZE,
  PageBuilder,
  type PageElement,
  writePageNumber,
} from "./bolt_page.ts";

/** The file's meta pages. */
const META_PAGES = 2;

/** Pages in the order of the file, still to be written. */
class Pages {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #count = META_PAGES;

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Answers the page's number. */
  append(page: Buffer): number {
    const number = this.#count;
    writePageNumber(page, number);
    this.#waiting.push(page);
    this.#waitingBytes += page.length;
    this.#count += page.length / PAGE_SIZE;
    return number;
  }

  take(): Buffer[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }
}

/** The tree of one bucket. */
export class BucketBuilder {
  readonly #pages: Pages;
  /** The page that is being filled on each level, leaves first. */
  readonly #levels = [new PageBuilder(PAGE_KIND.LEAF)];

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** Keys come in ascending order of their bytes, none twice, none empty; key and value must not change any more. */
  add(key: Uint8Array, value: Uint8Array): void {
    this.addElement(leafElement(key, value));
  }

  addElement(element: PageElement, depth = 0): void {
    const level = this.#levels[depth] ?? this.#addLevel();
    if (!level.hasRoomFor(element)) this.#write(level, depth);
    level.add(element);
  }

  #addLevel(): PageBuilder {
    const level = new PageBuilder(PAGE_KIND.BRANCH);
    this.#levels.push(level);
    return level;
  }

  #write(level: PageBuilder, depth: number): void {
    const { page, firstKey } = level.take();
    this.addElement(branchElement(firstKey, this.#pages.append(page)), depth + 1);
  }

  /** Writes what is left, and answers the number of the root page. */
  finish(): number {
    // The list grows while it is walked: a level above a single page is never made, so the topmost one is the root.
    for (const [depth, level] of this.#levels.entries()) {
      if (depth === this.#levels.length - 1) return this.#pages.append(level.take().page);
      this.#write(level, depth);
    }
    throw new Error("a tree has one level at least");
  }
}

/** Where the finished file's bytes go. */
export interface BoltOutput {
  /** Appends; the arrays do not change until it resolves. */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /** Writes over what stands in front. */
  writeFront(bytes: Uint8Array): Promise<void>;
}

/** One file: buckets one after the other, then `finish`. */
export class BoltFile {
  readonly #output: BoltOutput;
  readonly #pages = new Pages();
  readonly #roots: { readonly name: Buffer; readonly root: number }[] = [];

  private constructor(output: BoltOutput) {
    this.#output = output;
  }

  static async begin(output: BoltOutput): Promise<BoltFile> {
    // Room for what is written last.
    await output.append([Buffer.alloc(META_PAGES * PAGE_SIZE)]);
    return new BoltFile(output);
  }

  /** The next bucket; the one before must be ended. */
  openBucket(): BucketBuilder {
    return new BucketBuilder(this.#pages);
  }

  endBucket(name: string, bucket: BucketBuilder): void {
    this.#roots.push({ name: Buffer.from(name), root: bucket.finish() });
  }

  /** Bytes of pages that are full and not written yet. */
  get waitingBytes(): number {
    return this.#pages.waitingBytes;
  }

  /** Writes the pages that are full, so that memory does not hold many. */
  async flush(): Promise<void> {
    await this.#output.append(this.#pages.take());
  }

  async finish(): Promise<void> {
    const root = this.openBucket();
    const inOrder = this.#roots.toSorted((a, b) => Buffer.compare(a.name, b.name));
    for (const { name, root: page } of inOrder) root.addElement(bucketElement(name, page));
    const places = {
      rootPage: root.finish(),
      freelistPage: this.#pages.append(freelistPage()),
      pageCount: this.#pages.count,
    };
    await this.flush();
    const metas = [0, 1].map((transaction) => metaPage({ ...places, transaction }));
    await this.#output.writeFront(Buffer.concat(metas));
  }
}
