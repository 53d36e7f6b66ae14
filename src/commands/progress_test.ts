import assert from "node:assert/strict";
import { Progress } from "./progress.ts";

/** A progress whose clock the test holds. */
function rig(isTerminal: boolean) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const progress = new Progress({
    isTerminal,
    write: (text) => written.push(text),
    now: () => clock.ms,
  });
  return { progress, written, clock };
}

const HALF = {
  what: "copying",
  fraction: 0.5,
  revision: 12_345,
  rows: 600,
  bytes: 5 * 1024 * 1024,
};

Deno.test("Progress.update() writes one line over on a terminal, ten times a second at most", () => {
  const { progress, written, clock } = rig(true);
  progress.update({ what: "copying", fraction: 0, bytes: 0 });
  assert.deepEqual(written, ["\rcopying 0 %\x1b[K"]);
  clock.ms = 50;
  progress.update(HALF);
  assert.equal(written.length, 1);
  clock.ms = 5_000;
  progress.update(HALF);
  assert.equal(
    written.at(-1),
    "\rcopying 50 %, revision 12,345, 600 rows, 5.0 MiB, 1.0 MiB/s, 5 s left\x1b[K",
  );
  progress.say("note");
  assert.deepEqual(written.slice(-2), ["\r\x1b[K", "note\n"]);
  progress[Symbol.dispose]();
  assert.equal(written.at(-1), "note\n");
});

Deno.test("Progress.update() writes a line every five seconds elsewhere, and none of what is quick", () => {
  const { progress, written, clock } = rig(false);
  for (clock.ms = 0; clock.ms < 12_000; clock.ms += 100) progress.update(HALF);
  assert.equal(written.length, 2);
  assert.match(written[0] ?? "", /^copying 50 %, .*\n$/);
  // Another work begins, with a rate of its own.
  progress.update({ ...HALF, what: "verifying", fraction: 0.1 });
  assert.equal(written.length, 2);
  clock.ms += 5_000;
  progress.update({ ...HALF, what: "verifying", fraction: 0.2 });
  assert.match(written[2] ?? "", /^verifying 20 %, .* 40 s left\n$/);
});
