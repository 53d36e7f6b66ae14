/** What is counted of commits, and of those who wait for them. */

import assert from "node:assert/strict";
import { BackendError } from "../../backends/contract.ts";
import type { CommitObserver } from "./committer.ts";
import { Store } from "./store.ts";
import { Disk, Gate, type Override, unavailable } from "./testing/engine.ts";
import { command, deleteOp, putOp, span } from "./testing/ops.ts";

class Rig implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly store: Store;

  private constructor(store: Store, seen: string[]) {
    this.store = store;
    this.seen = seen;
  }

  static async open(override: Override, { isShared = false } = {}): Promise<Rig> {
    const disk = new Disk();
    const seen: string[] = [];
    const observe: CommitObserver = {
      appended({ ms, requests, bytes }) {
        assert.ok(bytes > 0);
        seen.push(`${requests} requests in ${ms} ms`);
      },
      raceLost: () => void seen.push("race lost"),
    };
    const backend = disk.open((real) => ({
      // A commit takes 5 ms.
      async append(batch) {
        await (override(real).append ?? real.append).call(real, batch);
        disk.nowMs += 5;
      },
    }), { isShared });
    const store = await Store.open({ backend, now: () => disk.nowMs, log() {}, observe });
    return new Rig(store, seen);
  }

  put(key: string): Promise<unknown> {
    return this.store.submit(command(putOp(key, "value")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.store.backend.close();
  }
}

Deno.test("a commit is observed once, with the requests that shared it", async () => {
  await using rig = await Rig.open(() => ({}));
  await Promise.all([rig.put("a"), rig.put("b"), rig.put("c")]);
  assert.deepEqual(rig.seen, ["3 requests in 5 ms"]);
});

Deno.test("a race that was lost is observed, and what came of it", async () => {
  let races = 2;
  const override: Override = (real) => ({
    append(batch) {
      if (races-- > 0) throw new BackendError("conflict", "another was first");
      return real.append(batch);
    },
  });
  await using rig = await Rig.open(override, { isShared: true });
  await rig.put("a");
  assert.deepEqual(rig.seen, ["race lost", "race lost", "1 requests in 5 ms"]);
});

Deno.test("those who wait for a commit are pending, and failed if it fails", async () => {
  const gate = new Gate();
  await using rig = await Rig.open(() => ({
    async append() {
      await gate.wait();
      throw unavailable();
    },
  }));
  const puts = [rig.put("a"), rig.put("b")];
  await gate.reached;
  puts.push(rig.put("c"));
  assert.equal(rig.store.pending, 3);
  assert.equal(rig.store.failed, 0);
  gate.open();
  const outcomes = await Promise.allSettled(puts);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  assert.equal(rig.store.pending, 0);
  assert.equal(rig.store.failed, 3);
  assert.deepEqual(rig.seen, []);
});

Deno.test("rows are counted as they are published", async () => {
  await using rig = await Rig.open(() => ({}));
  await rig.put("a");
  await rig.put("b");
  await rig.store.submit(command(deleteOp(span("a", "z"))));
  const { puts, deletes, putBytes } = rig.store.counts;
  assert.deepEqual([puts, deletes], [2, 2]);
  // Keys and values, and two or three bytes in front of a value.
  assert.ok(putBytes >= 12 && putBytes <= 20, String(putBytes));
});
