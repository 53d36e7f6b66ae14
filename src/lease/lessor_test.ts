import assert from "node:assert/strict";
import { EtcdError } from "../errors.ts";
import { LEASE_HEARTBEAT_MS, LEASE_REVOKES_PER_CHECK } from "../limits.ts";
import { ALARM } from "../mvcc/alarms.ts";
import { Disk, Engine, Gate, type Override, unavailable } from "../mvcc/testing/engine.ts";
import { rangeOp, readable, span } from "../mvcc/testing/ops.ts";
import type { Commit } from "../mvcc/types.ts";
import { Lessor } from "./lessor.ts";

class Rig implements AsyncDisposable {
  readonly engine: Engine;
  readonly lessor: Lessor;
  readonly logged: string[] = [];
  /** What is drawn next. */
  randomId = 100n;

  private constructor(engine: Engine) {
    this.engine = engine;
    this.lessor = new Lessor({
      store: engine.store,
      now: () => engine.disk.nowMs,
      randomId: () => this.randomId++,
      log: (_level, message) => this.logged.push(message),
    });
  }

  static async start(override?: Override, disk?: Disk): Promise<Rig> {
    const rig = new Rig(await Engine.open(override, disk));
    await rig.lessor.start({ isAlone: true });
    return rig;
  }

  pass(ms: number): void {
    this.engine.disk.nowMs += ms;
  }

  /** Resolves when the lease is revoked. */
  gone(id: bigint): Promise<Commit> {
    return this.engine.committed(({ leases }) =>
      leases?.some((change) => change.id === id && change.state === null) === true
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lessor[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

function hasReason(reason: EtcdError["reason"]) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

Deno.test("Lessor revokes an expired lease with all its keys in one commit, and leaves the others", async () => {
  await using rig = await Rig.start();
  const { engine, lessor } = rig;
  await lessor.grant(1n, 5);
  await lessor.grant(2n, 60);
  for (const name of ["a", "b"]) await engine.put(name, "", { lease: 1n });
  await engine.put("c", "", { lease: 2n });
  rig.pass(5_000);
  const { rows, head } = await rig.gone(1n);
  assert.deepEqual(rows.map(({ tombstone, revision }) => [tombstone, revision]), [
    [true, head.revision],
    [true, head.revision],
  ]);
  const { kvs } = await engine.store.reader.range(rangeOp(span("a", "z")));
  assert.deepEqual(readable(kvs), ["c="]);
  assert.deepEqual((await lessor.list()).leases.map(({ id }) => id), [2n]);
});

Deno.test("Lessor lets a renewed lease live on", async () => {
  await using rig = await Rig.start();
  await rig.lessor.grant(1n, 5);
  await rig.lessor.grant(2n, 5);
  rig.pass(4_000);
  assert.equal((await rig.lessor.renew(1n)).ttl, 5);
  rig.pass(1_000);
  await rig.gone(2n);
  assert.equal((await rig.lessor.lookup(1n, { withKeys: false })).lease?.remainingMs, 4_000);
});

Deno.test("Lessor tells the store that a server lives while there are leases and nothing is written", async () => {
  await using rig = await Rig.start();
  await rig.lessor.grant(1n, 1_000);
  const granted = rig.engine.store.head.index;
  rig.pass(LEASE_HEARTBEAT_MS);
  const { head, rows, leases } = await rig.engine.committed(({ head }) => head.index > granted);
  assert.deepEqual([head.revision, rows.length, leases?.length], [1, 0, 0]);
});

Deno.test("Lessor gives leases the time back in which no server ran", async () => {
  const disk = new Disk();
  {
    await using rig = await Rig.start(undefined, disk);
    await rig.lessor.grant(1n, 10);
    rig.pass(3_000);
    await rig.engine.put("a");
  }
  disk.nowMs += 3_600_000;
  await using rig = await Rig.start(undefined, disk);
  const { lease } = await rig.lessor.lookup(1n, { withKeys: false });
  assert.equal(lease?.remainingMs, 7_000);
});

Deno.test("Lessor finds leases at its start that expire without any commit", async () => {
  const disk = new Disk();
  {
    await using rig = await Rig.start(undefined, disk);
    await rig.lessor.grant(1n, 5);
  }
  await using rig = await Rig.start(undefined, disk);
  rig.pass(5_000);
  await rig.gone(1n);
});

Deno.test("Lessor tries again when an expired lease could not be revoked", async () => {
  let isBroken = false;
  await using rig = await Rig.start((real) => ({
    append(batch) {
      if (!isBroken) return real.append(batch);
      isBroken = false;
      throw unavailable();
    },
  }));
  await rig.lessor.grant(1n, 5);
  isBroken = true;
  rig.pass(5_000);
  await rig.gone(1n);
  assert.deepEqual(rig.logged, ["Cannot look for expired leases: trying again"]);
});

Deno.test("Lessor does not forget a lease that is granted while it looks for expired ones", async () => {
  const gate = new Gate();
  let isHeld = false;
  await using rig = await Rig.start((real) => ({
    async leases(limit) {
      const answer = await real.leases(limit);
      if (isHeld) await gate.wait();
      return answer;
    },
  }));
  await rig.lessor.grant(1n, 5);
  isHeld = true;
  rig.pass(5_000);
  await gate.reached;
  isHeld = false;
  // The list was read before; the answer comes behind.
  await rig.lessor.grant(2n, 5);
  gate.open();
  await rig.gone(1n);
  rig.pass(5_000);
  await rig.gone(2n);
});

Deno.test("Lessor revokes leases that expired during the alarm CORRUPT when that has ended", async () => {
  await using rig = await Rig.start();
  const { store } = rig.engine;
  await rig.lessor.grant(1n, 5);
  const alarm = { memberId: 1n, alarm: ALARM.CORRUPT };
  await store.submit(store.alarms.activate(alarm));
  const raised = store.head.index;
  rig.pass(5_000);
  // The heartbeat follows a look at what has expired.
  await rig.engine.committed(({ head }) => head.index > raised);
  assert.equal((await rig.lessor.list()).leases.length, 1);
  await store.submit(store.alarms.deactivate(alarm));
  await rig.gone(1n);
});

Deno.test("Lessor revokes so many leases in one look, and the rest in the next", async () => {
  await using rig = await Rig.start();
  const count = LEASE_REVOKES_PER_CHECK + 1;
  await Promise.all(Array.from({ length: count }, (_, i) => rig.lessor.grant(BigInt(i + 1), 5)));
  rig.pass(5_000);
  await rig.gone(BigInt(count));
  assert.equal((await rig.lessor.list()).leases.length, 0);
});

Deno.test("Lessor.grant() draws another id when the first one is taken, but not for ever", async () => {
  await using rig = await Rig.start();
  await rig.lessor.grant(100n, 5);
  assert.equal((await rig.lessor.grant(0n, 5)).id, 101n);
  await assert.rejects(rig.lessor.grant(100n, 5), hasReason("leaseExists"));
  for (let id = 200n; id < 208n; id++) await rig.lessor.grant(id, 5);
  rig.randomId = 200n;
  await assert.rejects(rig.lessor.grant(0n, 5), hasReason("leaseExists"));
});

Deno.test("Lessor.lookup() tells a lease's keys if they are wanted, and nothing of an unknown one", async () => {
  await using rig = await Rig.start();
  await rig.lessor.grant(1n, 5);
  for (const name of ["b", "a"]) await rig.engine.put(name, "", { lease: 1n });
  const { lease, kvs, head } = await rig.lessor.lookup(1n, { withKeys: true });
  assert.deepEqual([lease?.ttl, readable(kvs), head.revision], [5, ["a=", "b="], 3]);
  assert.equal((await rig.lessor.lookup(1n, { withKeys: false })).kvs.length, 0);
  assert.equal((await rig.lessor.lookup(9n, { withKeys: true })).lease, null);
});
