import assert from "node:assert/strict";
import { Deadlines, type Expiring } from "./deadlines.ts";

/** Something that notes when it expires. */
function expiring(name: string, expired: string[]): Expiring & { over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    over: promise,
    expire() {
      expired.push(name);
      resolve();
    },
  };
}

Deno.test("Deadlines expire in order, whatever the order they came in", async () => {
  const deadlines = new Deadlines();
  const expired: string[] = [];
  const [late, soon, never] = ["late", "soon", "never"].map((name) => expiring(name, expired));
  assert.ok(late !== undefined && soon !== undefined && never !== undefined);
  const hold = setTimeout(() => {}, 60_000);
  deadlines.add(never, 3_600_000);
  deadlines.add(late, 60);
  deadlines.add(soon, 20);
  await soon.over;
  await late.over;
  assert.deepEqual(expired, ["soon", "late"]);
  deadlines.clear();
  clearTimeout(hold);
});

Deno.test("Deadlines forget what was taken out", async () => {
  const deadlines = new Deadlines();
  const expired: string[] = [];
  const gone = expiring("gone", expired);
  const stays = expiring("stays", expired);
  const hold = setTimeout(() => {}, 60_000);
  const tick = deadlines.add(gone, 10);
  deadlines.add(stays, 30);
  deadlines.delete(gone, tick);
  deadlines.delete(gone, tick);
  await stays.over;
  assert.deepEqual(expired, ["stays"]);
  deadlines.clear();
  clearTimeout(hold);
});
