import assert from "node:assert/strict";
import { BackendError } from "../contract.ts";
import { Lanes, type LanesOptions, type RunOptions } from "./lanes.ts";

interface Connection {
  readonly id: number;
  isBroken: boolean;
}

const RUN: RunOptions = { timeoutMs: 5_000, whenCut: "unavailable", retries: false };

function setUp(options: Partial<LanesOptions<Connection>> = {}) {
  const made: Connection[] = [];
  const lanes = new Lanes<Connection>({
    max: 2,
    connect() {
      const connection = { id: made.length, isBroken: false };
      made.push(connection);
      return Promise.resolve(connection);
    },
    destroy: (connection) => void (connection.isBroken = true),
    isUsable: ({ isBroken }) => !isBroken,
    ...options,
  });
  return { lanes, made };
}

async function assertFails(promise: Promise<unknown>, kind: string, message: RegExp) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof BackendError);
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("Lanes serves callers in order, with no more connections than allowed", async () => {
  const { lanes, made } = setUp();
  const order: number[] = [];
  let running = 0;
  let most = 0;
  await Promise.all([1, 2, 3, 4, 5, 6].map((caller) =>
    lanes.run(async () => {
      most = Math.max(most, ++running);
      order.push(caller);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
    }, RUN)
  ));
  assert.deepEqual(order, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([most, made.length], [2, 2]);
  await lanes.close(0);
  assert.ok(made.every(({ isBroken }) => isBroken));
});

Deno.test("Lanes tells a wait that was too long from a call that was", async () => {
  const { lanes, made } = setUp({ max: 1 });
  const never = lanes.run(() => new Promise(() => {}), {
    ...RUN,
    timeoutMs: 60,
    whenCut: "indeterminate",
  });
  const waiting = lanes.run(() => Promise.resolve(), {
    ...RUN,
    timeoutMs: 20,
    whenCut: "indeterminate",
  });
  await assertFails(waiting, "unavailable", /no connection was free/);
  await assertFails(never, "indeterminate", /did not answer in time/);
  assert.deepEqual(made.map(({ isBroken }) => isBroken), [true]);
  assert.equal(await lanes.run(({ id }) => Promise.resolve(id), RUN), 1);
  await lanes.close(0);
});

Deno.test("Lanes tries a read again on another connection, and a write never", async () => {
  const { lanes } = setUp({ max: 1 });
  const breakOn = (bad: number) => (connection: Connection) => {
    if (connection.id !== bad) return Promise.resolve(connection.id);
    connection.isBroken = true;
    return Promise.reject(new Error("broken"));
  };
  await assert.rejects(lanes.run(breakOn(0), RUN), /broken/);
  assert.equal(await lanes.run(breakOn(1), { ...RUN, retries: true }), 2);
  await assert.rejects(
    lanes.run(() => Promise.reject(new Error("refused")), { ...RUN, retries: true }),
    /refused/,
  );
  await lanes.close(0);
});

Deno.test("Lanes fails fast for a while after it could not connect", async () => {
  let attempts = 0;
  const { lanes } = setUp({
    connect() {
      attempts++;
      return Promise.reject(new BackendError("unavailable", "refused"));
    },
  });
  await assertFails(lanes.run(() => Promise.resolve(), RUN), "unavailable", /refused/);
  await assertFails(lanes.run(() => Promise.resolve(), RUN), "unavailable", /refused/);
  assert.equal(attempts, 1);
  await lanes.close(0);
});

Deno.test("Lanes that is closed settles what is under way, and takes nothing more", async () => {
  const { lanes } = setUp({ max: 1 });
  const done = lanes.run(
    () => new Promise<string>((resolve) => setTimeout(resolve, 5, "done")),
    RUN,
  );
  const never = lanes.run(() => new Promise(() => {}), { ...RUN, whenCut: "indeterminate" });
  const failures = Promise.all([
    assertFails(never, "indeterminate", /closed during the call/),
    assertFails(lanes.run(() => Promise.resolve(), RUN), "unavailable", /is closed/),
  ]);
  await lanes.close(50);
  assert.equal(await done, "done");
  await failures;
  await assertFails(lanes.run(() => Promise.resolve(), RUN), "unavailable", /is closed/);
});
