// Watch: streams, ids, ranges, events and their order.

import assert from "node:assert/strict";
import { WatchCreateRequest_FilterType as Filter } from "../../gen/etcdserverpb/watch_pb.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";
import { NO_WATCH_ID, revisionOf, seenEvent, WatchSession } from "./watch_session.ts";

const OPEN_END = new Uint8Array(1);

serviceTest("Watch: events carry the whole key-value, deletes only key and revision", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ key });
  const lease = await t.client.lease.leaseGrant({ TTL: 600 });
  const put = await t.client.kv.put({ key, value: "1", lease: lease.ID });
  const deleted = await t.client.kv.deleteRange({ key });
  const [putEvent, deleteEvent] = await session.rawEvents(id, 2);
  const revision = put.header?.revision;
  assert.equal(putEvent?.type, 0);
  assert.equal(putEvent?.prevKv, undefined);
  assert.equal(putEvent?.kv?.createRevision, revision);
  assert.equal(putEvent?.kv?.modRevision, revision);
  assert.equal(putEvent?.kv?.version, 1n);
  assert.equal(putEvent?.kv?.lease, lease.ID);
  assert.deepEqual(putEvent?.kv?.value, new TextEncoder().encode("1"));
  assert.equal(deleteEvent?.type, 1);
  assert.equal(deleteEvent?.prevKv, undefined);
  assert.equal(deleteEvent?.kv?.modRevision, deleted.header?.revision);
  assert.equal(deleteEvent?.kv?.createRevision, 0n);
  assert.equal(deleteEvent?.kv?.version, 0n);
  assert.equal(deleteEvent?.kv?.lease, 0n);
  assert.equal(deleteEvent?.kv?.value.length, 0);
});

serviceTest("Watch: the answer to a create request names the store's revision", async (t) => {
  using session = new WatchSession(t.client);
  const put = await t.client.kv.put({ key: t.key("a"), value: "1" });
  session.sendCreate({ key: t.key("a") });
  const response = await session.created();
  assert.equal(revisionOf(response), put.header?.revision);
  assert.equal(response.header?.clusterId, put.header?.clusterId);
  assert.equal(response.header?.memberId, put.header?.memberId);
  assert.equal(response.header?.raftTerm, put.header?.raftTerm);
  assert.deepEqual(response.events, []);
});

serviceTest("Watch: one stream has many watchers, each with its own events", async (t) => {
  using session = new WatchSession(t.client);
  const one = await session.create({ key: t.key("a") });
  const all = await session.create({ ...t.all() });
  const none = await session.create({ key: t.key("elsewhere") });
  for (const name of ["a", "b", "a"]) await t.client.kv.put({ key: t.key(name), value: name });
  const keysOf = async (id: bigint, count: number) =>
    (await session.events(id, count)).map((event) => event.key);
  assert.deepEqual(await keysOf(all, 3), [t.key("a"), t.key("b"), t.key("a")]);
  assert.deepEqual(await keysOf(one, 2), [t.key("a"), t.key("a")]);
  assert.equal(session.take((response) => response.watchId === none), undefined);
});

serviceTest("Watch: ids count from 0 and step over those that were given", async (t) => {
  using session = new WatchSession(t.client);
  const create = { key: t.key("a") };
  assert.equal(await session.create(create), 0n);
  assert.equal(await session.create({ ...create, watchId: 2 }), 2n);
  assert.equal(await session.create(create), 1n);
  assert.equal(await session.create(create), 3n);
  assert.equal(await session.create({ ...create, watchId: 1_000_000_007n }), 1_000_000_007n);
  assert.equal(await session.create({ ...create, watchId: -7n }), -7n);
  assert.equal(await session.create(create), 4n);
});

serviceTest("Watch: ids belong to their stream", async (t) => {
  using first = new WatchSession(t.client);
  using second = new WatchSession(t.client);
  assert.equal(await first.create({ key: t.key("a") }), 0n);
  assert.equal(await second.create({ key: t.key("a") }), 0n);
});

serviceTest("Watch: an id that is taken makes no watcher, and the stream goes on", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ key, watchId: 5 });
  session.sendCreate({ key: t.key("b"), watchId: 5 });
  const refused = await session.created();
  assert.equal(refused.canceled, true);
  assert.equal(refused.watchId, NO_WATCH_ID);
  assert.equal(refused.cancelReason, "mvcc: duplicate watch ID provided on the WatchStream");
  assert.equal(refused.compactRevision, 0n);
  await t.client.kv.put({ key, value: "1" });
  assert.equal((await session.events(id, 1)).length, 1);
});

serviceTest("Watch: an id is free again after its watcher has ended", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  await session.create({ key: t.key("other"), watchId: 5 });
  await session.cancel(5n);
  const id = await session.create({ key, watchId: 5 });
  await t.client.kv.put({ key, value: "1" });
  assert.deepEqual((await session.events(id, 1)).map(({ value }) => value), ["1"]);
});

serviceTest("Watch: a range that is empty or inverted makes no watcher", async (t) => {
  using session = new WatchSession(t.client);
  for (const rangeEnd of [t.key("b"), t.key("a")]) {
    session.sendCreate({ key: t.key("b"), rangeEnd });
    const refused = await session.created();
    assert.equal(refused.canceled, true);
    assert.equal(refused.watchId, NO_WATCH_ID);
    assert.equal(refused.cancelReason, "mvcc: watcher range is empty");
  }
  assert.equal(await session.create({ key: t.key("b") }), 0n);
});

serviceTest(
  "Watch: \\0 as the end means every key from the first on",
  { fresh: true },
  async (t) => {
    using session = new WatchSession(t.client);
    const all = await session.create({ rangeEnd: OPEN_END });
    const fromZero = await session.create({ key: new Uint8Array(1), rangeEnd: OPEN_END });
    const fromM = await session.create({ key: "m", rangeEnd: OPEN_END });
    const onlyZero = await session.create({});
    const keys = ["a", "m", "m\0", new Uint8Array([0xff, 0xff]), new Uint8Array(1)];
    for (const key of keys) await t.client.kv.put({ key, value: "1" });
    const bytesOf = async (id: bigint, count: number) =>
      (await session.rawEvents(id, count)).map((event) => [...event.kv?.key ?? []]);
    const [a, m, mZero, last, zero] = [[97], [109], [109, 0], [255, 255], [0]];
    assert.deepEqual(await bytesOf(all, 5), [a, m, mZero, last, zero]);
    assert.deepEqual(await bytesOf(fromZero, 5), [a, m, mZero, last, zero]);
    assert.deepEqual(await bytesOf(fromM, 3), [m, mZero, last]);
    assert.deepEqual(await bytesOf(onlyZero, 1), [zero]);
  },
);

serviceTest("Watch: a range takes its first key and leaves its end", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ key: t.key("b"), rangeEnd: t.key("d") });
  for (const name of ["a", "b", "B", "c", "c/1", "d", "b"]) {
    await t.client.kv.put({ key: t.key(name), value: name });
  }
  const seen = (await session.events(id, 4)).map(({ value }) => value);
  assert.deepEqual(seen, ["b", "c", "c/1", "b"]);
});

serviceTest("Watch: one transaction is one response, in the order of its writes", async (t) => {
  using session = new WatchSession(t.client);
  for (const name of ["old/2", "old/1"]) await t.client.kv.put({ key: t.key(name), value: "0" });
  const id = await session.create({ ...t.all() });
  const put = (name: string) => op.put({ key: t.key(name), value: name });
  const txn = await t.client.kv.txn({
    success: [
      put("z"),
      op.deleteRange(t.all("old/")),
      put("m"),
      op.range({ key: t.key("z") }),
      op.txn({ success: [put("nested"), op.range(t.all())] }),
      put("a"),
    ],
  });
  const response = await session.response(id);
  const revision = Number(txn.header?.revision);
  assert.deepEqual(
    response.events.map(seenEvent).map(({ type, key, revision }) => [type, key, revision]),
    [
      ["put", t.key("z"), revision],
      ["delete", t.key("old/1"), revision],
      ["delete", t.key("old/2"), revision],
      ["put", t.key("m"), revision],
      ["put", t.key("nested"), revision],
      ["put", t.key("a"), revision],
    ],
  );
});

serviceTest("Watch: one transaction is one response in the replay too", async (t) => {
  using session = new WatchSession(t.client);
  const names = Array.from({ length: 100 }, (_, index) => t.key(`k${99 - index}`));
  const txn = await t.client.kv.txn({
    success: names.map((key) => op.put({ key, value: "1" })),
  });
  const id = await session.create({ ...t.all(), startRevision: revisionOf(txn) });
  const response = await session.response(id);
  assert.deepEqual(response.events.map(seenEvent).map(({ key }) => key), names);
});

serviceTest("Watch: a revoked lease is one response, its keys in order", async (t) => {
  using session = new WatchSession(t.client);
  const { ID } = await t.client.lease.leaseGrant({ TTL: 600 });
  for (const name of ["c", "a", "b/2", "b/10"]) {
    await t.client.kv.put({ key: t.key(name), value: "1", lease: ID });
  }
  const id = await session.create({ ...t.all() });
  const revoked = await t.client.lease.leaseRevoke({ ID });
  const response = await session.response(id);
  assert.deepEqual(
    response.events.map(seenEvent),
    ["a", "b/10", "b/2", "c"].map((name) => ({
      type: "delete",
      key: t.key(name),
      value: "",
      revision: Number(revoked.header?.revision),
    })),
  );
});

serviceTest("Watch: prev_kv is the version before, absent for a created key", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ key, prevKv: true });
  const first = await t.client.kv.put({ key, value: "1" });
  await t.client.kv.put({ key, value: "2" });
  await t.client.kv.deleteRange({ key });
  await t.client.kv.put({ key, value: "3" });
  const [created, updated, deleted, again] = await session.rawEvents(id, 4);
  assert.equal(created?.prevKv, undefined);
  assert.deepEqual(updated?.prevKv?.value, new TextEncoder().encode("1"));
  assert.equal(updated?.prevKv?.modRevision, first.header?.revision);
  assert.equal(updated?.prevKv?.version, 1n);
  assert.deepEqual(deleted?.prevKv?.value, new TextEncoder().encode("2"));
  assert.equal(deleted?.prevKv?.version, 2n);
  assert.equal(again?.prevKv, undefined);
});

serviceTest("Watch: prev_kv is of the revision before, whatever the transaction did", async (t) => {
  using session = new WatchSession(t.client);
  await t.client.kv.put({ key: t.key("old"), value: "1" });
  const watch = { ...t.all(), prevKv: true };
  const live = await session.create(watch);
  // A key may be put and deleted in one transaction if each is in a nested one of its own.
  const { header } = await t.client.kv.txn({
    success: [
      op.txn({ success: ["old", "new"].map((name) => op.put({ key: t.key(name), value: "2" })) }),
      op.txn({ success: [op.deleteRange(t.all())] }),
    ],
  });
  const replayed = await session.create({ ...watch, startRevision: header?.revision ?? 0n });
  for (const id of [live, replayed]) {
    const events = await session.rawEvents(id, 4);
    const seen = events.map((event) => {
      const { type, key } = seenEvent(event);
      return [type, key, event.prevKv && new TextDecoder().decode(event.prevKv.value)];
    });
    assert.deepEqual(seen, [
      ["put", t.key("old"), "1"],
      ["put", t.key("new"), undefined],
      ["delete", t.key("new"), undefined],
      ["delete", t.key("old"), "1"],
    ]);
  }
});

serviceTest("Watch: filters leave puts or deletes out", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const noPut = await session.create({ key, filters: [Filter.NOPUT] });
  const noDelete = await session.create({ key, filters: [Filter.NODELETE] });
  const nothing = await session.create({ key, filters: [Filter.NOPUT, Filter.NODELETE] });
  await t.client.kv.put({ key, value: "1" });
  await t.client.kv.deleteRange({ key });
  await t.client.kv.put({ key, value: "2" });
  const typesOf = async (id: bigint, count: number) =>
    (await session.events(id, count)).map(({ type }) => type);
  assert.deepEqual(await typesOf(noDelete, 2), ["put", "put"]);
  assert.deepEqual(await typesOf(noPut, 1), ["delete"]);
  assert.equal(session.take((response) => response.watchId === nothing), undefined);
});

serviceTest("Watch: a filter takes single events out of a transaction", async (t) => {
  using session = new WatchSession(t.client);
  await t.client.kv.put({ key: t.key("old"), value: "1" });
  const id = await session.create({ ...t.all(), filters: [Filter.NODELETE] });
  await t.client.kv.txn({
    success: [
      op.deleteRange({ key: t.key("old") }),
      op.put({ key: t.key("new"), value: "1" }),
    ],
  });
  const response = await session.response(id);
  assert.deepEqual(response.events.map(seenEvent).map(({ key }) => key), [t.key("new")]);
});

serviceTest("Watch: a range read, a failed and an empty write are no events", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ ...t.all() });
  await t.client.kv.range({ key });
  await t.client.kv.deleteRange({ key });
  await assert.rejects(t.client.kv.put({ key, lease: 4_711n }));
  await t.client.kv.put({ key, value: "1" });
  assert.deepEqual((await session.events(id, 1)).map(({ value }) => value), ["1"]);
});

serviceTest("Watch: a request that asks for nothing is passed over", async (t) => {
  using session = new WatchSession(t.client);
  session.stream.send({});
  assert.equal(await session.create({ key: t.key("a") }), 0n);
});
