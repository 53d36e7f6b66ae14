import assert from "node:assert/strict";
import { periodicSchedule, revisionSchedule, type Schedule } from "./schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** One write a minute, each compaction a success: `[minute, revision]` of all in the time. */
function compactions(
  periodMs: number,
  { untilMs, fails = () => false }: { untilMs: number; fails?: (minute: number) => boolean },
): [minute: number, revision: number][] {
  let nowMs = 0;
  const revision = () => 1 + Math.floor(nowMs / MINUTE);
  const schedule = periodicSchedule(periodMs, { revision, nowMs });
  const made: [number, number][] = [];
  while (nowMs < untilMs) {
    nowMs += schedule.intervalMs;
    const due = schedule.due(nowMs);
    if (due === undefined) continue;
    made.push([nowMs / MINUTE, due]);
    if (!fails(nowMs / MINUTE)) schedule.done(due, nowMs);
  }
  return made;
}

Deno.test("periodicSchedule() compacts each period to the revision of one period ago", () => {
  assert.deepEqual(compactions(HOUR, { untilMs: 3 * HOUR }), [[60, 1], [120, 55], [180, 115]]);
});

Deno.test("periodicSchedule() compacts each hour of a longer period", () => {
  const made = compactions(24 * HOUR, { untilMs: 27 * HOUR });
  assert.deepEqual(made.map(([minute]) => minute / 60), [24, 25, 26, 27]);
  for (const [minute, revision] of made) {
    const age = minute - (revision - 1);
    assert.ok(age >= 24 * 60 && age <= 24 * 60 + 6, `${minute}: ${revision}`);
  }
});

Deno.test("periodicSchedule() tries again a tenth later after a failure", () => {
  const made = compactions(HOUR, { untilMs: 2 * HOUR, fails: (minute) => minute === 60 });
  assert.deepEqual(made.slice(0, 2), [[60, 1], [66, 1]]);
});

Deno.test("periodicSchedule() does nothing while nothing is written", () => {
  const schedule = periodicSchedule(HOUR, { revision: () => 5, nowMs: 0 });
  const due: number[] = [];
  for (let nowMs = schedule.intervalMs; nowMs <= 5 * HOUR; nowMs += schedule.intervalMs) {
    const revision = schedule.due(nowMs);
    if (revision === undefined) continue;
    due.push(revision);
    schedule.done(revision, nowMs);
  }
  assert.deepEqual(due, [5]);
});

Deno.test("revisionSchedule() keeps so many revisions, and compacts to none twice", () => {
  let revision = 50;
  const schedule: Schedule = revisionSchedule(100, { revision: () => revision });
  assert.equal(schedule.intervalMs, 5 * MINUTE);
  assert.equal(schedule.due(0), undefined);
  revision = 250;
  assert.equal(schedule.due(0), 150);
  assert.equal(schedule.due(0), 150, "until it is done");
  schedule.done(150, 0);
  assert.equal(schedule.due(0), undefined);
});
