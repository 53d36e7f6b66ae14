// From one store of Rhino's to another: clients see no difference, at any revision.

import assert from "node:assert/strict";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { sharedDatabase, whyNotShared } from "../cluster/database_kinds.ts";
import { READ, signIn } from "../services/auth_case.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { eventually } from "../support/polling.ts";
import { checkOk, fill, migrateOk, Served, served, stateOf } from "./migration_case.ts";

const noDatabases = whyNotShared("postgres") ?? whyNotShared("mysql");

Deno.test("migrate: a SQLite file becomes another with the same history", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/new/b.db`];
  const before = await served(from, async ({ client }) => {
    await fill(client);
    return await stateOf(client);
  });
  const summary = await migrateOk(from, to);
  assert.match(
    summary,
    new RegExp(`revision ${before.head}, compacted at ${before.compactRevision}`),
  );
  assert.match(summary, new RegExp(`HashKV ${before.hash}\n`));
  assert.match(await checkOk(to), new RegExp(`HashKV ${before.hash}\n`));
  assert.deepEqual(await served(to, ({ client }) => stateOf(client)), before);
  // And the source is what it was.
  assert.deepEqual(await served(from, ({ client }) => stateOf(client)), before);
});

Deno.test({
  name: `migrate: SQLite to PostgreSQL to MySQL and back${
    noDatabases ? ` (ignored: ${noDatabases})` : ""
  }`,
  ignore: noDatabases !== undefined,
  async fn() {
    await using cleanup = new AsyncDisposableStack();
    const folder = cleanup.use(await temporaryFolder());
    const [postgres, mysql] = await Promise.all([
      sharedDatabase("postgres"),
      sharedDatabase("mysql"),
    ]);
    cleanup.defer(() => postgres.drop());
    cleanup.defer(() => mysql.drop());
    const stores = [`${folder.path}/a.db`, postgres.url, mysql.url, `${folder.path}/b.db`];
    const before = await served(stores[0] ?? "", async ({ client }) => {
      await fill(client);
      return await stateOf(client);
    });
    for (const [at, to] of stores.slice(1).entries()) {
      await migrateOk(stores[at] ?? "", to);
      await checkOk(to);
      assert.deepEqual(await served(to, ({ client }) => stateOf(client)), before);
    }
  },
});

Deno.test("migrate: what comes after the copy goes on where the source ended", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
  await served(from, ({ client }) => fill(client));
  await migrateOk(from, to);
  const goOn = ({ client }: Served) => writeMore(client);
  assert.deepEqual(await served(to, goOn), await served(from, goOn));
});

/** Changes a key, uses what users may do, and lets a lease end. */
async function writeMore(client: Served["client"]) {
  const root = await signIn(client, "root", "pw");
  const reader = await signIn(client, "reader", "reader");
  const { kvs } = await client.kv.range({ key: "a" }, reader);
  await assertFails(client.kv.range({ key: "z" }, reader), [
    CODE.PERMISSION_DENIED,
    "etcdserver: permission denied",
  ]);
  const perm = { permType: READ, key: "z" };
  await client.auth.roleGrantPermission({ name: "reader", perm }, root);
  const { header, prevKv } = await client.kv.put({ key: "leased", value: "2", prevKv: true }, root);
  await client.lease.leaseRevoke({ ID: 1n }, root);
  const after = await client.kv.range({ key: "t/", rangeEnd: "t0" }, root);
  return [kvs.length, prevKv?.version, header?.revision, after.count, after.header?.revision];
}

Deno.test("migrate: a lease goes on with the time that it had left", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
  await served(from, async ({ client }) => {
    await client.lease.leaseGrant({ ID: 1n, TTL: 6 });
    await client.lease.leaseGrant({ ID: 2n, TTL: 1_000 });
    await client.kv.put({ key: "short", lease: 1n });
    await client.kv.put({ key: "long", lease: 2n });
    await eventually("some of its time is over", async () => {
      return (await client.lease.leaseTimeToLive({ ID: 1n })).TTL <= 3n;
    });
  });
  await migrateOk(from, to);
  await served(to, async ({ client }) => {
    const { TTL, grantedTTL } = await client.lease.leaseTimeToLive({ ID: 1n });
    assert.equal(grantedTTL, 6n);
    assert.ok(TTL <= 3n, `${TTL} s left`);
    await eventually("the lease ends", async () => {
      return (await client.kv.range({ key: "short", countOnly: true })).count === 0n;
    });
    assert.equal((await client.kv.range({ key: "long" })).count, 1n);
  });
});
