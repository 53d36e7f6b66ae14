import assert from "node:assert/strict";
import { createAdaptivePoll } from "./adaptive_poll.ts";

async function countWakes(
  changes: AsyncIterable<void>,
  onWake: (wakes: number) => void,
): Promise<void> {
  let wakes = 0;
  for await (const _ of changes) onWake(++wakes);
}

Deno.test("the poll wakes at first, for others, after failures, and not for its own server", async () => {
  const end = new AbortController();
  const answers = ["a", "a", "own", "own", "b", "failure", "b", "b"];
  const asked: string[] = [];
  const woken: (string | undefined)[] = [];
  const poll = createAdaptivePoll(() => {
    const answer = answers.shift();
    if (answer === undefined) {
      end.abort();
      return Promise.resolve({ batchId: "end" });
    }
    asked.push(answer);
    if (answers[0] === "own") poll.appended("own");
    if (answer === "failure") return Promise.reject(new Error("unreachable"));
    return Promise.resolve({ batchId: answer });
  });
  await countWakes(poll.changes(end.signal), () => woken.push(asked.at(-1)));
  assert.deepEqual(woken, ["a", "b", "b"]);
});

Deno.test("the poll ends by its signal while it waits", async () => {
  const end = new AbortController();
  const poll = createAdaptivePoll(() => Promise.resolve({ batchId: "a" }));
  await countWakes(poll.changes(end.signal), () => end.abort());
});
