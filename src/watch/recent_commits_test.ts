import assert from "node:assert/strict";
import type { HistoryRow } from "../../backends/contract.ts";
import { RecentCommits } from "./recent_commits.ts";

function row(revision: number, sub = 0): HistoryRow {
  const bytes = new Uint8Array([revision & 255]);
  return {
    ...{ revision, sub, key: bytes, kv: bytes, metaSize: 1, tombstone: false, prevKv: null },
    lease: 0n,
  };
}

const ALL = { rowsMax: 1_000_000, bytesMax: 1_000_000_000 };

function revisionsOf(recent: RecentCommits, next: number): number[] | undefined {
  return recent.page(next, ALL)?.rows.map(({ revision }) => revision);
}

Deno.test("RecentCommits gives a page from within a commit on", () => {
  const recent = new RecentCommits(1);
  recent.push([row(2), row(3, 0), row(3, 1)]);
  recent.push([]);
  recent.push([row(4)]);
  assert.deepEqual(revisionsOf(recent, 2), [2, 3, 3, 4]);
  assert.deepEqual(revisionsOf(recent, 3), [3, 3, 4]);
  assert.deepEqual(recent.page(4, ALL), { rows: [row(4)], through: 4 });
  assert.equal(recent.page(1, ALL), undefined);
});

Deno.test("RecentCommits ends a page with the commit in which it reaches a bound", () => {
  const recent = new RecentCommits(1);
  for (let revision = 2; revision <= 9; revision += 2) {
    recent.push([row(revision), row(revision + 1)]);
  }
  assert.equal(recent.page(2, { rowsMax: 3, bytesMax: 1_000_000 })?.through, 5);
  assert.equal(recent.page(3, { rowsMax: 1, bytesMax: 1_000_000 })?.through, 3);
  assert.equal(recent.page(2, { rowsMax: 100, bytesMax: 1 })?.through, 3);
});

Deno.test("RecentCommits forgets the oldest commits and never gives a page with a hole", () => {
  const recent = new RecentCommits(1, { commitsMax: 10 });
  for (let revision = 2; revision <= 5_000; revision++) {
    recent.push([row(revision)]);
    const oldest = Math.max(2, revision - 9);
    assert.equal(revisionsOf(recent, oldest)?.length, revision - oldest + 1);
    assert.equal(recent.page(oldest - 1, ALL), undefined);
  }
});

Deno.test("RecentCommits does not keep a commit that is larger than its memory", () => {
  const recent = new RecentCommits(1, { bytesMax: 1_000 });
  recent.push([row(2)]);
  recent.push(Array.from({ length: 10 }, (_, sub) => row(3, sub)));
  assert.equal(recent.page(3, ALL), undefined);
  recent.push([row(4)]);
  assert.deepEqual(revisionsOf(recent, 4), [4]);
  assert.equal(recent.page(3, ALL), undefined);
});
