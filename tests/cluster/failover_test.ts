/**
 * PostgreSQL with a standby that takes over. One that has every commit changes nothing for clients; one that lacks some
 * is another history, of which every client is told before it mixes the two.
 *
 * | to repeat                     | command                                                         |
 * | ----------------------------- | --------------------------------------------------------------- |
 * | the same writes and failovers | `RHINO_SEED=<seed in the test's name> deno test -A <this file>` |
 */

import assert from "node:assert/strict";
import { Random, seedOfRun } from "../model/random.ts";
import { WatchSession } from "../services/watch_session.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { valuesOf } from "../support/readable.ts";
import { assertFails, CODE, RpcError } from "../support/rpc_error.ts";
import { ownDatabaseTest } from "./cluster_case.ts";
import { goOnIfRetriable, ObservedWrites } from "./observed_writes.ts";
import { eventually } from "../support/polling.ts";
import { Servers } from "./servers.ts";

const SEED = seedOfRun();
const NEEDS = { needs: ["postgres"] } as const;
const WRITES_BEFORE = 500;
const WRITES_AFTER = 300;
/** Acknowledged, and not on the standby. */
const LOST_WRITES = 7;
const COMPACTED = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision has been compacted",
] as const;
/** What a server logs that has noticed. */
const NOTICED = "has lost commits";

/** One endpoint with both, as an operator would write it. */
function urlOf(
  primary: PostgresServer,
  { url, standby }: { readonly url: string; readonly standby: PostgresServer },
): string {
  return url.replace(
    `127.0.0.1:${primary.port}`,
    `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`,
  );
}

ownDatabaseTest(
  `Cluster on postgres: a synchronous standby that takes over loses nothing, and watches go on (RHINO_SEED=${SEED})`,
  NEEDS,
  async () => {
    await using primary = await PostgresServer.start();
    const { url } = await primary.createDatabase();
    await using standby = await primary.startStandby({ synchronous: true });
    const shared = urlOf(primary, { url, standby });
    await using servers = await Servers.start({ kind: "postgres", urls: [shared, shared, shared] });
    const pids = servers.all.map(({ pid }) => pid);
    await servers.explain(async () => {
      using writes = new ObservedWrites(servers, new Random(SEED));
      await writes.during(goOnIfRetriable, async () => {
        await writes.progress(WRITES_BEFORE);
        await primary.kill();
        await standby.promote();
        await writes.progress(WRITES_AFTER);
      });
      await writes.check();
      assert.deepEqual(servers.all.map(({ pid, running }) => running && pid), pids);
      for (const { output } of servers.all) assert.ok(!output.includes(NOTICED));
    });
  },
);

/** From now on the standby gets nothing any more. */
async function cutOff(standby: PostgresServer, primary: PostgresServer): Promise<void> {
  await standby.query("ALTER SYSTEM SET primary_conninfo = ''");
  await standby.query("SELECT pg_reload_conf()");
  await eventually("the standby is cut off", async () => {
    return await primary.query("SELECT count(*) FROM pg_stat_replication") === "0";
  });
}

async function revisionOf({ kv }: EtcdClient): Promise<bigint> {
  return (await kv.range({ key: "a" })).header?.revision ?? 0n;
}

interface Pair extends AsyncDisposable {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  readonly servers: Servers;
}

/** Three servers on a primary whose standby gets nothing any more from now on. */
async function startCutOff(): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const primary = stack.use(await PostgresServer.start());
  const { url } = await primary.createDatabase();
  const standby = stack.use(await primary.startStandby());
  const shared = urlOf(primary, { url, standby });
  const urls = [shared, shared, shared];
  const servers = stack.use(await Servers.start({ kind: "postgres", urls }));
  await servers.client(0).kv.put({ key: "kept", value: "1" });
  await eventually("the standby has it", async () => {
    const lsn = await primary.query("SELECT pg_current_wal_lsn()");
    return await standby.query(`SELECT pg_last_wal_replay_lsn() >= '${lsn}'`) === "t";
  });
  await cutOff(standby, primary);
  const all = stack.move();
  return { primary, standby, servers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function failOver({ primary, standby, servers }: Pair): Promise<void> {
  await primary.kill();
  await standby.promote();
  for (const [index, server] of servers.all.entries()) {
    await eventually(`server ${index} notices`, () => {
      return Promise.resolve(server.output.includes(NOTICED));
    });
  }
}

ownDatabaseTest(
  "Cluster on postgres: a standby that lacks commits takes over, and every server and watch notices",
  NEEDS,
  async () => {
    await using pair = await startCutOff();
    const { servers } = pair;
    await servers.explain(async () => {
      const watches = await Promise.all(servers.clients.map(watchAll));
      for (let index = 0; index < LOST_WRITES; index++) {
        await servers.client(index % 3).kv.put({ key: `lost/${index}` });
        await servers.client(index % 3).kv.put({ key: "kept", value: "lost" });
      }
      const { header } = await servers.client(0).kv.range({ key: "a" });
      const [lost, term] = [header?.revision ?? 0n, header?.raftTerm ?? 0n];
      for (const { session, id } of watches) await session.events(id, 2 * LOST_WRITES);
      await failOver(pair);
      // Whoever saw what is lost must read anew.
      for (const { session, id } of watches) {
        const { canceled, compactRevision } = await session.response(id);
        assert.deepEqual([canceled, compactRevision], [true, lost + 1n]);
        session[Symbol.dispose]();
      }
      await assertNewHistory(servers, { lost, term });
      for (const { running } of servers.all) assert.ok(running);
    });
  },
);

/** Writes its own key until the signal; what it was told last is there in the end. */
class Incrementer {
  readonly key: string;
  acknowledged = 0;
  #tried = 0;

  constructor(key: string) {
    this.key = key;
  }

  async run({ kv }: EtcdClient, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const value = `${++this.#tried}`;
      if (await isAnswered(kv.put({ key: this.key, value }))) this.acknowledged = this.#tried;
    }
  }

  /** What was not answered may be there as well. */
  assertFound(value: number): void {
    assert.ok(
      value >= this.acknowledged && value <= this.#tried,
      `${this.key}: ${value} is found, ${this.acknowledged} was acknowledged`,
    );
  }
}

ownDatabaseTest(
  "Cluster on postgres: clients that write while a standby that lacks commits takes over go on after it",
  NEEDS,
  async () => {
    await using pair = await startCutOff();
    const { servers } = pair;
    await servers.explain(async () => {
      const stop = new AbortController();
      const writers = servers.all.map((_, index) => new Incrementer(`w/${index}`));
      const writing = Promise.all(writers.map((writer, index) => {
        return writer.run(servers.client(index), stop.signal);
      }));
      const goOn = async (count: number) => {
        const goals = writers.map(({ acknowledged }) => acknowledged + count);
        await eventually("all writers go on", () => {
          return Promise.resolve(
            writers.every((writer, index) => writer.acknowledged >= (goals[index] ?? 0)),
          );
        });
      };
      await goOn(LOST_WRITES);
      await failOver(pair);
      await goOn(LOST_WRITES);
      const watches = await Promise.all(servers.clients.map(watchAll));
      await goOn(LOST_WRITES);
      stop.abort();
      await writing;
      for (const client of servers.clients) {
        for (const writer of writers) {
          const [found = ""] = valuesOf(await client.kv.range({ key: writer.key }));
          writer.assertFound(Number(found));
        }
      }
      const last = Number(await revisionOf(servers.client(0)));
      const told: string[] = [];
      for (const { session, id, startRevision } of watches) {
        // One key each.
        const events = await session.events(id, last + 1 - Number(startRevision));
        told.push(JSON.stringify(events.slice(-2 * LOST_WRITES)));
        session[Symbol.dispose]();
      }
      for (const one of told) assert.equal(one, told[0]);
    });
  },
);

async function watchAll(client: EtcdClient) {
  const session = new WatchSession(client);
  const startRevision = await revisionOf(client) + 1n;
  const id = await session.create({ key: "\0", rangeEnd: "\0", startRevision });
  return { session, id, startRevision };
}

/** All servers tell what the standby had, and what is written from then on. */
async function assertNewHistory(
  servers: Servers,
  { lost, term }: { readonly lost: bigint; readonly term: bigint },
): Promise<void> {
  for (const client of servers.clients) {
    await eventually("it answers", () => isAnswered(client.kv.range({ key: "kept" })));
    assert.deepEqual(valuesOf(await client.kv.range({ key: "kept" })), ["1"]);
    assert.equal((await client.kv.range({ key: "lost/", rangeEnd: "lost0" })).count, 0n);
    await eventually("the term is raised", async () => {
      return ((await client.kv.range({ key: "a" })).header?.raftTerm ?? 0n) > term;
    });
    await assertFails(client.kv.range({ key: "kept", revision: lost - 1n }), COMPACTED);
  }
  const watches = await Promise.all(servers.clients.map(watchAll));
  for (const [index, { kv }] of servers.clients.entries()) {
    const put = await kv.put({ key: "kept", value: `new ${index}`, prevKv: true });
    // No revision that was told of comes to mean something else.
    assert.equal(put.header?.revision, lost + BigInt(index + 1));
    assert.equal(
      new TextDecoder().decode(put.prevKv?.value),
      index === 0 ? "1" : `new ${index - 1}`,
    );
    for (const other of servers.clients) {
      assert.deepEqual(valuesOf(await other.kv.range({ key: "kept" })), [`new ${index}`]);
    }
  }
  for (const { session, id } of watches) {
    const events = await session.events(id, servers.all.length);
    assert.deepEqual(events.map(({ value }) => value), ["new 0", "new 1", "new 2"]);
    session[Symbol.dispose]();
  }
}

async function isAnswered(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof RpcError && error.code === CODE.UNAVAILABLE) return false;
    throw error;
  }
}
