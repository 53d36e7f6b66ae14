// Watch: what is large, many, slow or gone without a word.

import assert from "node:assert/strict";
import { toBinary } from "@bufbuild/protobuf";
import { type WatchResponse, WatchResponseSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { openTcpLink } from "../support/tcp_link.ts";
import { op } from "../support/txn_parts.ts";
import { revisionOf, type SeenEvent, WatchSession } from "./watch_session.ts";

/** --max-request-bytes and what gRPC adds to it: the size at which a response is cut. */
const FRAGMENT_BYTES = 1_572_864 + 512 * 1_024;

/** Puts in flight at once, so that thousands of them do not take thousands of round trips. */
const PUTS_AT_ONCE = 100;

/** Writes `count` values, each at its own revision, their numbers in the order of revisions. */
async function putMany(
  t: ServiceTestContext,
  options: { readonly from: number; readonly count: number; readonly value?: Uint8Array },
): Promise<void> {
  for (let done = 0; done < options.count; done += PUTS_AT_ONCE) {
    const size = Math.min(PUTS_AT_ONCE, options.count - done);
    await Promise.all(Array.from({ length: size }, (_, index) => {
      const key = t.key(`k${options.from + done + index}`);
      return t.client.kv.put({ key, value: options.value ?? "1" });
    }));
  }
}

/** Asserts that the events are these keys in the order of gapless revisions. */
function assertDense(events: readonly SeenEvent[], keys: readonly string[]): void {
  assert.deepEqual(events.map(({ key }) => key).sort(), keys.toSorted());
  const [first] = events;
  assert.ok(first);
  for (const [index, event] of events.entries()) {
    assert.equal(event.revision, first.revision + index, "a gap, a repeat or a wrong order");
  }
}

function keysUpTo(t: ServiceTestContext, count: number): string[] {
  return Array.from({ length: count }, (_, index) => t.key(`k${index}`));
}

/** Overwrites three large values in one transaction, while a watcher wants the old ones too. */
async function watchLargeTxn(
  t: ServiceTestContext,
  session: WatchSession,
  { fragment }: { readonly fragment: boolean },
): Promise<WatchResponse[]> {
  const keys = ["a", "b", "c"].map((name) => t.key(name));
  const value = new Uint8Array(500_000).fill(120);
  for (const key of keys) await t.client.kv.put({ key, value });
  const id = await session.create({ ...t.all(), prevKv: true, fragment });
  await t.client.kv.txn({ success: keys.map((key) => op.put({ key, value })) });
  const responses: WatchResponse[] = [];
  let events = 0;
  while (events < keys.length) {
    const response = await session.response(id);
    events += response.events.length;
    responses.push(response);
  }
  assert.deepEqual(
    responses.flatMap((response) => response.events).map(keyOf),
    keys,
  );
  return responses;
}

function keyOf(event: Event): string {
  return new TextDecoder().decode(event.kv?.key);
}

serviceTest("Watch: fragments stay below the limit, all but the last are flagged", async (t) => {
  using session = new WatchSession(t.client);
  const responses = await watchLargeTxn(t, session, { fragment: true });
  assert.ok(responses.length > 1, "three megabytes in one response");
  for (const [index, response] of responses.entries()) {
    assert.equal(response.fragment, index < responses.length - 1);
    assert.ok(toBinary(WatchResponseSchema, response).length < FRAGMENT_BYTES);
    assert.equal(revisionOf(response), revisionOf(responses[0] ?? response));
  }
});

serviceTest("Watch: without the flag a large revision comes whole", async (t) => {
  using session = new WatchSession(t.client);
  const responses = await watchLargeTxn(t, session, { fragment: false });
  assert.deepEqual(responses.map(({ fragment }) => fragment), [false]);
});

serviceTest("Watch: with the flag a small response is whole and not flagged", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all(), fragment: true });
  await t.client.kv.txn({
    success: ["a", "b"].map((name) => op.put({ key: t.key(name), value: "1" })),
  });
  const response = await session.response(id);
  assert.equal(response.fragment, false);
  assert.deepEqual(response.events.map(keyOf), [t.key("a"), t.key("b")]);
});

serviceTest("Watch: 2,000 watchers on one stream all get the event", async (t) => {
  using session = new WatchSession(t.client);
  const key = t.key("a");
  for (let index = 0; index < 2_000; index++) {
    session.sendCreate(index % 2 === 0 ? { key } : { ...t.all() });
  }
  for (let id = 0n; id < 2_000n; id++) assert.equal((await session.created()).watchId, id);
  const put = await t.client.kv.put({ key, value: "1" });
  const seen = new Set<bigint>();
  while (seen.size < 2_000) {
    const response = await session.find(({ created }) => !created);
    assert.equal(seen.has(response.watchId), false, "an event came twice");
    seen.add(response.watchId);
    assert.deepEqual(response.events.map((event) => event.kv?.modRevision), [revisionOf(put)]);
  }
  for (let id = 0n; id < 2_000n; id++) session.sendCancel(id);
  for (let id = 0n; id < 2_000n; id++) {
    const response = await session.find(({ canceled }) => canceled);
    assert.equal(response.watchId, id, "answers in the order of the requests");
  }
});

serviceTest("Watch: 200 streams on one connection all get the event", async (t) => {
  using cleanup = new DisposableStack();
  const key = t.key("a");
  const watches = await Promise.all(Array.from({ length: 200 }, async () => {
    const session = cleanup.use(new WatchSession(t.client));
    return { session, id: await session.create({ key }) };
  }));
  await t.client.kv.put({ key, value: "1" });
  for (const { session, id } of watches) assert.equal((await session.events(id, 1)).length, 1);
});

serviceTest(
  "Watch: a replay of 5,000 revisions joins the live writes without gap or repeat",
  { fresh: true },
  async (t) => {
    await putMany(t, { from: 0, count: 5_000 });
    using session = new WatchSession(t.client);
    const id = await session.create({ ...t.all(), startRevision: 2 });
    const [events] = await Promise.all([
      session.events(id, 6_000),
      putMany(t, { from: 5_000, count: 1_000 }),
    ]);
    assertDense(events, keysUpTo(t, 6_000));
    assert.equal(events[0]?.revision, 2);
  },
);

serviceTest(
  "Watch: watchers that start at different revisions meet",
  { fresh: true },
  async (t) => {
    await putMany(t, { from: 0, count: 500 });
    using session = new WatchSession(t.client);
    const starts = [2, 100, 250, 400, 501];
    const watching = async () => {
      for (const startRevision of starts) session.sendCreate({ ...t.all(), startRevision });
      for (const [index, start] of starts.entries()) {
        const events = await session.events(BigInt(index), 1_002 - start);
        assert.deepEqual(
          events.map(({ revision }) => revision),
          Array.from({ length: 1_002 - start }, (_, offset) => start + offset),
        );
      }
    };
    await Promise.all([watching(), putMany(t, { from: 500, count: 500 })]);
  },
);

serviceTest("Watch: a reader that does not read gets 20 MB later, in order", async (t) => {
  using session = new WatchSession(t.client);
  using other = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  const quick = await other.create({ key: t.key("k399") });
  session.stream.pause();
  await putMany(t, { from: 0, count: 400, value: new Uint8Array(50_000).fill(120) });
  // Neither the writers nor this watcher waited for the slow one.
  assert.equal((await other.events(quick, 1)).length, 1);
  session.stream.resume();
  assertDense(await session.events(id, 400), keysUpTo(t, 400));
});

serviceTest(
  "Watch: a slow reader that compaction overtakes gets all events or is canceled",
  { fresh: true },
  async (t) => {
    using session = new WatchSession(t.client);
    const id = await session.create({ ...t.all() });
    session.stream.pause();
    await putMany(t, { from: 0, count: 400, value: new Uint8Array(50_000).fill(120) });
    const { header } = await t.client.kv.put({ key: t.key("k400"), value: "last" });
    assert.ok(header);
    await t.client.kv.compact({ revision: header.revision });
    session.stream.resume();
    let next = 2n;
    while (next <= header.revision) {
      const response = await session.response(id);
      if (response.canceled) {
        assert.equal(response.compactRevision, header.revision);
        return;
      }
      for (const event of response.events) assert.equal(event.kv?.modRevision, next++);
    }
  },
);

serviceTest("Watch: clients that vanish hinder nobody", async (t) => {
  await using link = await openTcpLink(t.endpoint.address);
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  for (let round = 0; round < 5; round++) {
    using lost = new EtcdClient(link.address);
    using lostSession = new WatchSession(lost);
    for (let watcher = 0; watcher < 20; watcher++) await lostSession.create({ ...t.all() });
    const vanish = async () => {
      link.cut();
      assert.notEqual((await lostSession.stream.end()).code, 0);
    };
    await Promise.all([putMany(t, { from: round * 200, count: 200 }), vanish()]);
  }
  assertDense(await session.events(id, 1_000), keysUpTo(t, 1_000));
});

serviceTest("Watch: a stream that is canceled while events flow hinders nobody", async (t) => {
  using session = new WatchSession(t.client);
  const id = await session.create({ ...t.all() });
  const comeAndGo = async () => {
    for (let round = 0; round < 10; round++) {
      using short = new WatchSession(t.client);
      const shortId = await short.create({ ...t.all(), startRevision: 1 });
      await short.response(shortId);
    }
  };
  await Promise.all([putMany(t, { from: 0, count: 1_000 }), comeAndGo()]);
  assertDense(await session.events(id, 1_000), keysUpTo(t, 1_000));
});
