import assert from "node:assert/strict";
import { FIRST_HEAD, type LogRow } from "../../backends/contract.ts";
import { HistoryProgress } from "./history_progress.ts";

function rows(count: number, { from, each = 1 }: { from: number; each?: number }): LogRow[] {
  return Array.from({ length: count }, (_, index) => ({
    revision: from + Math.floor(index / each),
    sub: index % each,
    key: new Uint8Array(1),
    kv: new Uint8Array(1),
    metaSize: 1,
    tombstone: false,
    lease: 0n,
  }));
}

Deno.test("HistoryProgress.fraction counts old rows by their keys, and later ones by their revisions", () => {
  const head = { ...FIRST_HEAD, revision: 1_100, compactRevision: 1_000 };
  const progress = new HistoryProgress(head, 300);
  assert.equal(progress.fraction, 0);
  // They need not be spread evenly.
  progress.add(rows(200, { from: 5 }));
  assert.equal(progress.fraction, 200 / 400);
  progress.add(rows(100, { from: 900 }));
  assert.equal(progress.fraction, 300 / 400);
  progress.add(rows(50, { from: 1_001 }));
  assert.equal(progress.fraction, 350 / 400);
  progress.add(rows(50, { from: 1_051 }));
  assert.equal(progress.fraction, 1);
});

Deno.test("HistoryProgress.fraction learns how many rows a revision has", () => {
  const progress = new HistoryProgress({ ...FIRST_HEAD, revision: 101 }, 0);
  progress.add(rows(10 * 120, { from: 2, each: 120 }));
  assert.equal(progress.fraction, 0.1);
});
