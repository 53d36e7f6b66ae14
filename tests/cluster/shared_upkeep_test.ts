/** What one server does to the whole store is done for all: compaction, trimming, checksums, alarms. */

import assert from "node:assert/strict";
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
} from "../../gen/etcdserverpb/maintenance_pb.ts";
import { WatchSession } from "../services/watch_session.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { op } from "../support/txn_parts.ts";
import { clusterTest } from "./cluster_case.ts";
import { eventually } from "../support/polling.ts";

const COMPACTED = [
  CODE.OUT_OF_RANGE,
  "etcdserver: mvcc: required revision has been compacted",
] as const;
const NO_SPACE = [CODE.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"] as const;
const OVERWRITES = 60;
/** A server waits 30 s before it does another one's work. */
const TRIMMED_FOR_OTHERS_MS_MAX = 90_000;

/** Writes one key again and again, everywhere in turn; answers the revision of the last. */
async function overwrite(clients: readonly EtcdClient[], key: string): Promise<bigint> {
  let revision = 0n;
  for (let turn = 0; turn < OVERWRITES; turn++) {
    const client = clients[turn % clients.length] ?? assert.fail();
    revision = (await client.kv.put({ key, value: `${turn}` })).header?.revision ?? 0n;
  }
  return revision;
}

/** Writes one key so often, many at a time. */
async function overwriteMany(
  { kv }: EtcdClient,
  { key, times }: { readonly key: string; readonly times: number },
): Promise<void> {
  const puts = Array.from({ length: times }, (_, turn) => kv.put({ key, value: `${turn}` }));
  await Promise.all(puts);
}

/** A watch from before the compaction is canceled, one from it on is given what is there. */
async function assertWatchedFrom(
  client: EtcdClient,
  { key, compacted, count }: {
    readonly key: string;
    readonly compacted: bigint;
    readonly count: number;
  },
): Promise<void> {
  using early = new WatchSession(client);
  early.sendCreate({ key, startRevision: compacted - 1n });
  const { compactRevision } = await early.find(({ canceled }) => canceled);
  assert.equal(compactRevision, compacted);
  using session = new WatchSession(client);
  const events = await session.events(
    await session.create({ key, startRevision: compacted }),
    count,
  );
  assert.equal(BigInt(events[0]?.revision ?? 0), compacted);
}

clusterTest(
  "a compaction on one server holds on all at once, and is trimmed",
  { fresh: true },
  async ({ servers, key, query }) => {
    const last = await overwrite(servers.clients, key("k"));
    const [a, ...others] = servers.clients;
    assert(a !== undefined);
    const compacted = last - 10n;
    using synced = new WatchSession(others[0] ?? assert.fail());
    // A server may learn of the last write only now, so it is told where to begin.
    const syncedId = await synced.create({ key: key("k"), startRevision: last + 1n });
    await a.kv.compact({ revision: compacted });
    for (const client of others) {
      const old = { key: key("k"), revision: compacted - 1n };
      await assertFails(client.kv.range(old), COMPACTED);
      await assertFails(client.kv.range({ ...old, rangeEnd: key("l") }), COMPACTED);
      await assertFails(client.kv.txn({ success: [op.range(old)] }), COMPACTED);
      await assertFails(client.kv.compact({ revision: compacted }), COMPACTED);
      assert.equal((await client.kv.range({ ...old, revision: compacted })).count, 1n);
      await assertWatchedFrom(client, { key: key("k"), compacted, count: 11 });
    }
    await eventually("the old versions are gone", async () => {
      return await query("SELECT count(*) FROM rhino_log") === "11";
    });
    // Who was given everything all along is not touched by it.
    await a.kv.put({ key: key("k"), value: "end" });
    assert.equal((await synced.events(syncedId, 1))[0]?.value, "end");
  },
);

clusterTest("servers that compact by themselves trim together, and keep what is to be retained", {
  fresh: true,
  flags: ["--compact-interval=200ms", "--compact-min-retain=20", "--compact-batch-size=7"],
}, async ({ servers, key, query }) => {
  const last = await overwrite(servers.clients, key("k"));
  await eventually("the history ends", async () => {
    return Number(await query("SELECT count(*) FROM rhino_log")) <= 21;
  });
  for (const { kv } of servers.clients) {
    assert.equal((await kv.range({ key: key("k"), revision: last - 19n })).count, 1n);
    await assertFails(kv.range({ key: key("k"), revision: last - 30n }), COMPACTED);
  }
});

clusterTest("what a server has compacted and not trimmed when it dies, the others trim", {
  count: 2,
  fresh: true,
  // Slow enough to be killed in the midst of it.
  flags: ["--compact-batch-size=1", "--compaction-sleep-interval=0"],
}, async ({ servers, key, query }) => {
  const [a, b] = servers.clients;
  assert(a !== undefined && b !== undefined);
  await overwriteMany(a, { key: key("k"), times: 3_000 });
  const { header } = await a.kv.range({ key: key("k") });
  await a.kv.compact({ revision: header?.revision ?? 0n });
  await servers.at(0).kill();
  const left = Number(await query("SELECT count(*) FROM rhino_log"));
  assert.ok(left > 100, `it was trimmed already, to ${left} rows`);
  await eventually("the other server trims", async () => {
    return await query("SELECT count(*) FROM rhino_log") === "1";
  }, { timeoutMs: TRIMMED_FOR_OTHERS_MS_MAX });
  assert.equal((await b.kv.range({ key: key("k") })).kvs[0]?.version, 3_000n);
});

clusterTest(
  "the checksum of the newest revision is the same on all servers",
  {},
  async ({ servers, key }) => {
    const last = await overwrite(servers.clients, key("k"));
    const hashes = await Promise.all(servers.clients.map(async ({ maintenance }) => {
      const { hash, hashRevision, compactRevision } = await maintenance.hashKV({});
      return [hash, hashRevision, compactRevision];
    }));
    assert.equal(hashes[0]?.[1], last);
    for (const hash of hashes) assert.deepEqual(hash, hashes[0]);
    await servers.client(0).kv.compact({ revision: last - 5n, physical: true });
    const trimmed = await Promise.all(servers.clients.map(async ({ maintenance }) => {
      const { hash, hashRevision, compactRevision } = await maintenance.hashKV({ revision: last });
      return [hash, hashRevision, compactRevision];
    }));
    // Another one than before, as etcd's: it covers what the compaction has left.
    for (const hash of trimmed) assert.deepEqual(hash, [trimmed[0]?.[0], last, last - 5n]);
  },
);

clusterTest(
  "the checksum at a compaction is the same on all servers, before it and after it",
  { fresh: true },
  async ({ servers, key }) => {
    const last = await overwrite(servers.clients, key("k"));
    // Asked of all at once, while the compaction is a moment old.
    async function hashes() {
      return await Promise.all(servers.clients.map(async ({ maintenance }) => {
        const { hash, hashRevision } = await maintenance.hashKV({ revision: last - 5n });
        return [hash, hashRevision];
      }));
    }
    const [before] = await hashes();
    await servers.client(0).kv.compact({ revision: last - 5n });
    for (const after of await hashes()) assert.deepEqual(after, before);
    for (const later of await hashes()) assert.deepEqual(later, before);
  },
);

clusterTest("an alarm raised on one server refuses writes on all, and is lifted by any", {
  fresh: true,
}, async ({ servers, key }) => {
  const [a, b, c] = servers.clients;
  assert(a !== undefined && b !== undefined && c !== undefined);
  const alarm = AlarmType.NOSPACE;
  await a.kv.put({ key: key("k"), value: "1" });
  const [raised] = (await a.maintenance.alarm({ action: Action.ACTIVATE, alarm })).alarms;
  for (const { kv } of [c, b, a]) {
    await assertFails(kv.put({ key: key("k"), value: "2" }), NO_SPACE);
  }
  for (const { maintenance } of servers.clients) {
    await eventually("the alarm is told", async () => {
      const { alarms } = await maintenance.alarm({ action: Action.GET });
      return alarms.some(({ memberID }) => memberID === raised?.memberID);
    });
  }
  await b.maintenance.alarm({ action: Action.DEACTIVATE, alarm, memberID: raised?.memberID ?? 0n });
  for (const { kv } of [c, a, b]) await kv.put({ key: key("k"), value: "3" });
  for (const { maintenance } of servers.clients) {
    await eventually("no alarm is told", async () => {
      return (await maintenance.alarm({ action: Action.GET })).alarms.length === 0;
    });
  }
});

clusterTest("a quota that the servers fill together is full for all of them", {
  fresh: true,
  flags: ["--quota-backend-bytes=400000"],
}, async ({ servers, key }) => {
  const value = new Uint8Array(20_000);
  let isFull = false;
  for (let index = 0; index < 200 && !isFull; index++) {
    const { kv } = servers.client(index % 3);
    // Not compressible, or the database would store next to nothing.
    crypto.getRandomValues(value);
    await kv.put({ key: key(`${index}`), value }).catch((error: unknown) => {
      assert.match(`${error}`, /database space exceeded/);
      isFull = true;
    });
  }
  assert.ok(isFull, "4 MB fit into a quota of 400 kB");
  for (const { kv } of servers.clients) {
    await assertFails(kv.put({ key: key("more"), value: "1" }), NO_SPACE);
    // What makes room is not refused.
    await kv.deleteRange({ key: key("0") });
  }
});
