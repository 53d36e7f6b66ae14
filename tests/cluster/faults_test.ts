/**
 * A database that misbehaves while servers use it: cuts connections, takes no writes, takes no connections, does not
 * answer. Clients are told to try again, in bounded time; nothing is lost; and once the database is well, so is all else.
 */

import assert from "node:assert/strict";
import { Random, seedOfRun } from "../model/random.ts";
import { WatchSession } from "../services/watch_session.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { valuesOf } from "../support/readable.ts";
import { CODE, RpcError } from "../support/rpc_error.ts";
import { ownDatabaseTest } from "./cluster_case.ts";
import { exhaustConnections } from "./connection_hog.ts";
import { DATABASE_KINDS, type DatabaseKind } from "./database_kinds.ts";
import { type DatabaseServer, freeze, serversOfFile } from "./database_server.ts";
import { goOnIfRetriable, ObservedWrites } from "./observed_writes.ts";
import { eventually, pause } from "../support/polling.ts";
import { Servers } from "./servers.ts";

const SEED = seedOfRun();
const CUTS = 40;
const CUT_PAUSE_MS = 40;
/** A write is given up after 7 s, and looked at twice a second; the rest is for a busy machine. */
const WRITE_MS_MAX = 12_000;
const FREEZE_MS = 12_000;
/** In seconds: shorter than the freeze, and long enough for a slow start of it. */
const TTL_UNDER_FREEZE = 8;

const databaseServer = serversOfFile();

interface FaultContext {
  readonly kind: DatabaseKind;
  readonly database: DatabaseServer;
  /** The database's own. */
  readonly name: string;
  readonly servers: Servers;
}

function faultTest(fact: string, run: (context: FaultContext) => Promise<void>): void {
  for (const kind of DATABASE_KINDS) {
    ownDatabaseTest(`Cluster on ${kind}: ${fact}`, { needs: [kind] }, async () => {
      const database = await databaseServer(kind);
      const { url, drop } = await database.createDatabase();
      await using stack = new AsyncDisposableStack();
      stack.defer(drop);
      const servers = stack.use(await Servers.start({ kind, urls: [url, url, url] }));
      const pids = servers.all.map(({ pid }) => pid);
      const name = new URL(url).pathname.slice(1);
      await servers.explain(() => run({ kind, database, servers, name }));
      assert.deepEqual(servers.all.map(({ pid, running }) => running && pid), pids);
      for (const { output } of servers.all) assert.doesNotMatch(output, /defect/);
    });
  }
}

/** The connections of Rhino, by the ids that the database knows them by. */
async function connectionsOf({ kind, database, name }: FaultContext): Promise<string[]> {
  const ids = await database.query(
    kind === "postgres"
      ? `SELECT pid FROM pg_stat_activity WHERE datname = '${name}'`
      : `SELECT id FROM information_schema.processlist WHERE db = '${name}'`,
  );
  return ids === "" ? [] : ids.split("\n");
}

async function cut({ kind, database }: FaultContext, id: string): Promise<void> {
  if (kind === "postgres") await database.query(`SELECT pg_terminate_backend(${id})`);
  // It may have gone by itself.
  else await database.query(`KILL CONNECTION ${id}`).catch(() => {});
}

/** Fails unless the call ends in time, and either well or with the advice to try again. */
async function unavailableInTime(call: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const startMs = performance.now();
  const error = await call.then(() => null, (error: unknown) => error);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < timeoutMs, `the call took ${tookMs} ms`);
  if (error === null) return false;
  assert.ok(error instanceof RpcError && error.code === CODE.UNAVAILABLE, `${error}`);
  return true;
}

/** Each server takes writes again, and each reads what the others wrote. */
async function assertWell({ clients }: Servers): Promise<void> {
  for (const [index, { kv }] of clients.entries()) {
    await eventually(`server ${index} takes writes`, async () => {
      return !await unavailableInTime(kv.put({ key: "well", value: `${index}` }), WRITE_MS_MAX);
    });
    for (const { kv } of clients) {
      await eventually("it is read everywhere", async () => {
        const read = kv.range({ key: "well" });
        if (await unavailableInTime(read, WRITE_MS_MAX)) return false;
        assert.equal(valuesOf(await read).join(), `${index}`);
        return true;
      });
    }
  }
}

faultTest(
  `connections cut one by one under heavy writing cost nothing (RHINO_SEED=${SEED})`,
  async (context) => {
    const { servers } = context;
    const random = new Random(SEED);
    using writes = new ObservedWrites(servers, random);
    await writes.during(goOnIfRetriable, async () => {
      for (let turn = 0; turn < CUTS; turn++) {
        const ids = await connectionsOf(context);
        if (ids.length > 0) await cut(context, random.pick(ids));
        await pause(random.int(0, CUT_PAUSE_MS));
      }
      await writes.progress(100);
    });
    await writes.check();
    await assertWell(servers);
  },
);

faultTest(
  "a database that takes no writes makes them fail for as long as it does",
  async ({ kind, database, servers }) => {
    const client = servers.client(0);
    using session = new WatchSession(servers.client(1));
    const watchId = await session.create({ key: "k" });
    await client.kv.put({ key: "k", value: "before" });
    await setReadOnly(kind, { database, isReadOnly: true });
    try {
      // PostgreSQL tells its connections of a new setting one by one, and answers before they have all heard of it.
      await Promise.all(servers.clients.map(({ kv }) => {
        return eventually("a write is refused", () => {
          return unavailableInTime(kv.put({ key: "refused" }), WRITE_MS_MAX);
        });
      }));
      const failed = await Promise.all(servers.clients.map(({ kv }) => {
        return unavailableInTime(kv.put({ key: "k", value: "refused" }), WRITE_MS_MAX);
      }));
      assert.deepEqual(failed, [true, true, true]);
      const read = client.kv.range({ key: "k" });
      if (!await unavailableInTime(read, WRITE_MS_MAX)) {
        assert.equal(valuesOf(await read).join(), "before");
      }
    } finally {
      await setReadOnly(kind, { database, isReadOnly: false });
    }
    await assertWell(servers);
    assert.equal(valuesOf(await client.kv.range({ key: "k" })).join(), "before");
    await client.kv.put({ key: "k", value: "after" });
    const events = await session.events(watchId, 2);
    assert.deepEqual(events.map(({ value }) => value), ["before", "after"]);
  },
);

async function setReadOnly(
  kind: DatabaseKind,
  { database, isReadOnly }: { readonly database: DatabaseServer; readonly isReadOnly: boolean },
): Promise<void> {
  if (kind === "mysql") {
    await database.query(`SET GLOBAL read_only = ${isReadOnly ? 1 : 0}`);
    return;
  }
  const value = isReadOnly ? "on" : "off";
  await database.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
  await database.query("SELECT pg_reload_conf()");
}

faultTest(
  "a database that takes no more connections makes calls fail until it does",
  async (context) => {
    const { kind, database, servers } = context;
    const { kv } = servers.client(0);
    await kv.put({ key: "k", value: "before" });
    {
      await using _hog = await exhaustConnections(kind, database);
      await assertWell(servers);
      // Those that are open do until they are cut.
      await eventually("no connection is left", async () => {
        const ids = await connectionsOf(context);
        for (const id of ids) await cut(context, id);
        return ids.length === 0;
      });
      const calls = servers.clients.flatMap((
        { kv },
      ) => [kv.put({ key: "k", value: "refused" }), kv.range({ key: "k" })]);
      const failed = await Promise.all(calls.map((call) => unavailableInTime(call, WRITE_MS_MAX)));
      assert.deepEqual(failed, calls.map(() => true));
    }
    await assertWell(servers);
    assert.equal(valuesOf(await kv.range({ key: "k" })).join(), "before");
  },
);

faultTest(
  "a database that does not answer for a while makes calls fail in time, and costs no lease",
  async ({ database, servers }) => {
    const client = servers.client(0);
    using session = new WatchSession(servers.client(1));
    const watchId = await session.create({ key: "k" });
    const { ID } = await servers.client(2).lease.leaseGrant({ TTL: TTL_UNDER_FREEZE });
    await client.kv.put({ key: "k", value: "before", lease: ID });
    {
      using _frozen = freeze(database);
      const thawMs = performance.now() + FREEZE_MS;
      const calls = [
        () => client.kv.put({ key: "k2" }),
        () => client.kv.range({ key: "k" }),
        () => client.kv.txn({}),
        () => keepAlive(client, ID),
        () => client.lease.leaseTimeToLive({ ID }),
        () => client.lease.leaseGrant({ TTL: 60 }),
      ];
      const failed = await Promise.all(
        calls.map((call) => unavailableInTime(call(), WRITE_MS_MAX)),
      );
      assert.deepEqual(failed, calls.map(() => true));
      await pause(thawMs - performance.now());
    }
    await assertWell(servers);
    assert.equal((await client.kv.range({ key: "k" })).count, 1n);
    assert.equal((await keepAlive(client, ID)).TTL, BigInt(TTL_UNDER_FREEZE));
    assert.equal((await session.events(watchId, 1))[0]?.value, "before");
    await eventually("it expires when nobody renews it", async () => {
      return (await client.kv.range({ key: "k" })).count === 0n;
    });
    assert.equal((await session.events(watchId, 1))[0]?.type, "delete");
  },
);

async function keepAlive({ lease }: EtcdClient, ID: bigint) {
  using stream = lease.leaseKeepAlive();
  stream.send({ ID });
  return await stream.next();
}
