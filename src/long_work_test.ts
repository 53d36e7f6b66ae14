import assert from "node:assert/strict";
import { longWork } from "./long_work.ts";

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown> | undefined;
}

/** A rig whose clock moves with each line, so that what takes long by it takes no time. */
function rig(everyMs: number) {
  const lines: Line[] = [];
  const clock = { ms: 0 };
  const twice = Promise.withResolvers<void>();
  const options = {
    log(level: string, message: string, fields?: Record<string, unknown>) {
      lines.push({ level, message, fields });
      clock.ms += 1_000;
      if (lines.length === 2) twice.resolve();
    },
    now: () => clock.ms,
    what: "trimming",
    progress: () => ({ removed: lines.length * 10 }),
    everyMs,
  };
  return { lines, clock, options, twice: twice.promise };
}

Deno.test("longWork() tells how far the work is, and what came of it", async () => {
  const { lines, options, twice } = rig(1);
  assert.equal(await longWork(options, () => twice.then(() => "result")), "result");
  const [first, second] = lines;
  assert.deepEqual(first, {
    level: "info",
    message: "trimming goes on",
    fields: { removed: 0, seconds: 0 },
  });
  assert.deepEqual(second?.fields, { removed: 10, seconds: 1 });
  assert.equal(lines.at(-1)?.message, "trimming is done");
});

Deno.test("longWork() says nothing of what is short, and of a failure always", async () => {
  const { lines, options } = rig(60_000);
  assert.equal(await longWork(options, () => Promise.resolve(1)), 1);
  assert.deepEqual(lines, []);
  const failure = new Error("no room");
  await assert.rejects(longWork(options, () => Promise.reject(failure)), failure);
  assert.deepEqual(lines, [
    {
      level: "warn",
      message: "trimming failed",
      fields: { removed: 0, seconds: 0, cause: "no room" },
    },
  ]);
});
