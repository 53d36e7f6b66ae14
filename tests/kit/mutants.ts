/** Backends that break one promise each: a memory store with something wrong in front of it. */

import {
  type Backend,
  BackendError,
  type OpenOptions,
  type RangeQuery,
} from "../../backends/contract.ts";
import { openStore } from "../../backends/memory/mod.ts";
import { createStore, type MemoryStore } from "../../backends/memory/store.ts";
import type { TestStore } from "../../backends/conformance/mod.ts";

export type Change = (right: Backend) => Partial<Backend>;

export interface Mutant {
  /** What it does wrong. */
  readonly wrong: string;
  /** Name of a fact that must find it, or its beginning. */
  readonly foundBy: string;
  /** Whether several servers may have it open. */
  readonly isShared?: boolean;
  /** What it does in place of the right backend. */
  readonly change?: Change;
  /** What it is opened with, in place of what it should be. */
  readonly options?: Partial<OpenOptions>;
  /** Opens a new store each time. */
  readonly forgets?: boolean;
}

/** Makes stores for the suite that break the mutant's promise. */
export function mutantStores(mutant: Mutant): () => Promise<TestStore> {
  return () => {
    let store: MemoryStore | undefined;
    return Promise.resolve({
      open(options) {
        if (mutant.forgets === true) store = undefined;
        store ??= createStore({ clusterId: options.randomId(), nowMs: options.now() });
        const right = openStore(store, {
          ...options,
          ...mutant.options,
          isShared: mutant.isShared === true,
        });
        return Promise.resolve(wrap(right, mutant));
      },
      remove: () => Promise.resolve(),
    });
  };
}

function wrap(right: Backend, { change }: Mutant): Backend {
  const changed = change?.(right) ?? {};
  return new Proxy(right, {
    get(target, name) {
      const value = Reflect.get(name in changed ? changed : target, name);
      return typeof value === "function" ? value.bind(name in changed ? changed : target) : value;
    },
  });
}

/** Mutants of `append`, `outcome` and the life of a store. */
export const WRITE_MUTANTS: readonly Mutant[] = [
  {
    wrong: "appends whatever the batch's base is",
    foundBy: "append() rejects a base",
    change: (right) => ({
      async append(batch) {
        const base = await right.head();
        await right.append({ ...batch, base, head: { ...batch.head, index: base.index + 1 } });
      },
    }),
  },
  {
    wrong: "compares the base by its index alone",
    foundBy: "append() rejects a base",
    change: (right) => ({
      async append(batch) {
        const { batchId } = await right.head();
        await right.append({ ...batch, base: { ...batch.base, batchId } });
      },
    }),
  },
  {
    wrong: "looks at the head first and writes later",
    foundBy: "append() lets exactly one",
    change: (right) => ({
      async append(batch) {
        const { index } = await right.head();
        if (index !== batch.base.index) throw new BackendError("conflict", "moved");
        await new Promise((resolve) => setTimeout(resolve));
        const base = await right.head();
        const revision = Math.max(base.revision + 1, batch.head.revision);
        const rows = batch.rows.map((row) => ({ ...row, revision }));
        const head = { ...batch.head, index: base.index + 1, revision };
        await right.append({ ...batch, base, head, rows });
      },
    }),
  },
  {
    wrong: "fails with any error where the head stands elsewhere",
    foundBy: "append() rejects a base",
    change: (right) => ({
      append: (batch) =>
        right.append(batch).catch((error) => Promise.reject(new Error(`${error}`))),
    }),
  },
  {
    wrong: "loses tombstones",
    foundBy: "append() makes the last row",
    change: (right) => ({
      append: (batch) =>
        right.append({ ...batch, rows: batch.rows.filter((row) => !row.tombstone) }),
    }),
  },
  {
    wrong: "keeps the first row of each key in a batch",
    foundBy: "append() makes the last row",
    change: (right) => ({
      append(batch) {
        const seen = new Set<string>();
        const rows = batch.rows.filter(({ key }) => {
          const isFirst = !seen.has(key.toHex());
          seen.add(key.toHex());
          return isFirst;
        });
        return right.append({ ...batch, rows });
      },
    }),
  },
  {
    wrong: "takes no more than 5,000 rows",
    foundBy: "append() takes many rows",
    change: (right) => ({
      append: (batch) => right.append({ ...batch, rows: batch.rows.slice(0, 5_000) }),
    }),
  },
  {
    wrong: "forgets a batch's leases",
    foundBy: "leases() puts those",
    change: (right) => ({ append: (batch) => right.append({ ...batch, leases: [] }) }),
  },
  {
    wrong: "keeps no index of the last change of a record",
    foundBy: "the head tells which batch",
    change: (right) => ({
      append: (batch) => right.append({ ...batch, head: { ...batch.head, recordsIndex: 0 } }),
    }),
  },
  {
    wrong: "says of every batch that it was applied",
    foundBy: "outcome() tells",
    change: () => ({ outcome: () => Promise.resolve("applied") }),
  },
  {
    wrong: "says of a batch that may yet come that it was not applied",
    foundBy: "outcome() tells",
    isShared: true,
    change: (right) => ({
      async outcome(head) {
        const outcome = await right.outcome(head);
        return outcome === "unknown" ? "not-applied" : outcome;
      },
    }),
  },
  {
    wrong: "answers calls when it is closed",
    foundBy: "a closed backend answers",
    change: () => ({ close: () => Promise.resolve() }),
  },
  { wrong: "keeps nothing", foundBy: "reopening finds", forgets: true },
  {
    wrong: "always has the same size",
    foundBy: "size() grows",
    change: () => ({ size: () => Promise.resolve({ total: 100, inUse: 100, empty: 100 }) }),
  },
  {
    wrong: "never answers",
    foundBy: "a new store stands",
    change: () => ({ head: () => new Promise(() => {}) }),
  },
];

function changedQuery(change: (query: RangeQuery) => RangeQuery): Change {
  return (right) => ({ range: (query) => right.range(change(query)) });
}

/** Mutants of `range`, `count`, `load` and `records`. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    wrong: "gives keys in the wrong order",
    foundBy: "range() orders keys",
    change: (right) => ({
      async range(query) {
        const page = await right.range(query);
        return { ...page, kvs: page.kvs.toReversed() };
      },
    }),
  },
  {
    wrong: "orders keys as text",
    foundBy: "range() orders keys",
    change: (right) => ({
      async range(query) {
        const page = await right.range(query);
        const text = (kv: Uint8Array) => new TextDecoder().decode(kv).toLowerCase();
        return { ...page, kvs: page.kvs.toSorted((a, b) => text(a) < text(b) ? -1 : 1) };
      },
    }),
  },
  {
    wrong: "includes the interval's end",
    foundBy: "range() excludes its end",
    change: changedQuery((query) => ({
      ...query,
      end: query.end === null ? null : Uint8Array.of(...query.end, 0),
    })),
  },
  {
    wrong: "forgets to tell that there is more",
    foundBy: "range() stops at its limit",
    change: (right) => ({
      range: async (query) => ({ ...await right.range(query), more: false }),
    }),
  },
  {
    wrong: "tells of more whenever the limit is reached",
    foundBy: "range() stops at its limit",
    change: (right) => ({
      async range(query) {
        const page = await right.range(query);
        return { ...page, more: page.kvs.length === query.limit };
      },
    }),
  },
  {
    wrong: "ends a page before it reaches its bytes",
    foundBy: "range() may end with the row",
    change: changedQuery((query) => ({ ...query, bytesMax: Math.ceil(query.bytesMax / 2) })),
  },
  {
    wrong: "reads the newest at any revision",
    foundBy: "range(), count() and load()",
    change: changedQuery((query) => ({ ...query, revision: 0 })),
  },
  {
    wrong: "cuts a kv before the end of what is no value",
    foundBy: "range() of keys only",
    change: (right) => ({
      async range(query) {
        const page = await right.range(query);
        const kvs = query.keysOnly ? page.kvs.map((kv) => kv.subarray(0, kv.length - 1)) : page.kvs;
        return { ...page, kvs };
      },
    }),
  },
  {
    wrong: "answers a packed page without its last key",
    foundBy: "range() packs",
    change: (right) => ({
      async range(query) {
        const page = await right.range(query);
        if (!query.packed || page.kvs.length === 0) return page;
        const bytes = new Uint8Array(
          page.kvs.flatMap((kv) => kv.length < 128 ? [0x12, kv.length, ...kv] : []),
        );
        return { ...page, kvs: [], packed: { bytes, count: page.kvs.length, lastKey: null } };
      },
    }),
  },
  {
    wrong: "counts no more than 10,000 keys",
    foundBy: "range() and count() are of one moment",
    change: (right) => ({
      async count(query) {
        const { head, count } = await right.count(query);
        return { head, count: Math.min(count, 10_000) };
      },
    }),
  },
  {
    wrong: "counts deleted keys",
    foundBy: "range(), count() and load()",
    change: (right) => ({
      async count(query) {
        const { head } = await right.count(query);
        const { rows } = await right.history({
          after: 0,
          upTo: query.revision === 0 ? head.revision : query.revision,
          rowsMax: 1e6,
          bytesMax: 1e9,
          withPrev: false,
          since: null,
        });
        return { head, count: new Set(rows.map(({ key }) => key.toHex())).size };
      },
    }),
  },
  {
    wrong: "answers what it found, and nothing for the rest",
    foundBy: "load() answers in the order",
    change: (right) => ({
      async load(query) {
        const loaded = await right.load(query);
        return { ...loaded, kvs: loaded.kvs.filter((kv) => kv !== null) };
      },
    }),
  },
  {
    wrong: "reads a prefix as a pattern",
    foundBy: "records() gives",
    change: (right) => ({
      async records(prefix) {
        const { head, records } = await right.records("");
        const pattern = new RegExp(`^${prefix.replaceAll("_", ".")}`);
        return { head, records: records.filter(([name]) => pattern.test(name)) };
      },
    }),
  },
  {
    wrong: "orders records as UTF-16",
    foundBy: "records() gives",
    change: (right) => ({
      async records(prefix) {
        const { head, records } = await right.records(prefix);
        return { head, records: records.toSorted(([a], [b]) => a < b ? -1 : 1) };
      },
    }),
  },
];
