import assert from "node:assert/strict";
import { EtcdError } from "../errors.ts";
import { Turns } from "./turns.ts";

const STAYS = new AbortController().signal;

/** A turn that notes when it came. */
async function take(turns: Turns, { name, taken }: { name: string; taken: string[] }) {
  const turn = await turns.take(STAYS);
  taken.push(name);
  return turn;
}

Deno.test("Turns.take() lets so many in, and the others in the order in which they came", async () => {
  const turns = new Turns({ max: 2, waitingMax: 10 });
  const taken: string[] = [];
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => take(turns, { name, taken }));
  const [first] = await Promise.all([a, b]);
  assert.deepEqual(taken, ["a", "b"]);
  first?.[Symbol.dispose]();
  const third = await c;
  // Twice is once.
  first?.[Symbol.dispose]();
  await Promise.resolve();
  assert.deepEqual(taken, ["a", "b", "c"]);
  third?.[Symbol.dispose]();
  await d;
  assert.deepEqual(taken, ["a", "b", "c", "d"]);
});

Deno.test("Turns.take() refuses whoever would wait behind too many", async () => {
  const turns = new Turns({ max: 1, waitingMax: 1 });
  const first = await turns.take(STAYS);
  const second = turns.take(STAYS);
  await assert.rejects(turns.take(STAYS), new EtcdError("tooManyRequests"));
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  (await turns.take(STAYS))[Symbol.dispose]();
});

Deno.test("Turns.take() lets those who give up out of the line", async () => {
  const turns = new Turns({ max: 1, waitingMax: 1 });
  const first = await turns.take(STAYS);
  const leaving = new AbortController();
  const left = turns.take(leaving.signal);
  const reason = new Error("gone");
  leaving.abort(reason);
  await assert.rejects(left, reason);
  const second = turns.take(STAYS);
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  await assert.rejects(turns.take(leaving.signal), reason);
  // Nobody holds what the one who left might have got.
  (await turns.take(STAYS))[Symbol.dispose]();
});
