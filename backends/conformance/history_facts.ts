/** `history`. */

import assert from "node:assert/strict";
import type { HistoryQuery, LogRow } from "../contract.ts";
import { growHistory, Model } from "./model.ts";
import {
  append,
  assertSameBytes,
  assertSameTexts,
  bytes,
  type Fact,
  history,
  putRow,
  type Subject,
  tombstoneRow,
} from "./subject.ts";

export const historyFacts: readonly Fact[] = [
  {
    name: "history() gives every field of a row as it was appended",
    see: "HistoryRow, LogRow",
    async check(subject) {
      const rows = [
        putRow(bytes("a"), { revision: 2, lease: -(2n ** 63n) }),
        putRow(bytes("b"), { revision: 2, sub: 1, lease: 2n ** 63n - 1n }),
        putRow(Uint8Array.of(0xff, 0), { revision: 2, sub: 2, value: bytes("") }),
        putRow(bytes("a"), { revision: 3, lease: -1n }),
        tombstoneRow(bytes("b"), { revision: 3, sub: 1 }),
        putRow(bytes("b"), { revision: 4, lease: 0x1_0000_0000n }),
        putRow(bytes("c"), { revision: 5, lease: 0xffff_ffffn }),
      ];
      await append(subject, { rows });
      const page = await history(subject.backend);
      assertSameRows(page.rows, rows);
      assert.equal(page.through, 5, "through");
      const prevKvs = page.rows.map(({ prevKv }) => prevKv);
      const [first, second] = rows;
      assertSameBytes(prevKvs, [null, null, null, first?.kv, second?.kv, null, null].map(orNull));
    },
  },
  {
    name: "history() tells what the revision before left, whatever else a row's revision did",
    see: "HistoryRow.prevKv",
    async check(subject) {
      const [old, fresh] = [bytes("old"), bytes("new")];
      const before = putRow(old, { revision: 2 });
      const rows = [
        before,
        putRow(old, { revision: 3 }),
        putRow(fresh, { revision: 3, sub: 1 }),
        tombstoneRow(fresh, { revision: 3, sub: 2 }),
        tombstoneRow(old, { revision: 3, sub: 3 }),
      ];
      await append(subject, { rows });
      const page = await history(subject.backend);
      assertSameRows(page.rows, rows);
      const prevKvs = page.rows.map(({ prevKv }) => prevKv);
      assertSameBytes(prevKvs, [null, before.kv, null, null, before.kv]);
      const without = await history(subject.backend, { withPrev: false });
      const none = without.rows.map(({ prevKv }) => prevKv);
      assertSameBytes(none, rows.map(() => null), "prevKv where it is not wanted");
    },
  },
  {
    name: "history() excludes `after`, includes `upTo`, and is complete through the head at most",
    see: "HistoryQuery.after, HistoryQuery.upTo, HistoryPage.through",
    async check(subject) {
      const rows = [2, 3, 4, 5].map((revision) => putRow(bytes("a"), { revision }));
      await append(subject, { rows });
      const some = await history(subject.backend, { after: 2, upTo: 4 });
      assertSameRows(some.rows, rows.slice(1, 3));
      assert.equal(some.through, 4, "through");
      const beyond = await history(subject.backend, { after: 4, upTo: 99 });
      assertSameRows(beyond.rows, rows.slice(3));
      assert.equal(beyond.through, 5, "through");
      const nothing = await history(subject.backend, { after: 5, upTo: 99 });
      assert.deepEqual([nothing.rows, nothing.through], [[], 5], "rows and through");
    },
  },
  {
    name: "history() ends with the revision in which it reaches its rows, never within one",
    see: "HistoryQuery.rowsMax, HistoryPage.rows",
    async check(subject) {
      const rows: LogRow[] = [];
      for (let revision = 2; revision < 60; revision++) {
        for (let sub = 0; sub < revision % 9; sub++) {
          rows.push(putRow(bytes(`key ${sub}`), { revision, sub }));
        }
      }
      await append(subject, { rows, revision: 60 });
      for (const rowsMax of [1, 7, 64, 65, 10_000]) {
        const read = await readInPages(subject, { rowsMax, bytesMax: Number.MAX_SAFE_INTEGER });
        assertSameRows(read, rows);
      }
    },
  },
  {
    name: "history() ends with the revision in which it reaches its bytes",
    see: "HistoryQuery.bytesMax, HistoryPage.rows",
    async check(subject) {
      const rows: LogRow[] = [];
      for (let revision = 2; revision < 40; revision++) {
        const value = new Uint8Array(revision % 5 === 0 ? 40_000 : 50);
        rows.push(putRow(bytes("a"), { revision, value }));
        rows.push(putRow(bytes(`b${revision}`), { revision, sub: 1, value }));
      }
      await append(subject, { rows });
      for (const bytesMax of [1, 1_000, 100_000, 10_000_000]) {
        assertSameRows(await readInPages(subject, { rowsMax: 1_000_000, bytesMax }), rows);
      }
    },
  },
  {
    name: "history() tells whether it holds a batch that was seen before",
    see: "HistoryQuery.since, HistoryPage.hasSince",
    async check(subject) {
      const { backend } = subject;
      const start = await backend.head();
      const heads = [start];
      for (let count = 0; count < 5; count++) heads.push(await append(subject));
      const holds = async (since: HistoryQuery["since"]) =>
        (await history(subject.backend, { since })).hasSince;
      for (const since of [null, ...heads]) {
        assert.equal(await holds(since), true, `hasSince for batch ${since?.index} of five`);
      }
      const last = heads.at(-1) ?? start;
      const other = { ...last, batchId: "of another history" };
      assert.equal(await holds(other), false, "hasSince for another batch of the same index");
      const lost = { index: last.index + 1, batchId: "lost" };
      assert.equal(await holds(lost), false, "hasSince for a batch behind the head");
      await subject.reopen();
      for (const since of heads) {
        assert.equal(await holds(since), true, `hasSince for batch ${since.index}, reopened`);
      }
    },
  },
  {
    name: "history() is exact for random histories, with what each revision found",
    see: "HistoryPage.rows, HistoryRow.prevKv",
    rollsDice: true,
    async check(subject, dice) {
      const model = new Model();
      await growHistory(subject, model, { dice, batches: 60 });
      const { rows } = await history(subject.backend);
      assertSameRows(rows, model.rows);
      assertSameBytes(
        rows.map(({ prevKv }) => prevKv),
        model.rows.map((row) => model.prevKv(row)),
      );
    },
  },
];

/** Reads everything page by page and checks each page's bounds on the way. */
async function readInPages(
  subject: Subject,
  { rowsMax, bytesMax }: { rowsMax: number; bytesMax: number },
): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  const { revision: end } = await subject.backend.head();
  for (let after = 0; after < end;) {
    const page = await history(subject.backend, { after, upTo: end, rowsMax, bytesMax });
    const last = page.rows.at(-1);
    assert.ok(page.through > after, "a page moves on");
    assert.ok(
      page.rows.every((row) => row.revision > after && row.revision <= page.through),
      `rows of revisions above ${after}, up to \`through\``,
    );
    if (page.through < end) assert.equal(page.through, last?.revision, "through");
    const before = page.rows.filter((row) => row.revision !== last?.revision);
    const size = before.reduce((sum, row) => sum + row.kv.length, 0);
    assert.ok(before.length < rowsMax && size < bytesMax, "no revision follows a limit");
    rows.push(...page.rows);
    after = page.through;
  }
  return rows;
}

export function assertSameRows(actual: readonly LogRow[], expected: readonly LogRow[]): void {
  assertSameTexts(actual.map(describe), expected.map(describe), { what: "rows of the log" });
}

function describe(row: LogRow): string {
  const { revision, sub, key, kv, metaSize, tombstone, lease } = row;
  const bytes = `key 0x${key.toHex()} kv 0x${kv.toHex()}`;
  return `${revision}/${sub} ${bytes} metaSize ${metaSize} tombstone ${tombstone} lease ${lease}`;
}

function orNull(kv: Uint8Array | null | undefined): Uint8Array | null {
  return kv ?? null;
}
