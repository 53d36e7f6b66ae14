// Watch: where a watcher starts, in the past or the future, and what compaction takes from it.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest } from "../support/service_case.ts";
import { NO_WATCH_ID, revisionOf, WatchSession } from "./watch_session.ts";

/** Writes the values to the key, each at a revision of its own, and returns the revisions. */
async function putAll(
  client: EtcdClient,
  key: string,
  { values }: { readonly values: readonly string[] },
): Promise<bigint[]> {
  const revisions: bigint[] = [];
  for (const value of values) revisions.push(revisionOf(await client.kv.put({ key, value })));
  return revisions;
}

serviceTest("Watch: a start in the past replays history, then goes on live", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const [, second = 0n] = await putAll(t.client, key, { values: ["1", "2", "3"] });
  const id = await session.create({ key, startRevision: second });
  await t.client.kv.put({ key, value: "4" });
  const values = (await session.events(id, 3)).map(({ value }) => value);
  assert.deepEqual(values, ["2", "3", "4"]);
});

serviceTest("Watch: a start in the future is silent until it is reached", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const [now = 0n] = await putAll(t.client, key, { values: ["0"] });
  const future = await session.create({ key, startRevision: now + 3n });
  const live = await session.create({ key });
  await putAll(t.client, key, { values: ["1", "2", "3", "4"] });
  const valuesOf = async (id: bigint, count: number) =>
    (await session.events(id, count)).map(({ value }) => value);
  assert.deepEqual(await valuesOf(live, 4), ["1", "2", "3", "4"]);
  assert.deepEqual(await valuesOf(future, 2), ["3", "4"]);
});

serviceTest("Watch: a negative start makes no watcher", async (t) => {
  using session = new WatchSession(t.client);
  session.sendCreate({ key: t.key("a"), startRevision: -1 });
  const refused = await session.created();
  assert.equal(refused.canceled, true);
  assert.equal(refused.watchId, NO_WATCH_ID);
  assert.equal(refused.compactRevision, 0n);
  assert.equal(
    refused.cancelReason,
    "etcdserver: mvcc: required revision has been compacted",
  );
  assert.equal(await session.create({ key: t.key("a") }), 0n);
});

serviceTest(
  "Watch: a compacted start is made, then canceled with the compact revision",
  { fresh: true },
  async (t) => {
    using session = new WatchSession(t.client);
    const revisions = await putAll(t.client, "a", { values: ["1", "2", "3", "4"] });
    const [first = 0n, , third = 0n] = revisions;
    await t.client.kv.compact({ revision: third });
    const id = await session.create({ key: "a", startRevision: first });
    const canceled = await session.response(id);
    assert.equal(canceled.canceled, true);
    assert.equal(canceled.compactRevision, third);
    assert.equal(canceled.cancelReason, "");
    assert.equal(revisionOf(canceled), 0n);
    assert.deepEqual(canceled.events, []);
    const next = await session.create({ key: "a", startRevision: canceled.compactRevision });
    assert.notEqual(next, id);
    assert.deepEqual((await session.events(next, 2)).map(({ value }) => value), ["3", "4"]);
  },
);

serviceTest(
  "Watch: a start at the compact revision still gives the delete of that revision",
  { fresh: true },
  async (t) => {
    await putAll(t.client, "a", { values: ["1"] });
    const deleted = revisionOf(await t.client.kv.deleteRange({ key: "a" }));
    await putAll(t.client, "b", { values: ["1"] });
    await t.client.kv.compact({ revision: deleted, physical: true });
    using session = new WatchSession(t.client);
    const id = await session.create({ key: "a", rangeEnd: "z", startRevision: deleted });
    const seen = (await session.events(id, 2)).map(({ type, key }) => [type, key]);
    assert.deepEqual(seen, [["delete", "a"], ["put", "b"]]);
  },
);

serviceTest("Watch: compaction takes the previous version along", { fresh: true }, async (t) => {
  const revisions = await putAll(t.client, "a", { values: ["1", "2", "3"] });
  const [, second = 0n] = revisions;
  await t.client.kv.compact({ revision: second, physical: true });
  using session = new WatchSession(t.client);
  const id = await session.create({ key: "a", startRevision: second, prevKv: true });
  const [atCompaction, later] = await session.rawEvents(id, 2);
  assert.equal(atCompaction?.prevKv, undefined);
  assert.deepEqual(later?.prevKv?.value, new TextEncoder().encode("2"));
});

serviceTest("Watch: a watcher that keeps up outlives compaction", { fresh: true }, async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ key: "a" });
  for (let round = 1; round <= 5; round++) {
    const put = await t.client.kv.put({ key: "a", value: `${round}` });
    assert.deepEqual((await session.events(id, 1)).map(({ value }) => value), [`${round}`]);
    await t.client.kv.compact({ revision: revisionOf(put), physical: true });
  }
});

serviceTest(
  "Watch: a future start that compaction has passed is canceled or gets its events",
  { fresh: true },
  async (t) => {
    using session = new WatchSession(t.client);
    const [now = 0n] = await putAll(t.client, "a", { values: ["0"] });
    const id = await session.create({ key: "a", startRevision: now + 2n });
    const revisions = await putAll(t.client, "a", { values: ["1", "2", "3", "4"] });
    await t.client.kv.compact({ revision: revisions.at(-1) ?? 0n });
    const first = await session.response(id);
    if (first.canceled) assert.equal(first.compactRevision, revisions.at(-1));
    else assert.equal(first.events[0]?.kv?.modRevision, now + 2n);
  },
);

serviceTest(
  "Watch: the history outlives the server",
  { fresh: true, skips: { memory: "memory forgets at the end of the process" } },
  async (t) => {
    const [first = 0n] = await putAll(t.client, "a", { values: ["1", "2"] });
    await t.client.kv.deleteRange({ key: "a" });
    await t.endpoint.restart();
    using session = new WatchSession(t.client);
    const id = await session.create({ key: "a", startRevision: first });
    await t.client.kv.put({ key: "a", value: "3" });
    const seen = (await session.events(id, 4)).map(({ type, value }) => [type, value]);
    assert.deepEqual(seen, [["put", "1"], ["put", "2"], ["delete", ""], ["put", "3"]]);
  },
);
