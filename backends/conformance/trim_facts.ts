/** `trim`. */

import assert from "node:assert/strict";
import type { LogRow } from "../contract.ts";
import { assertSameRows } from "./history_facts.ts";
import { AWKWARD_KEYS, compactSomewhere, growHistory, Model } from "./model.ts";
import {
  append,
  assertSameBytes,
  bytes,
  type Fact,
  history,
  putRow,
  range,
  type Subject,
  tombstoneRow,
} from "./subject.ts";

/** Steps after which a trim that is still not done counts as endless. */
const STEPS_MAX = 10_000;
/** No bound but the head's compact revision. */
const HEAD = Number.MAX_SAFE_INTEGER;

export const trimFacts: readonly Fact[] = [
  {
    name: "trim() of a store that was never compacted has nothing to do",
    see: "Backend.trim, TrimResult.done",
    async check(subject) {
      await append(subject, { rows: [2, 3].map((revision) => putRow(bytes("a"), { revision })) });
      assert.deepEqual(await subject.backend.trim({ upTo: HEAD, rowsMax: 9 }), {
        removed: 0,
        done: true,
        isBusy: false,
      });
    },
  },
  {
    name: "trim() keeps what stands at the compact revision, and a tombstone exactly there",
    see: "Backend.trim",
    async check(subject) {
      const key = bytes("a");
      const rows = [
        putRow(key, { revision: 2 }),
        putRow(key, { revision: 3 }),
        putRow(bytes("b"), { revision: 4 }),
        tombstoneRow(key, { revision: 5 }),
        putRow(key, { revision: 6 }),
        tombstoneRow(key, { revision: 7 }),
        putRow(key, { revision: 8 }),
      ];
      await append(subject, { rows });
      const left: readonly (readonly [compactRevision: number, revisions: readonly number[]])[] = [
        [3, [3, 4, 5, 6, 7, 8]],
        [5, [4, 5, 6, 7, 8]],
        [6, [4, 6, 7, 8]],
        [7, [4, 7, 8]],
        [8, [4, 8]],
      ];
      for (const [compactRevision, revisions] of left) {
        await append(subject, { compactRevision });
        await trimAll(subject, 2);
        const found = (await logOf(subject)).map((row) => row.revision);
        assert.deepEqual(found, revisions, `revisions left, compacted at ${compactRevision}`);
        const again = await subject.backend.trim({ upTo: compactRevision, rowsMax: 1 });
        assert.deepEqual(again, { removed: 0, done: true, isBusy: false }, "a trim after the last");
      }
    },
  },
  {
    name: "trim() that is overtaken by a compaction leaves no tombstone behind",
    see: "Backend.trim, TrimQuery.upTo",
    async check(subject) {
      const rows = [
        putRow(bytes("a"), { revision: 2 }),
        tombstoneRow(bytes("a"), { revision: 3 }),
        putRow(bytes("b"), { revision: 3, sub: 1 }),
        putRow(bytes("c"), { revision: 3, sub: 2 }),
        putRow(bytes("d"), { revision: 4 }),
      ];
      await append(subject, { rows, compactRevision: 3 });
      // Up to the tombstone, which stands exactly at the compact revision and so stays for now.
      const { done } = await subject.backend.trim({ upTo: HEAD, rowsMax: 2 });
      assert.equal(done, false, "done, after 2 of 4 rows");
      await append(subject, { compactRevision: 4 });
      await trimAll(subject, 2);
      assertSameRows(await logOf(subject), rows.slice(2));
    },
  },
  {
    name: "trim() up to a compact revision leaves what only a later one lets go",
    see: "TrimQuery.upTo",
    async check(subject) {
      const [a, b] = [bytes("a"), bytes("b")];
      const rows = [
        putRow(a, { revision: 2 }),
        putRow(a, { revision: 3 }),
        putRow(b, { revision: 4 }),
        tombstoneRow(a, { revision: 5 }),
        putRow(b, { revision: 6 }),
        tombstoneRow(b, { revision: 7 }),
        putRow(a, { revision: 8 }),
      ];
      await append(subject, { rows, compactRevision: 5 });
      await append(subject, { compactRevision: 8 });
      const left: readonly (readonly [upTo: number, revisions: readonly number[]])[] = [
        [1, [2, 3, 4, 5, 6, 7, 8]],
        [3, [3, 4, 5, 6, 7, 8]],
        [5, [4, 5, 6, 7, 8]],
        [4, [4, 5, 6, 7, 8]],
        [7, [7, 8]],
        [HEAD, [8]],
      ];
      for (const [upTo, revisions] of left) {
        await trimAll(subject, 1, upTo);
        const found = (await logOf(subject)).map((row) => row.revision);
        assert.deepEqual(found, revisions, `revisions left, trimmed up to ${upTo}`);
        assert.equal((await subject.backend.trim({ upTo, rowsMax: 1 })).done, true, "done");
      }
    },
  },
  {
    name: "trim() that is continued with another bound stays exact",
    see: "Backend.trim, TrimQuery.upTo",
    rollsDice: true,
    async check(subject, dice) {
      const model = new Model();
      let reached = -1;
      for (let round = 0; round < 20; round++) {
        await growHistory(subject, model, { dice, batches: dice.below(5) });
        await compactSomewhere(subject, model, dice);
        // Now and then below what an unfinished trim was meant to reach, or above what may be reached.
        const upTo = Math.max(reached, 1) + dice.below(model.revision + 2);
        reached = Math.max(reached, Math.min(upTo, model.compactRevision));
        const isWhole = dice.below(2) === 0;
        const steps = isWhole ? STEPS_MAX : dice.below(4);
        const { done } = await trimSteps(subject, { upTo, rowsMax: 1 + dice.below(9), steps });
        if (dice.below(3) === 0) await subject.reopen();
        await assertReadable(subject, model);
        await assertNothingBeyond(subject, model, { upTo: reached, isDone: done });
        const lower = 1 + dice.below(upTo);
        await trimSteps(subject, { upTo: lower, rowsMax: 1 + dice.below(9), steps: STEPS_MAX });
        await assertNothingBeyond(subject, model, { upTo: reached, isDone: done });
      }
      await trimAll(subject, 7);
      assertSameRows(await logOf(subject), model.keptByTrim());
    },
  },
  {
    name: "trim() counts what it removed and looks at no more rows than it was allowed",
    see: "TrimQuery.rowsMax, TrimResult.removed",
    async check(subject) {
      const rows = Array.from({ length: 100 }, (_, at) => putRow(bytes("a"), { revision: at + 2 }));
      await append(subject, { rows, compactRevision: 101 });
      const first = await subject.backend.trim({ upTo: HEAD, rowsMax: 10 });
      assert.equal(first.done, false, "done, after 10 of 100 rows");
      assert.ok(first.removed <= 10, `a step of 10 rows removed ${first.removed}`);
      assert.equal(first.removed + await trimAll(subject, 10), 99, "rows removed in all");
    },
  },
  {
    name: "trim() leaves every read at or above the compact revision as it was",
    see: "Backend.trim, Backend.range",
    rollsDice: true,
    async check(subject, dice) {
      const model = new Model();
      for (let round = 0; round < 12; round++) {
        await growHistory(subject, model, { dice, batches: dice.below(12) });
        await compactSomewhere(subject, model, dice);
        // Now and then a trim is overtaken by the next compaction, or interrupted by a restart.
        const steps = dice.below(3) === 0 ? dice.below(4) : STEPS_MAX;
        const { done } = await trimSteps(subject, { rowsMax: 1 + dice.below(20), steps });
        if (dice.below(3) === 0) await subject.reopen();
        await assertReadable(subject, model);
        if (done) assertSameRows(await logOf(subject), model.keptByTrim());
      }
      await trimAll(subject, 7);
      await assertReadable(subject, model);
      assertSameRows(await logOf(subject), model.keptByTrim());
    },
  },
  {
    name: "trim() goes on after reopening where it stopped",
    see: "Backend.trim",
    async check(subject) {
      const rows = Array.from({ length: 60 }, (_, at) => putRow(bytes("a"), { revision: at + 2 }));
      await append(subject, { rows, compactRevision: 61 });
      let removed = 0;
      // Ends when the trim is done; the fact below says how many steps that may take.
      for (let steps = 0;; steps++) {
        assert.ok(
          steps <= 7,
          "sixty rows are looked at in six steps of ten, and one to see the end",
        );
        const result = await subject.backend.trim({ upTo: HEAD, rowsMax: 10 });
        removed += result.removed;
        if (result.done) break;
        await subject.reopen();
      }
      assert.equal(removed, 59, "rows removed in all");
    },
  },
];

async function trimSteps(
  { backend }: Subject,
  { upTo = HEAD, rowsMax, steps }: { upTo?: number; rowsMax: number; steps: number },
): Promise<{ removed: number; done: boolean }> {
  let removed = 0;
  for (let step = 0; step < steps; step++) {
    const result = await backend.trim({ upTo, rowsMax });
    removed += result.removed;
    if (result.done) return { removed, done: true };
  }
  return { removed, done: false };
}

/** Trims to the end and answers how many rows went. */
async function trimAll(subject: Subject, rowsMax: number, upTo = HEAD): Promise<number> {
  const { removed, done } = await trimSteps(subject, { upTo, rowsMax, steps: STEPS_MAX });
  assert.ok(done, "the trim ends");
  return removed;
}

/** All rows that a compact revision of `upTo` keeps are there, and if the trim is done, no others. */
async function assertNothingBeyond(
  subject: Subject,
  model: Model,
  { upTo, isDone }: { upTo: number; isDone: boolean },
): Promise<void> {
  const kept = model.keptByTrim(upTo);
  const wanted = new Set(kept.map(placeOf));
  const found = await logOf(subject);
  assertSameRows(isDone ? found : found.filter((row) => wanted.has(placeOf(row))), kept);
}

function placeOf({ revision, sub }: LogRow): string {
  return `${revision}/${sub}`;
}

async function logOf({ backend }: Subject) {
  return (await history(backend)).rows;
}

async function assertReadable(subject: Subject, model: Model): Promise<void> {
  const everything = { start: new Uint8Array(), end: null };
  for (let at = model.compactRevision; at <= model.revision; at++) {
    const expected = model.live(everything, at).map(({ kv }) => kv);
    assertSameBytes((await range(subject.backend, { revision: at })).kvs, expected, `range ${at}`);
    const { count } = await subject.backend.count({ ...everything, revision: at });
    assert.equal(count, expected.length, `count at ${at}`);
    const query = { keys: AWKWARD_KEYS, leases: [], records: [], revision: at };
    const kvs = AWKWARD_KEYS.map((key) => model.kvAt(key, at));
    assertSameBytes((await subject.backend.load(query)).kvs, kvs, `load at ${at}`);
  }
  const above = (await logOf(subject)).filter((row) => row.revision > model.compactRevision);
  const expected = model.rows.filter((row) => row.revision > model.compactRevision);
  assertSameRows(above, expected);
  assertSameBytes(above.map((row) => row.prevKv), expected.map((row) => model.prevKv(row)));
}
