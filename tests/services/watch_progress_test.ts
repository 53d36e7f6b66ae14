// Watch: progress, asked for and periodic, and how watchers and streams end.

import assert from "node:assert/strict";
import { WatchCreateRequest_FilterType as Filter } from "../../gen/etcdserverpb/watch_pb.ts";
import { CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { NO_WATCH_ID, revisionOf, WatchSession } from "./watch_session.ts";

/** The shortest interval that servers take, so that tests wait for little. */
const OFTEN = { flags: ["--watch-progress-notify-interval=100ms"] } as const;

serviceTest("Watch: progress on request has id -1 and the newest revision", async (t) => {
  using session = new WatchSession(t.client);
  await session.create({ ...t.all() });
  await session.create({ key: t.key("b") });
  const put = await t.client.kv.put({ key: t.key("a"), value: "1" });
  assert.equal(await session.progress(), put.header?.revision);
});

serviceTest("Watch: progress on request is one empty response", async (t) => {
  using session = new WatchSession(t.client);
  await session.create({ key: t.key("a") });
  const { header } = await t.client.kv.range({ key: t.key("a") });
  session.sendProgress();
  const response = await session.find((one) => !one.created);
  assert.equal(response.watchId, NO_WATCH_ID);
  assert.equal(response.canceled, false);
  assert.equal(response.created, false);
  assert.deepEqual(response.events, []);
  assert.equal(revisionOf(response), header?.revision);
});

serviceTest("Watch: progress comes after every event that it promises", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ key });
  for (let round = 0; round < 50; round++) {
    const put = await t.client.kv.put({ key, value: `${round}` });
    session.sendProgress();
    // Found or not, nothing that was sent before the progress may be missing by then.
    const event = await session.response(id);
    assert.equal(event.events[0]?.kv?.modRevision, put.header?.revision);
    const early = session.take((one) => one.watchId === NO_WATCH_ID);
    if (early !== undefined) assert.ok(revisionOf(early) < revisionOf(put));
    else assert.ok(await session.progress() >= revisionOf(put));
  }
});

serviceTest("Watch: no progress for a stream without watchers", async (t) => {
  using session = new WatchSession(t.client);
  session.sendProgress();
  const ended = await session.create({ key: t.key("a") });
  await session.cancel(ended);
  session.sendProgress();
  const id = await session.create({ key: t.key("a") });
  await t.client.kv.put({ key: t.key("a"), value: "1" });
  await session.events(id, 1);
  assert.equal(session.take((one) => one.watchId === NO_WATCH_ID), undefined);
});

serviceTest("Watch: no progress while a watcher's start lies ahead", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const { header } = await t.client.kv.put({ key, value: "0" });
  const live = await session.create({ key });
  const future = await session.create({ key, startRevision: (header?.revision ?? 0n) + 2n });
  session.sendProgress();
  await t.client.kv.put({ key, value: "1" });
  await session.events(live, 1);
  session.sendProgress();
  await session.cancel(await session.create({ key }));
  assert.equal(session.take((one) => one.watchId === NO_WATCH_ID), undefined);
  const reached = await t.client.kv.put({ key, value: "2" });
  await session.events(future, 1);
  assert.equal(await session.progress(), reached.header?.revision);
});

serviceTest("Watch: a filtered event does not hide progress", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  await session.create({ key, filters: [Filter.NOPUT] });
  const put = await t.client.kv.put({ key, value: "1" });
  assert.equal(await session.progress(), put.header?.revision);
});

serviceTest("Watch: periodic progress has the watcher's id and no events", OFTEN, async (t) => {
  using session = new WatchSession(t.client);
  const notified = await session.create({ key: t.key("a"), progressNotify: true });
  const silent = await session.create({ key: t.key("a") });
  const put = await t.client.kv.put({ key: t.key("elsewhere"), value: "1" });
  let response = await session.response(notified);
  // One that was on its way before the put may come first.
  if (revisionOf(response) < revisionOf(put)) response = await session.response(notified);
  assert.equal(revisionOf(response), revisionOf(put));
  assert.deepEqual(response.events, []);
  assert.equal(response.canceled, false);
  assert.equal(response.created, false);
  await session.response(notified);
  assert.equal(session.take((one) => one.watchId === silent), undefined);
});

serviceTest("Watch: periodic progress counts filtered events", OFTEN, async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const create = { key, progressNotify: true, filters: [Filter.NOPUT] };
  const id = await session.create(create);
  const put = await t.client.kv.put({ key, value: "1" });
  let response = await session.response(id);
  while (revisionOf(response) < revisionOf(put)) response = await session.response(id);
  assert.deepEqual(response.events, []);
});

serviceTest("Watch: periodic progress never runs ahead of events", OFTEN, async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ key, progressNotify: true });
  const writing = async () => {
    for (let round = 0; round < 300; round++) await t.client.kv.put({ key, value: `${round}` });
  };
  const watching = async () => {
    let promised = 0n;
    let [events, notices] = [0, 0];
    // Progress is skipped once after an event, so the last of it comes when the writes are over.
    while (events < 300 || notices < 2) {
      const response = await session.response(id);
      for (const event of response.events) {
        assert.ok((event.kv?.modRevision ?? 0n) > promised, "there were to be no more of these");
      }
      events += response.events.length;
      if (response.events.length === 0) notices++;
      promised = revisionOf(response);
    }
  };
  await Promise.all([watching(), writing()]);
});

serviceTest("Watch: no periodic progress before a start that lies ahead", OFTEN, async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const { header } = await t.client.kv.put({ key, value: "0" });
  const startRevision = (header?.revision ?? 0n) + 100n;
  const future = await session.create({ key, startRevision, progressNotify: true });
  const live = await session.create({ key, progressNotify: true });
  for (let ticks = 0; ticks < 3; ticks++) await session.response(live);
  assert.equal(session.take((one) => one.watchId === future), undefined);
});

serviceTest("Watch: cancel ends the watcher and says no reason", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const ended = await session.create({ key });
  const other = await session.create({ key });
  const answer = await session.cancel(ended);
  assert.equal(answer.cancelReason, "");
  assert.equal(answer.compactRevision, 0n);
  assert.equal(answer.created, false);
  assert.ok(revisionOf(answer) > 0n);
  await t.client.kv.put({ key, value: "1" });
  await session.events(other, 1);
  assert.equal(session.take((one) => one.watchId === ended), undefined);
});

serviceTest("Watch: cancel of an unknown id has no answer", async (t) => {
  using session = new WatchSession(t.client);
  session.sendCancel(42n);
  session.sendCancel(NO_WATCH_ID);
  const id = await session.create({ key: t.key("a") });
  await session.cancel(id);
  session.sendCancel(id);
  await session.create({ key: t.key("a") });
  assert.deepEqual(session.pending, []);
});

serviceTest("Watch: a half-close does not end the stream", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  const id = await session.create({ key });
  session.stream.halfClose();
  for (const value of ["1", "2", "3"]) await t.client.kv.put({ key, value });
  const values = (await session.events(id, 3)).map(({ value }) => value);
  assert.deepEqual(values, ["1", "2", "3"]);
});

serviceTest("Watch: a create right before the half-close is served", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  session.sendCreate({ key });
  session.stream.halfClose();
  const { watchId } = await session.created();
  await t.client.kv.put({ key, value: "1" });
  await session.events(watchId, 1);
});

serviceTest("Watch: the client's cancel ends the call", async (t) => {
  using session = new WatchSession(t.client);
  await session.create({ key: t.key("a") });
  session.stream.cancel();
  assert.equal((await session.stream.end()).code, CODE.CANCELLED);
});

serviceTest("Watch: the server's end ends the stream with an error", { fresh: true }, async (t) => {
  using session = new WatchSession(t.client);
  await session.create({ key: "a" });
  await t.endpoint.stop();
  assert.notEqual((await session.stream.end()).code, CODE.OK);
});
