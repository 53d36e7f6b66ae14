/** Mutants of the log, of trimming, of leases and of servers that share a store. */

import type { Backend, HistoryPage, HistoryQuery, LeaseRow } from "../../backends/contract.ts";
import type { Change, Mutant } from "./mutants.ts";

function changedPage(
  change: (page: HistoryPage, query: HistoryQuery) => Partial<HistoryPage>,
): Change {
  return (right) => ({
    async history(query) {
      const page = await right.history(query);
      return { ...page, ...change(page, query) };
    },
  });
}

function changedLeases(
  change: (rows: readonly LeaseRow[]) => readonly LeaseRow[],
): Change {
  return (right) => ({
    async leases(limit) {
      const { head, leases } = await right.leases(limit);
      return { head, leases: change(leases) };
    },
    async load(query) {
      const loaded = await right.load(query);
      const leases = loaded.leases.map((lease) =>
        lease === null ? null : change([lease])[0] ?? null
      );
      return { ...loaded, leases };
    },
  });
}

export const HISTORY_MUTANTS: readonly Mutant[] = [
  {
    wrong: "splits a revision at the limit",
    foundBy: "history() ends with the revision in which it reaches its rows",
    change: changedPage(({ rows }, { rowsMax }) => ({ rows: rows.slice(0, rowsMax) })),
  },
  {
    wrong: "says that a page is complete to the end",
    foundBy: "history() ends with the revision in which it reaches its rows",
    change: changedPage(({ head }, { upTo }) => ({ through: Math.min(upTo, head.revision) })),
  },
  {
    wrong: "takes no notice of a page's bytes",
    foundBy: "history() ends with the revision in which it reaches its bytes",
    change: (right) => ({ history: (query) => right.history({ ...query, bytesMax: Infinity }) }),
  },
  {
    wrong: "includes `after`",
    foundBy: "history() excludes `after`",
    change: (right) => ({
      history: (query) => right.history({ ...query, after: query.after - 1 }),
    }),
  },
  {
    wrong: "never knows what was before",
    foundBy: "history() gives every field",
    change: (right) => ({ history: (query) => right.history({ ...query, withPrev: false }) }),
  },
  {
    wrong: "tells what was before also where nobody asks",
    foundBy: "history() tells what the revision before",
    change: (right) => ({ history: (query) => right.history({ ...query, withPrev: true }) }),
  },
  {
    wrong: "takes the row before for what was before",
    foundBy: "history() tells what the revision before",
    change: changedPage(({ rows }) => ({
      rows: rows.map((row, at) => {
        const before = rows.slice(0, at).findLast(({ key }) => key.toHex() === row.key.toHex());
        return { ...row, prevKv: before === undefined || before.tombstone ? null : before.kv };
      }),
    })),
  },
  {
    wrong: "keeps revisions in 32 bits",
    foundBy: "append() takes high revisions",
    change: changedPage(({ rows }) => ({
      rows: rows.map((row) => ({ ...row, revision: row.revision | 0 })),
    })),
  },
  {
    wrong: "keeps lease ids as numbers",
    foundBy: "history() gives every field",
    change: changedPage(({ rows }) => ({
      rows: rows.map((row) => ({ ...row, lease: BigInt(Number(row.lease)) })),
    })),
  },
  {
    wrong: "believes to hold any batch",
    foundBy: "history() tells whether it holds a batch",
    change: changedPage(() => ({ hasSince: true })),
  },
  {
    wrong: "knows only the last batch",
    foundBy: "history() tells whether it holds a batch",
    change: changedPage(({ head }, { since }) => ({
      hasSince: since === null || since.batchId === head.batchId,
    })),
  },
];

export const TRIM_MUTANTS: readonly Mutant[] = [
  {
    wrong: "trims nothing and says that it is done",
    foundBy: "trim() keeps what stands",
    change: () => ({ trim: () => Promise.resolve({ removed: 0, done: true, isBusy: false }) }),
  },
  {
    wrong: "trims to the head's compact revision, whatever it is told",
    foundBy: "trim() up to a compact revision",
    change: (right) => ({ trim: (query) => right.trim({ ...query, upTo: Infinity }) }),
  },
  {
    wrong: "takes a tombstone at the compact revision away",
    foundBy: "trim() keeps what stands",
    change: (right) => ({
      async history(query) {
        const page = await right.history(query);
        const isGone = (revision: number) => revision <= page.head.compactRevision;
        return {
          ...page,
          rows: page.rows.filter((row) => !row.tombstone || !isGone(row.revision)),
        };
      },
    }),
  },
  {
    wrong: "takes away what stands at the compact revision",
    foundBy: "trim() leaves every read",
    change: (right) => ({
      async range(query) {
        const { compactRevision } = await right.head();
        const revision = query.revision === compactRevision ? compactRevision - 1 : query.revision;
        return await right.range({ ...query, revision: Math.max(0, revision) });
      },
    }),
  },
  {
    wrong: "looks at all rows in one step",
    foundBy: "trim() counts what it removed",
    change: (right) => ({ trim: (query) => right.trim({ ...query, rowsMax: 1e9 }) }),
  },
  {
    wrong: "does not count what it removes",
    foundBy: "trim() counts what it removed",
    change: (right) => ({ trim: async (query) => ({ ...await right.trim(query), removed: 0 }) }),
  },
];

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    wrong: "orders leases by their ids",
    foundBy: "leases() puts those",
    change: changedLeases((rows) => rows.toSorted((a, b) => a.id < b.id ? -1 : 1)),
  },
  {
    wrong: "does not let a lease's time run",
    foundBy: "a lease's time runs by whatever clock",
    change: changedLeases((rows) => rows.map((row) => ({ ...row, remainingMs: row.ttl * 1_000 }))),
  },
  {
    wrong: "gives a lease's time in seconds",
    foundBy: "a lease's time runs by whatever clock",
    change: changedLeases((rows) =>
      rows.map((row) => ({ ...row, remainingMs: row.remainingMs / 1_000 }))
    ),
  },
  {
    wrong: "never goes below zero",
    foundBy: "a lease's time runs by the clock",
    change: changedLeases((rows) =>
      rows.map((row) => ({ ...row, remainingMs: Math.max(0, row.remainingMs) }))
    ),
  },
  {
    wrong: "lets leases run while nobody could renew them",
    foundBy: "a lease's time stands still in a gap that is too long, whatever",
    options: { leaseGapMs: Infinity },
  },
  {
    wrong: "does not leave out a short gap where it is told to",
    foundBy: "a batch that resumes leases",
    change: (right) => ({ append: (batch) => right.append({ ...batch, resumesLeases: false }) }),
  },
  {
    wrong: "gives keys of a lease that were once attached",
    foundBy: "leaseKeys() gives",
    change: (right) => ({ leaseKeys: async (id) => await everAttached(right, id) }),
  },
];

async function everAttached(right: Backend, id: bigint) {
  const { head, rows } = await right.history({
    after: 0,
    upTo: 1e9,
    rowsMax: 1e6,
    bytesMax: 1e9,
    withPrev: false,
    since: null,
  });
  const newest = new Map(
    rows.filter(({ lease }) => lease === id).map((row) => [row.key.toHex(), row]),
  );
  const kvs = [...newest].sort(([a], [b]) => a < b ? -1 : 1).map(([, { kv }]) => kv);
  return { head, kvs };
}

const SHARING: readonly Mutant[] = [
  {
    wrong: "believes its own head",
    foundBy: "what one server appended",
    change(right) {
      const first = right.head();
      let last: ReturnType<Backend["head"]> | undefined;
      return {
        head: () => last ?? first,
        async append(batch) {
          await right.append(batch);
          last = Promise.resolve(batch.head);
        },
      };
    },
  },
  {
    wrong: "never tells of changes",
    foundBy: "changes() wakes",
    change: () => ({
      // deno-lint-ignore require-yield -- that is what is wrong with it
      async *changes(signal) {
        if (signal.aborted) return;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    }),
  },
  {
    wrong: "goes on telling of changes for ever",
    foundBy: "changes() ends",
    change: (right) => ({ changes: () => right.changes(new AbortController().signal) }),
  },
  {
    wrong: "knows of no other server",
    foundBy: "announce() tells of other servers",
    change: (right) => ({
      async announce(member, aliveMs) {
        const { head, members } = await right.announce(member, aliveMs);
        return { head, members: members.filter(({ id }) => id === member.id) };
      },
    }),
  },
  {
    wrong: "never forgets a server",
    foundBy: "announce() tells of other servers",
    change: (right) => ({ announce: (member) => right.announce(member, 1e9) }),
  },
  {
    wrong: "does not take an announcement back",
    foundBy: "announce() answers",
    change: () => ({ leave: () => Promise.resolve() }),
  },
];

export const SHARING_MUTANTS = SHARING.map((mutant) => ({ ...mutant, isShared: true }));
