/**
 * A watch tells what was written through any server of the database: each event once, in order, with the version before.
 *
 * | to repeat        | command                                                         |
 * | ---------------- | --------------------------------------------------------------- |
 * | the same writes  | `RHINO_SEED=<seed in the test's name> deno test -A <this file>` |
 */

import assert from "node:assert/strict";
import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import { Recorder, runClient } from "../model/concurrent_clients.ts";
import { eventMessage } from "../model/messages.ts";
import { Random, seedOfRun } from "../model/random.ts";
import { readable } from "../model/readable_message.ts";
import { eventsByRevision, ReplayedHistory } from "../model/replayed_history.ts";
import type { StoreModel } from "../model/store_model.ts";
import { WatchSession } from "../services/watch_session.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { prefixEnd } from "../support/service_case.ts";
import { clusterTest } from "./cluster_case.ts";
import type { Servers } from "./servers.ts";

const SEED = seedOfRun();
const ALL = { key: "\0", rangeEnd: "\0" } as const;
const CLIENTS = 9;
const CALLS_PER_CLIENT = 100;
/** Puts that are each awaited as an event on another server. */
const SINGLE_EVENTS = 60;
/** Far more than one page of what watchers that are behind are given. */
const CATCH_UP_WRITES = 1_500;

/** A watch of all keys from a revision on, and the events that it has been given. */
class Collector implements Disposable {
  readonly #session: WatchSession;
  readonly #watchId: bigint;
  readonly events: Event[] = [];

  private constructor(session: WatchSession, watchId: bigint) {
    this.#session = session;
    this.#watchId = watchId;
  }

  static async start(client: EtcdClient, startRevision: number): Promise<Collector> {
    const session = new WatchSession(client);
    const create = { ...ALL, startRevision, prevKv: true };
    return new Collector(session, await session.create(create));
  }

  /** Reads on until it has been given the revision whole. */
  async readTo(revision: number): Promise<void> {
    while (Number(this.events.at(-1)?.kv?.modRevision ?? 0) < revision) {
      const { canceled, cancelReason, events } = await this.#session.response(this.#watchId);
      assert.equal(canceled, false, cancelReason);
      this.events.push(...events);
    }
  }

  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }
}

/** Every event of the history from a revision on, with the version before. */
function eventsOf(store: StoreModel, from: number): Event[] {
  const events: Event[] = [];
  for (let revision = from; revision <= store.revision; revision++) {
    const before = store.keysAt(revision - 1);
    for (const event of store.eventsAt(revision)) {
      events.push(eventMessage(event, before.get(event.kv.key)));
    }
  }
  return events;
}

async function newestRevision({ kv }: EtcdClient): Promise<number> {
  return Number((await kv.range({ key: "a" })).header?.revision);
}

clusterTest(
  `watches on all servers see every event of all servers once and in order (RHINO_SEED=${SEED})`,
  { fresh: true },
  async ({ servers }) => {
    using opened = new DisposableStack();
    const collectors: Collector[] = [];
    const watch = async (client: EtcdClient, startRevision: number) => {
      collectors.push(opened.use(await Collector.start(client, startRevision)));
    };
    // In step from the start, from the first revision on, and from one that is still to come.
    for (const client of servers.clients) {
      for (const startRevision of [0, 1, 50]) await watch(client, startRevision);
    }
    const recorder = new Recorder();
    const writing = Promise.all(
      servers.connect(CLIENTS, opened).map((client, index) => {
        const random = new Random(SEED + index);
        return runClient(client, { random, recorder, name: `${index}`, calls: CALLS_PER_CLIENT });
      }),
    );
    // Those that come in the middle of it catch up first.
    for (const client of servers.clients) await watch(client, 2);
    await writing;
    for (const client of servers.clients) await watch(client, 7);
    await assertCollected(servers, collectors);
  },
);

async function assertCollected(servers: Servers, collectors: readonly Collector[]): Promise<void> {
  const history = new ReplayedHistory();
  await history.extend(servers.client(0), await newestRevision(servers.client(0)));
  const { store } = history;
  for (const collector of collectors) {
    await collector.readTo(store.revision);
    const first = Number(collector.events[0]?.kv?.modRevision);
    assert.ok(first <= 50, "a watch that was there begins with the first events");
    assert.deepEqual(readable(collector.events), readable(eventsOf(store, first)));
  }
}

clusterTest("a put on one server is an event on each of them", {}, async ({ servers, key }) => {
  using opened = new DisposableStack();
  const mine = key("k");
  const sessions = await Promise.all(servers.clients.map(async (client) => {
    const session = opened.use(new WatchSession(client));
    return { session, id: await session.create({ key: mine }) };
  }));
  for (let turn = 0; turn < SINGLE_EVENTS; turn++) {
    const { header } = await servers.client(turn % 3).kv.put({ key: mine, value: `${turn}` });
    for (const { session, id } of sessions) {
      assert.deepEqual(await session.events(id, 1), [
        { type: "put", key: mine, value: `${turn}`, revision: Number(header?.revision) },
      ]);
    }
  }
});

clusterTest(
  "a watch that begins far behind catches up on a server that wrote nothing of it",
  {},
  async ({ servers, key }) => {
    const prefix = key("");
    const { kv } = servers.client(0);
    const first = await kv.put({ key: key("first") });
    await Promise.all(
      Array.from(
        { length: CATCH_UP_WRITES },
        (_, index) => kv.put({ key: key(`${index % 50}`), value: `${index}` }),
      ),
    );
    const last = await kv.deleteRange({ key: prefix, rangeEnd: prefixEnd(prefix) });
    const create = {
      key: prefix,
      rangeEnd: prefixEnd(prefix),
      startRevision: first.header?.revision ?? 0n,
      prevKv: true,
    };
    for (const client of servers.clients.slice(1)) {
      using session = new WatchSession(client);
      const events = await session.rawEvents(
        await session.create(create),
        1 + CATCH_UP_WRITES + 51,
      );
      const revisions = eventsByRevision(events).map(([event]) => event?.kv?.modRevision);
      assert.equal(revisions.at(-1), last.header?.revision);
      // One write each, and all deletes in one.
      assert.equal(revisions.length, 1 + CATCH_UP_WRITES + 1);
      for (const { kv, prevKv } of events.slice(-51)) assert.deepEqual(prevKv?.key, kv?.key);
    }
  },
);

clusterTest(
  "a watch asked for its progress is told of a revision that includes what it was given",
  {},
  async ({ servers, key }) => {
    const mine = key("k");
    using session = new WatchSession(servers.client(1));
    const id = await session.create({ key: mine });
    for (let turn = 0; turn < 10; turn++) {
      const { header } = await servers.client(0).kv.put({ key: mine, value: `${turn}` });
      const [event] = await session.events(id, 1);
      assert.equal(BigInt(event?.revision ?? 0), header?.revision);
      assert.ok(await session.progress() >= (header?.revision ?? 0n));
    }
  },
);
