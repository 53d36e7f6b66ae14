import assert from "node:assert/strict";
import { Reading } from "./reading.ts";

/** A source that answers when it is told to, and a clock. */
class Rig {
  nowMs = 0;
  asked = 0;
  answer = Promise.withResolvers<number>();
  readonly reading = new Reading({
    read: () => {
      this.asked++;
      return this.answer.promise;
    },
    maxAgeMs: 1_000,
    waitMs: 1,
    now: () => this.nowMs,
  });

  next(): void {
    this.answer = Promise.withResolvers();
  }
}

Deno.test("Reading answers what it knows for a while", async () => {
  const rig = new Rig();
  rig.answer.resolve(1);
  assert.equal(await rig.reading.get(), 1);
  rig.nowMs = 999;
  rig.next();
  rig.answer.resolve(2);
  assert.equal(await rig.reading.get(), 1);
  rig.nowMs = 1_000;
  assert.equal(await rig.reading.get(), 2);
  assert.equal(rig.asked, 2);
});

Deno.test("Reading does not wait long, nor ask again meanwhile", async () => {
  const rig = new Rig();
  assert.equal(await rig.reading.get(), undefined);
  assert.equal(await rig.reading.get(), undefined);
  assert.equal(rig.asked, 1);
  rig.answer.resolve(7);
  await rig.answer.promise;
  assert.equal(await rig.reading.get(), 7);
});

Deno.test("Reading asks the more seldom the longer the answer takes", async () => {
  const rig = new Rig();
  const first = rig.reading.get();
  rig.nowMs = 100;
  rig.answer.resolve(1);
  await first;
  rig.nowMs = 5_000;
  await rig.reading.get();
  assert.equal(rig.asked, 1);
  rig.nowMs = 10_100;
  await rig.reading.get();
  assert.equal(rig.asked, 2);
});

Deno.test("Reading keeps what it knows while the source fails", async () => {
  const rig = new Rig();
  rig.answer.resolve(1);
  await rig.reading.get();
  rig.next();
  rig.answer.reject(new Error("away"));
  rig.nowMs = 1_000;
  assert.equal(await rig.reading.get(), 1);
});
