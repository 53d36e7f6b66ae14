// From kine's databases: every object of a cluster with the revisions that kube-apiserver knows it by.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { buildKine, hasCompiler, hasGo } from "../../bench/go_build.ts";
import { kineEndpoint } from "../../bench/kine_endpoint.ts";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { type DatabaseKind, sharedDatabase, whyNotShared } from "../cluster/database_kinds.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { freePort } from "../support/free_port.ts";
import { eventually } from "../support/polling.ts";
import { revisionOf, text } from "../support/readable.ts";
import { ServerProcess } from "../support/server_process.ts";
import { compare, op } from "../support/txn_parts.ts";
import { checkOk, migrateFails, migrateOk, plain, served } from "./migration_case.ts";

const OBJECTS = { key: "/registry/", rangeEnd: "/registry0" };
const COMPACT_KEY = "compact_rev_key";

const cannotBuild = Deno.env.get("CI") === "true" || await hasGo() && await hasCompiler()
  ? undefined
  : "needs kine, and there is no Go or no C compiler to build it with";

interface Kine extends AsyncDisposable {
  readonly client: EtcdClient;
}

async function startKine(
  { dir, databaseUrl }: { readonly dir: string; readonly databaseUrl?: string | undefined },
): Promise<Kine> {
  const { path: command } = await buildKine();
  const address = `127.0.0.1:${await freePort()}`;
  const process = new ServerProcess(command, [
    `--listen-address=${address}`,
    `--endpoint=${kineEndpoint({ dir, databaseUrl })}`,
    "--metrics-bind-address=0",
  ]);
  const client = new EtcdClient(address);
  await eventually("kine answers", async () => {
    if (!process.running) throw new Error(process.output);
    return await client.kv.range(OBJECTS).then(() => true, () => false);
  });
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await process.end("SIGTERM");
    },
  };
}

/** As kube-apiserver writes: creates, updates and deletes that name the revision they know. */
class Apiserver {
  readonly #client: EtcdClient;
  readonly #known = new Map<string, bigint>();

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  async write(key: string, value: string, ttl = 0n): Promise<void> {
    const known = this.#known.get(key) ?? 0n;
    const { kv, lease: leases } = this.#client;
    const lease = ttl === 0n ? 0n : (await leases.leaseGrant({ TTL: ttl })).ID;
    const failure = known === 0n ? [] : [op.range({ key })];
    const answer = await kv.txn({
      compare: [compare(key, ["mod", "=", Number(known)])],
      success: [op.put({ key, value, lease })],
      failure,
    });
    assert.ok(answer.succeeded, key);
    this.#known.set(key, revisionOf(answer));
  }

  async delete(key: string): Promise<void> {
    const answer = await this.#client.kv.txn({
      compare: [compare(key, ["mod", "=", Number(this.#known.get(key))])],
      success: [op.deleteRange({ key })],
      failure: [op.range({ key })],
    });
    assert.ok(answer.succeeded, key);
    this.#known.delete(key);
  }

  /** What it does every five minutes. */
  async compact(version: number, revision: bigint): Promise<boolean> {
    const { succeeded } = await this.#client.kv.txn({
      compare: [compare(COMPACT_KEY, ["version", "=", version])],
      success: [op.put({ key: COMPACT_KEY, value: `${revision}` })],
      failure: [op.range({ key: COMPACT_KEY })],
    });
    return succeeded;
  }
}

async function fillKine(client: EtcdClient): Promise<Apiserver> {
  const apiserver = new Apiserver(client);
  for (let i = 0; i < 300; i++) await apiserver.write(`/registry/pods/default/p${i}`, `new ${i}`);
  for (let i = 0; i < 300; i += 2) {
    await apiserver.write(`/registry/pods/default/p${i}`, `changed ${i} ${"x".repeat(i * 10)}`);
  }
  for (let i = 0; i < 300; i += 3) await apiserver.delete(`/registry/pods/default/p${i}`);
  for (let i = 0; i < 20; i++) await apiserver.write(`/registry/events/e${i}`, `${i}`, 3_600n);
  await apiserver.write("/registry/pods/default/p0", "again");
  assert.ok(await apiserver.compact(0, 5n));
  assert.ok(await apiserver.compact(1, 9n));
  return apiserver;
}

/** kine knows no versions and no leases; all else must be the same. */
async function objectsOf(client: EtcdClient) {
  const answer = await client.kv.range(OBJECTS);
  const objects = plain(answer.kvs).map(({ fields: [create, mod], ...rest }) => {
    return { ...rest, create, mod };
  });
  return { objects, count: answer.count, revision: revisionOf(answer) };
}

async function assertMigrated(store: string, before: Awaited<ReturnType<typeof objectsOf>>) {
  await checkOk(store);
  await served(store, async ({ client }) => {
    assert.deepEqual(await objectsOf(client), before);
    const past = client.kv.range({ ...OBJECTS, revision: before.revision - 1n });
    await assert.rejects(past, /required revision has been compacted/);

    const { kvs } = await client.kv.range({ key: "/registry/pods/default/p2" });
    assert.equal(kvs[0]?.version, 2n);
    const [event] = (await client.kv.range({ key: "/registry/events/e7" })).kvs;
    const { TTL, grantedTTL, keys } = await client.lease.leaseTimeToLive({
      ID: event?.lease ?? 0n,
      keys: true,
    });
    assert.deepEqual([grantedTTL, keys.map(text)], [3_600n, ["/registry/events/e7"]]);
    assert.ok(TTL > 3_500n, `${TTL} s left`);

    // kube-apiserver goes on: with the revisions that it knows, and from the compaction that it made.
    const key = "/registry/pods/default/p2";
    const answer = await client.kv.txn({
      compare: [compare(key, ["mod", "=", Number(kvs[0]?.modRevision)])],
      success: [op.put({ key, value: "after" })],
    });
    assert.ok(answer.succeeded);
    assert.equal(revisionOf(answer), before.revision + 1n);
    const [compacted] = (await client.kv.range({ key: COMPACT_KEY })).kvs;
    assert.ok(compacted !== undefined);
    assert.deepEqual([text(compacted.value), compacted.version], ["9", 2n]);
    assert.ok(await new Apiserver(client).compact(2, before.revision));
  });
}

Deno.test({
  name: `migrate: kine's SQLite file, while kine runs${
    cannotBuild ? ` (ignored: ${cannotBuild})` : ""
  }`,
  ignore: cannotBuild !== undefined,
  async fn() {
    await using folder = await temporaryFolder();
    await using kine = await startKine({ dir: folder.path });
    await fillKine(kine.client);
    const before = await objectsOf(kine.client);
    const [from, store] = [`${folder.path}/state.db`, `${folder.path}/rhino.db`];
    const summary = await migrateOk(from, store);
    assert.match(
      summary,
      new RegExp(`revision ${before.revision}, compacted at ${before.revision}`),
    );
    await assertMigrated(store, before);
  },
});

for (const kind of ["postgres", "mysql"] as const) {
  const reason = cannotBuild ?? whyNotShared(kind);
  Deno.test({
    name: `migrate: kine's tables in ${kind}, into the same database${
      reason ? ` (ignored: ${reason})` : ""
    }`,
    ignore: reason !== undefined,
    fn: () => testDatabase(kind),
  });
}

async function testDatabase(kind: DatabaseKind): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const folder = cleanup.use(await temporaryFolder());
  const database = await sharedDatabase(kind);
  cleanup.defer(() => database.drop());
  let before: Awaited<ReturnType<typeof objectsOf>>;
  {
    await using kine = await startKine({ dir: folder.path, databaseUrl: database.url });
    await fillKine(kine.client);
    before = await objectsOf(kine.client);
  }
  // What it is, is found out; where there are both, it has to be said.
  await migrateOk(database.url, `${folder.path}/rhino.db`);
  await assertMigrated(`${folder.path}/rhino.db`, before);
  await migrateOk(database.url, database.url, "--source=kine");
  assert.match(
    await migrateFails(database.url, `${folder.path}/other.db`),
    /holds tables of kine and of Rhino: say --source kine or --source rhino/,
  );
  await migrateOk(database.url, `${folder.path}/other.db`, "--source=rhino");
  await assertMigrated(database.url, before);
}

/** A table of kine's, row by row. */
function kineTable(path: string, rows: readonly string[]): void {
  const database = new DatabaseSync(path);
  database.exec(
    `CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER,
    deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB)`,
  );
  for (const row of rows) database.exec(`INSERT INTO kine VALUES (${row})`);
  database.close();
}

Deno.test("migrate: kine's gaps, tombstones and revisions beyond what was compacted are left behind", async () => {
  await using folder = await temporaryFolder();
  const [from, store] = [`${folder.path}/kine.db`, `${folder.path}/rhino.db`];
  kineTable(from, [
    "1, 'compact_rev_key', 1, 0, 0, 40, 0, '', NULL",
    "41, '/a', 1, 0, 0, 0, 0, x'00ff', NULL",
    "42, 'gap-42', 0, 1, 0, 0, 0, NULL, NULL",
    "50, '/a', 0, 0, 41, 41, 0, x'31', x'00ff'",
    "51, '/b', 1, 0, 0, 0, 0, x'32', NULL",
    "52, '/b', 0, 1, 51, 51, 0, x'32', x'32'",
    // Its creation was compacted away.
    "60, '/c', 0, 0, 7, 9, 0, NULL, NULL",
    "61, 'gap-61', 0, 1, 0, 0, 0, NULL, NULL",
  ]);
  await migrateOk(from, store);
  await checkOk(store);
  await served(store, async ({ client }) => {
    const answer = await client.kv.range({ key: new Uint8Array(1), rangeEnd: new Uint8Array(1) });
    assert.deepEqual(plain(answer.kvs), [
      { key: "47,97", value: "49", fields: [41n, 50n, 2n, 0n] },
      { key: "47,99", value: "", fields: [7n, 60n, 2n, 0n] },
    ]);
    assert.equal(revisionOf(answer), 61n);
  });
});

Deno.test("migrate: an empty table of kine's becomes an empty store", async () => {
  await using folder = await temporaryFolder();
  const [from, store] = [`${folder.path}/kine.db`, `${folder.path}/rhino.db`];
  kineTable(from, []);
  assert.match(await migrateOk(from, store), /: 0 keys, .*revision 1, never compacted/);
  await checkOk(store);
});
