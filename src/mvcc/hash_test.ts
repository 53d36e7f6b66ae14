import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { toBinary } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Backend } from "../../backends/contract.ts";
import { KeyValueSchema } from "../../gen/mvccpb/kv_pb.ts";
import { EtcdError } from "../errors.ts";
import { Alarms } from "./alarms.ts";
import { compactCommand } from "./commands.ts";
import { crc32c } from "./crc32c.ts";
import { hashKv, hashScope } from "./hash.ts";
import { HashStorage } from "./hash_storage.ts";
import { Engine } from "./testing/engine.ts";
import { ALL, command, deleteOp, key, putOp, span, txnOp } from "./testing/ops.ts";

const NO_SCOPE = { compactRevision: -1 };

/** A backend whose history comes in the smallest pages. */
function inSmallPages(backend: Backend): Pick<Backend, "count" | "history"> {
  return {
    count: (query) => backend.count(query),
    history: (query) => backend.history({ ...query, rowsMax: 1 }),
  };
}

async function trimAll(backend: Backend): Promise<void> {
  const { compactRevision: upTo } = await backend.head();
  while (!(await backend.trim({ rowsMax: 2, upTo })).done);
}

/** Puts, overwrites, a transaction, a delete, and a key that is made again. */
async function writeHistory(engine: Engine): Promise<void> {
  await engine.put("a", "1");
  await engine.put("b", "2");
  await engine.store.submit(command(txnOp([putOp("c", "3"), putOp("a", "4")])));
  await engine.store.submit(command(deleteOp(span("b"))));
  await engine.put("b", "5");
}

function hash(engine: Engine, options: { revision?: number; storage?: HashStorage } = {}) {
  const { backend } = engine.store;
  const { revision = 0, storage = new HashStorage() } = options;
  return hashKv({ backend, storage, trimmed: () => trimAll(backend) }, revision);
}

Deno.test("hashScope() sums etcd's rows: revision and place, then the message in field order", async () => {
  await using engine = await Engine.open();
  await engine.put("a", "1");
  await engine.store.submit(command(deleteOp(span("a"))));
  const value = toBinary(
    KeyValueSchema,
    create(KeyValueSchema, {
      key: key("a"),
      createRevision: 2n,
      modRevision: 2n,
      version: 1n,
      value: key("1"),
    }),
  );
  const rows = Buffer.concat([
    key("key"),
    key("\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0"),
    value,
    key("\0\0\0\0\0\0\0\x03_\0\0\0\0\0\0\0\0t"),
    toBinary(KeyValueSchema, create(KeyValueSchema, { key: key("a") })),
  ]);
  const { backend } = engine.store;
  assert.equal(await hashScope(backend, { ...NO_SCOPE, revision: 3 }), crc32c(rows));
});

Deno.test("hashScope() is the same however the history is cut into pages", async () => {
  await using engine = await Engine.open();
  await writeHistory(engine);
  const { backend } = engine.store;
  for (let revision = 1; revision <= engine.store.head.revision; revision++) {
    for (const compactRevision of [-1, 1, 3].filter((compact) => compact <= revision)) {
      const scope = { compactRevision, revision };
      const small = await hashScope({ ...backend, ...inSmallPages(backend) }, scope);
      assert.equal(small, await hashScope(backend, scope));
    }
  }
});

Deno.test("hashKv() at a revision does not change with what is written later", async () => {
  await using engine = await Engine.open();
  await writeHistory(engine);
  const newest = await hash(engine);
  const { revision } = engine.store.head;
  assert.deepEqual(newest, {
    hash: newest.hash,
    revision,
    hashRevision: revision,
    compactRevision: -1,
  });
  await engine.put("d");
  const same = await hash(engine, { revision });
  assert.deepEqual([same.hash, same.hashRevision], [newest.hash, revision]);
  assert.equal(same.revision, revision + 1);
  assert.notEqual((await hash(engine)).hash, newest.hash);
});

Deno.test("hashKv() of two stores is equal exactly when their histories are", async () => {
  await using one = await Engine.open();
  await using other = await Engine.open();
  await writeHistory(one);
  await writeHistory(other);
  assert.equal((await hash(one)).hash, (await hash(other)).hash);
  await one.put("x", "1");
  await other.put("x", "2");
  assert.notEqual((await hash(one)).hash, (await hash(other)).hash);
});

Deno.test("hashKv() answers what was summed before a compaction when asked for its revision", async () => {
  await using engine = await Engine.open();
  await writeHistory(engine);
  const storage = new HashStorage();
  const before = await hash(engine, { revision: 4 });
  storage.store(before);
  await engine.store.submit(compactCommand(4, new Alarms()));
  assert.equal((await hash(engine, { revision: 4, storage })).hash, before.hash);
  assert.equal((await hash(engine, { revision: 4 })).compactRevision, 4);
});

Deno.test("hashKv() refuses revisions that are compacted or to come", async () => {
  await using engine = await Engine.open();
  await writeHistory(engine);
  await engine.store.submit(compactCommand(4, new Alarms()));
  const reasons = new Map([[3, "compacted"], [99, "futureRevision"]]);
  for (const [revision, reason] of reasons) {
    await assert.rejects(
      hash(engine, { revision }),
      (error) => error instanceof EtcdError && error.reason === reason,
    );
  }
});

Deno.test("hashKv() sums again when a compaction comes while it waits for trimming", async () => {
  await using engine = await Engine.open();
  await writeHistory(engine);
  await using twin = await Engine.open();
  await writeHistory(twin);
  await twin.store.submit(compactCommand(5, new Alarms()));
  const expected = await hash(twin);

  const { backend } = engine.store;
  let isFirst = true;
  const trimmed = async () => {
    await trimAll(backend);
    if (!isFirst) return;
    isFirst = false;
    // Trimming is done, and at once there is more to trim.
    await engine.store.submit(compactCommand(5, new Alarms()));
  };
  const result = await hashKv({ backend, storage: new HashStorage(), trimmed }, 0);
  assert.deepEqual(result, expected);
});

Deno.test("HashStorage keeps the ten newest checksums", () => {
  const storage = new HashStorage();
  for (let revision = 1; revision <= 12; revision++) {
    storage.store({ hash: revision, revision, hashRevision: revision, compactRevision: 0 });
  }
  assert.equal(storage.get(2), undefined);
  assert.equal(storage.get(3)?.hash, 3);
  assert.equal(storage.get(12)?.hash, 12);
});

Deno.test("hashScope() at a negative revision covers no row", async () => {
  await using engine = await Engine.open();
  await writeHistory(engine);
  const { backend } = engine.store;
  assert.equal(await hashScope(backend, { ...NO_SCOPE, revision: -1 }), crc32c(key("key")));
  assert.equal((await backend.count({ ...ALL, revision: 0 })).count, 3);
});
