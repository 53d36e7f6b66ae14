import assert from "node:assert/strict";
import { BackendError, type Batch } from "../../backends/contract.ts";
import { EtcdError } from "../errors.ts";
import {
  COMMIT_BYTES_MAX,
  COMMIT_REQUESTS_MAX,
  REQUEST_TIMEOUT_MS,
  WRITER_QUEUE_BYTES_MAX,
  WRITER_QUEUE_MAX,
} from "../limits.ts";
import type { Command } from "./read_set.ts";
import { Engine, Gate, type Override } from "./testing/engine.ts";
import { ALL, command, deleteOp, putOp, rangeOp, readable } from "./testing/ops.ts";

/** Notes each batch appended, and holds the first one up until the gate is opened. */
function held(batches: Batch[], gate: Gate): Override {
  return (real) => ({
    async append(batch) {
      batches.push(batch);
      if (batches.length === 1) await gate.wait();
      return await real.append(batch);
    },
  });
}

/** Does nothing but take up room in the queue. */
function idle(bytes: number): Command<number> {
  return { bytes, reads() {}, apply: () => bytes };
}

function hasReason(reason: EtcdError["reason"]) {
  return (error: unknown) => error instanceof EtcdError && error.reason === reason;
}

Deno.test("Writer puts all that arrives during an append into the next one", async () => {
  const batches: Batch[] = [];
  const gate = new Gate();
  await using engine = await Engine.open(held(batches, gate));
  const first = engine.put("first");
  await gate.reached;
  const others = ["a", "b", "c"].map((name) => engine.put(name));
  gate.open();
  assert.equal((await first).revision, 2);
  assert.deepEqual((await Promise.all(others)).map(({ revision }) => revision), [3, 4, 5]);
  assert.deepEqual(batches.map((batch) => batch.rows.map((row) => row.revision)), [[2], [3, 4, 5]]);
  assert.equal(new Set(batches.map(({ head }) => head.batchId)).size, 2);
});

Deno.test("Writer fails a command alone when it is refused: the others of its batch are written", async () => {
  const batches: Batch[] = [];
  await using engine = await Engine.open(held(batches, openGate()));
  const [a, refused, b] = await Promise.allSettled([
    engine.put("a", "1"),
    engine.put("a", "2", { lease: 9n }),
    engine.put("b", "3"),
  ]);
  assert.equal(a.status, "fulfilled");
  assert.ok(refused.status === "rejected" && hasReason("leaseNotFound")(refused.reason));
  assert.ok(b.status === "fulfilled" && b.value.revision === 3);
  assert.deepEqual(batches.map((batch) => readable(batch.rows.map((row) => row.kv))), [
    ["a=1", "b=3"],
  ]);
});

function openGate(): Gate {
  const gate = new Gate();
  gate.open();
  return gate;
}

Deno.test("Writer appends nothing when no command of a batch changes anything", async () => {
  const batches: Batch[] = [];
  await using engine = await Engine.open(held(batches, openGate()));
  const result = await engine.store.submit(command(deleteOp(ALL)));
  assert.deepEqual(result, { kind: "delete", revision: 1, deleted: 0, prevKvs: [] });
  assert.equal(batches.length, 0);
  assert.equal(engine.commits.length, 0);
});

Deno.test("Writer publishes a commit before it answers, and after it is on disk", async () => {
  const order: string[] = [];
  await using engine = await Engine.open((real) => ({
    async append(batch) {
      await real.append(batch);
      order.push("on disk");
    },
  }));
  engine.store.onCommit(({ head }) => order.push(`published ${head.revision}`));
  await engine.put("a").then(() => order.push("answered"));
  assert.deepEqual(order, ["on disk", "published 2", "answered"]);
  assert.equal(engine.store.head.index, 1);
});

Deno.test("Writer fails every command of a batch with the append's error, publishes nothing, and goes on", async () => {
  let failures = 1;
  await using engine = await Engine.open((real) => ({
    append(batch) {
      if (failures-- > 0) throw new BackendError("full", "no room");
      return real.append(batch);
    },
  }));
  const answers = await Promise.allSettled([engine.put("a"), engine.put("b")]);
  for (const answer of answers) {
    assert.ok(answer.status === "rejected");
    assert.ok(answer.reason instanceof BackendError && answer.reason.kind === "full");
  }
  assert.equal(engine.commits.length, 0);
  assert.equal(engine.store.head.revision, 1);
  assert.equal((await engine.store.reader.range(rangeOp(ALL))).count, 0);
  assert.equal((await engine.put("a")).revision, 2);
});

/** The first append's answer is lost, before or after the batch was written. */
function losesAnswer({ applied }: { applied: boolean }): Override {
  let isFirst = true;
  return (real) => ({
    async append(batch) {
      if (!isFirst) return await real.append(batch);
      isFirst = false;
      if (applied) await real.append(batch);
      throw new BackendError("indeterminate", "the answer is lost");
    },
  });
}

Deno.test("Writer answers as if nothing had happened when a lost batch turns out applied", async () => {
  await using engine = await Engine.open(losesAnswer({ applied: true }));
  assert.equal((await engine.put("a", "1")).revision, 2);
  assert.deepEqual(engine.commits.map(({ head }) => head.revision), [2]);
  assert.equal(engine.logged.length, 1);
  assert.equal((await engine.put("a", "2")).revision, 3);
});

Deno.test("Writer fails a batch, and publishes nothing, when a lost one turns out not applied", async () => {
  await using engine = await Engine.open(losesAnswer({ applied: false }));
  await assert.rejects(
    engine.put("a", "1"),
    (error) => error instanceof BackendError && error.kind === "indeterminate",
  );
  assert.equal(engine.commits.length, 0);
  assert.equal((await engine.put("a", "2")).revision, 2);
});

Deno.test("Writer refuses with tooManyRequests when its queue holds as many requests as it may", async () => {
  const gate = new Gate();
  await using engine = await Engine.open(held([], gate));
  const first = engine.put("a");
  await gate.reached;
  const waiting = Array.from({ length: WRITER_QUEUE_MAX }, () => engine.store.submit(idle(1)));
  await assert.rejects(engine.put("b"), hasReason("tooManyRequests"));
  gate.open();
  await Promise.all([first, ...waiting]);
  assert.equal((await engine.put("b")).revision, 3);
});

Deno.test("Writer refuses with tooManyRequests when its queue holds as many bytes as it may", async () => {
  const gate = new Gate();
  await using engine = await Engine.open(held([], gate));
  const first = engine.put("a");
  await gate.reached;
  const waiting = engine.store.submit(idle(WRITER_QUEUE_BYTES_MAX));
  await assert.rejects(engine.put("b"), hasReason("tooManyRequests"));
  gate.open();
  await Promise.all([first, waiting]);
  assert.equal((await engine.put("b")).revision, 3);
});

Deno.test("Writer ends a batch at its bounds of requests and of bytes", async () => {
  const batches: Batch[] = [];
  const gate = new Gate();
  await using engine = await Engine.open(held(batches, gate));
  const first = engine.put("a");
  await gate.reached;
  const many = Array.from({ length: COMMIT_REQUESTS_MAX + 1 }, () => engine.put("a"));
  gate.open();
  await Promise.all([first, ...many]);
  assert.deepEqual(batches.map(({ rows }) => rows.length), [1, COMMIT_REQUESTS_MAX, 1]);

  const large = { ...command(putOp("a")), bytes: COMMIT_BYTES_MAX };
  await Promise.all([engine.store.submit(large), engine.put("b")]);
  assert.deepEqual(batches.slice(3).map(({ rows }) => rows.length), [1, 1]);
});

Deno.test("Writer fails what waits too long with timeout: what was under way may still be written", async () => {
  const gate = new Gate();
  await using engine = await Engine.open(held([], gate));
  const underWay = engine.put("under way");
  await gate.reached;
  const waiting = engine.put("waiting");
  engine.disk.nowMs += REQUEST_TIMEOUT_MS + 1;
  const young = engine.put("young");
  const answers = await Promise.allSettled([underWay, waiting]);
  for (const answer of answers) {
    assert.ok(answer.status === "rejected" && hasReason("timeout")(answer.reason));
  }
  gate.open();
  assert.equal((await young).revision, 3);
  const { kvs } = await engine.store.reader.range(rangeOp(ALL));
  assert.deepEqual(readable(kvs), ["under way=", "young="]);
});

Deno.test("Writer refuses new commands once it closes, and answers those that it has", async () => {
  const gate = new Gate();
  await using engine = await Engine.open(held([], gate));
  const answers = [engine.put("a")];
  await gate.reached;
  answers.push(engine.put("b"));
  const closed = engine.store[Symbol.asyncDispose]();
  await assert.rejects(engine.put("c"), hasReason("stopped"));
  gate.open();
  await closed;
  assert.deepEqual((await Promise.all(answers)).map(({ revision }) => revision), [2, 3]);
});

Deno.test("Writer refuses a request that changes more rows than a batch may have, alone", async () => {
  await using engine = await Engine.open((real) => ({
    capabilities: { ...real.capabilities, batchRowsMax: 2 },
  }));
  for (const name of ["a", "b", "c"]) await engine.put(name);
  await assert.rejects(engine.store.submit(command(deleteOp(ALL))), hasReason("requestTooLarge"));
  assert.equal((await engine.store.reader.range(rangeOp(ALL))).count, 3);
});

Deno.test("Writer leaves for the next batch what this one has no rows for", async () => {
  const batches: Batch[] = [];
  const gate = openGate();
  await using engine = await Engine.open((real) => ({
    ...held(batches, gate)(real),
    capabilities: { ...real.capabilities, batchRowsMax: 2 },
  }));
  const puts = ["a", "b", "c", "d", "e"].map((name) => engine.put(name));
  assert.deepEqual((await Promise.all(puts)).map(({ revision }) => revision), [2, 3, 4, 5, 6]);
  assert.deepEqual(batches.map((batch) => batch.rows.length), [2, 2, 1]);
});
