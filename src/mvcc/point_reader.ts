/**
 * Point reads of a store that other servers write too. Each is answered as of a head that was read after it came; those that
 * come together share one question, and what is known here already is not fetched again if that head is the one known.
 */
import type { Backend, Head } from "../../backends/contract.ts";
import { POINT_READ_KEYS_MAX, POINT_READS_MAX } from "../limits.ts";
import type { HotCache } from "./hot_cache.ts";
import { keyName } from "./key_range.ts";
import { parseKv } from "./stored_kv.ts";
import { isSameHead } from "./types.ts";

export interface PointReaderOptions {
  readonly backend: Backend;
  readonly hot: HotCache;
  /** The head of the last commit published. */
  readonly head: () => Head;
}

export interface PointRead {
  readonly kv: Uint8Array | null;
  readonly head: Head;
}

interface Waiting {
  readonly name: string;
  readonly key: Uint8Array;
  readonly resolve: (read: PointRead) => void;
  readonly reject: (error: unknown) => void;
}

export class PointReader {
  readonly #options: PointReaderOptions;
  #waiting: Waiting[] = [];
  #running = 0;

  constructor(options: PointReaderOptions) {
    this.#options = options;
  }

  /** The key's newest version. */
  read(key: Uint8Array): Promise<PointRead> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name: keyName(key), key, resolve, reject });
      if (this.#running < POINT_READS_MAX) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running++;
    // Ends when nobody waits.
    while (this.#waiting.length > 0) {
      // Let the sockets be read first: whatever has arrived by now shares the question.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const taken = this.#waiting.splice(0, POINT_READ_KEYS_MAX);
      if (taken.length === 0) break;
      try {
        await this.#answer(taken);
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.#running--;
  }

  async #answer(taken: readonly Waiting[]): Promise<void> {
    const { hot, head } = this.#options;
    const known: Waiting[] = [];
    const unknown: Waiting[] = [];
    for (const one of taken) (hot.get(one.name) === undefined ? unknown : known).push(one);
    const seen = await this.#load(unknown);
    // From here to the answers nothing else has its turn: what is known is as of the head that is compared.
    const published = head();
    const isPublished = isSameHead(seen, published);
    const stale: Waiting[] = [];
    for (const one of known) {
      // Forgotten meanwhile, or the store has moved on and nobody here knows yet how.
      const version = isPublished ? hot.get(one.name) : undefined;
      if (version === undefined) stale.push(one);
      else one.resolve({ kv: version?.kv ?? null, head: published });
    }
    if (stale.length > 0) await this.#load(stale);
  }

  /** Reads and answers; also if nobody asked, for the head. */
  async #load(asked: readonly Waiting[]): Promise<Head> {
    const { backend, hot, head } = this.#options;
    const before = head();
    const keys = asked.map(({ key }) => key);
    const loaded = keys.length === 0
      ? { head: await backend.head(), kvs: [] }
      : await backend.load({ keys, leases: [], records: [], revision: 0 });
    const isPublished = before === head() && isSameHead(loaded.head, before);
    asked.forEach(({ name, resolve }, at) => {
      const kv = loaded.kvs[at] ?? null;
      if (isPublished) hot.set(name, kv === null ? null : parseKv(kv));
      resolve({ kv, head: loaded.head });
    });
    return loaded.head;
  }
}
