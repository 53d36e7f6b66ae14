// microsoft/etcd3, the client of the JavaScript world, unmodified.

import assert from "node:assert/strict";
import {
  Etcd3,
  EtcdLeaseInvalidError,
  EtcdLockFailedError,
  GRPCOutOfRangeError,
  type IOptions,
} from "etcd3";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { once } from "./once.ts";

/** A client of the target. */
function connect(t: ServiceTestContext): Etcd3 & Disposable {
  const options: IOptions = { hosts: t.endpoint.address };
  const client = new Etcd3(options);
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

serviceTest("etcd3: a key in every form", async (t) => {
  using client = connect(t);
  const key = t.key("a");
  assert.equal(await client.get(key), null);
  assert.equal(await client.get(key).exists(), false);
  await client.put(key).value("42");
  assert.equal(await client.get(key), "42");
  assert.equal(await client.get(key).string(), "42");
  assert.equal(await client.get(key).number(), 42);
  assert.equal(await client.get(key).json(), 42);
  assert.deepEqual([...await client.get(key).buffer() ?? []], [52, 50]);
  assert.equal(await client.get(key).exists(), true);
});

serviceTest("etcd3: bytes come back as they went", async (t) => {
  using client = connect(t);
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const key = Buffer.concat([Buffer.from(t.prefix), bytes]);
  await client.put(key).value(Buffer.from(bytes));
  assert.deepEqual([...await client.get(key).buffer() ?? []], [...bytes]);
  const [found] = await client.getAll().prefix(t.prefix).keyBuffers();
  assert.deepEqual([...found ?? []], [...key]);
});

serviceTest("etcd3: a put gives the previous value and can leave it", async (t) => {
  using client = connect(t);
  const key = t.key("a");
  await client.put(key).value("1");
  const previous = await client.put(key).value("2").getPrevious();
  assert.equal(`${previous.value}`, "1");
  await client.put(key).touch();
  const { kvs } = await client.get(key).exec();
  assert.equal(`${kvs[0]?.value}`, "2");
  assert.equal(kvs[0]?.version, "3");
});

serviceTest("etcd3: getAll by prefix, sorted, limited and counted", async (t) => {
  using client = connect(t);
  for (const [name, value] of [["b", "2"], ["a", "3"], ["c", "1"]] as const) {
    await client.put(t.key(`x/${name}`)).value(value);
  }
  await client.put(t.key("x")).value("outside");
  await client.put(t.key("X/a")).value("outside");
  const all = () => client.getAll().prefix(t.key("x/"));
  assert.deepEqual(await all().keys(), ["a", "b", "c"].map((name) => t.key(`x/${name}`)));
  assert.deepEqual(await all().numbers(), {
    [t.key("x/a")]: 3,
    [t.key("x/b")]: 2,
    [t.key("x/c")]: 1,
  });
  assert.equal(await all().count(), 3);
  const byValue = await all().sort("Value", "Descend").limit(2).keys();
  assert.deepEqual(byValue, [t.key("x/a"), t.key("x/b")]);
  const byCreation = await all().sort("Create", "Ascend").keys();
  assert.deepEqual(byCreation, ["b", "a", "c"].map((name) => t.key(`x/${name}`)));
});

serviceTest("etcd3: everything in the store", { fresh: true }, async (t) => {
  using client = connect(t);
  for (const name of ["b", "a", "\u00e9"]) await client.put(name).value(name);
  assert.deepEqual(await client.getAll().strings(), { a: "a", b: "b", "\u00e9": "\u00e9" });
  assert.deepEqual(await client.getAll().inRange({ start: "b", end: "\0" }).keys(), [
    "b",
    "\u00e9",
  ]);
  assert.equal((await client.delete().all().exec()).deleted, "3");
  assert.equal(await client.getAll().count(), 0);
});

serviceTest("etcd3: reads at a revision and by bounds on revisions", async (t) => {
  using client = connect(t);
  const key = t.key("a");
  const { header } = await client.put(key).value("1").exec();
  await client.put(key).value("2");
  assert.equal(await client.get(key).revision(header.revision), "1");
  assert.equal(await client.get(key).maxModRevision(header.revision), null);
  assert.equal(await client.get(key).minModRevision(header.revision), "2");
  assert.equal(await client.get(key).serializable(true), "2");
});

serviceTest("etcd3: delete by key and prefix, with what was there", async (t) => {
  using client = connect(t);
  for (const name of ["x/a", "x/b", "y"]) await client.put(t.key(name)).value(name);
  const previous = await client.delete().prefix(t.key("x/")).getPrevious();
  assert.deepEqual(previous.map(({ value }) => `${value}`), ["x/a", "x/b"]);
  assert.equal((await client.delete().key(t.key("y")).exec()).deleted, "1");
  assert.equal((await client.delete().key(t.key("y")).exec()).deleted, "0");
});

serviceTest("etcd3: a transaction takes the branch of its compares", async (t) => {
  using client = connect(t);
  const key = t.key("a");
  const commit = () =>
    client
      .if(key, "Create", "==", 0)
      .then(client.put(key).value("created"))
      .else(client.get(key), client.put(key).value("found"))
      .commit();
  assert.equal((await commit()).succeeded, true);
  const second = await commit();
  assert.equal(second.succeeded, false);
  assert.equal(`${second.responses[0]?.response_range?.kvs[0]?.value}`, "created");
  assert.equal(await client.get(key), "found");
  const compared = await client
    .if(key, "Value", "==", "found")
    .and(key, "Version", ">", 1)
    .then(client.delete().key(key))
    .commit();
  assert.equal(compared.succeeded, true);
  assert.equal(await client.get(key).exists(), false);
});

serviceTest("etcd3: software transactions that collide all count", async (t) => {
  using client = connect(t);
  const key = t.key("counter");
  await client.put(key).value(0);
  await Promise.all(
    Array.from({ length: 8 }, () =>
      client.stm({ retries: 100 }).transact(async (tx) => {
        const value = await tx.get(key).number();
        await tx.put(key).value((value ?? 0) + 1);
      })),
  );
  assert.equal(await client.get(key).number(), 8);
});

serviceTest("etcd3: errors arrive as the client's own classes", async (t) => {
  using client = connect(t);
  await assert.rejects(
    client.put(t.key("a")).value("1").lease("4711").exec(),
    EtcdLeaseInvalidError,
  );
  const future = client.get(t.key("a")).revision(1_000_000).exec();
  await assert.rejects(future, GRPCOutOfRangeError);
  await assert.rejects(future, /required revision is a future revision/);
});

serviceTest("etcd3: watches keys and prefixes, with the previous value", async (t) => {
  using client = connect(t);
  const one = await client.watch().key(t.key("x/a")).withPreviousKV().create();
  const many = await client.watch().prefix(t.key("x/")).only("delete").create();
  const onePut = once<[{ value: Uint8Array }, unknown]>(one, "put");
  await client.put(t.key("x/a")).value("1");
  assert.equal(`${(await onePut)[0].value}`, "1");
  const deleted = once<[{ key: Uint8Array }]>(many, "delete");
  const oneDeleted = once<[unknown, { value: Uint8Array }]>(one, "delete");
  await client.put(t.key("x/b")).value("2");
  await client.delete().prefix(t.key("x/a"));
  assert.equal(`${(await deleted)[0].key}`, t.key("x/a"));
  assert.equal(`${(await oneDeleted)[1].value}`, "1");
  await one.cancel();
  await many.cancel();
});

serviceTest("etcd3: a watch from a past revision replays it", async (t) => {
  using client = connect(t);
  const key = t.key("a");
  const { header } = await client.put(key).value("1").exec();
  await client.put(key).value("2");
  const watcher = client.watch().key(key).startRevision(header.revision).watcher();
  const values: string[] = [];
  watcher.on("put", (kv) => values.push(`${kv.value}`));
  while (values.length < 2) await once(watcher, "data");
  assert.deepEqual(values, ["1", "2"]);
  await watcher.cancel();
});

serviceTest(
  "etcd3: a watch goes on after the server has restarted",
  { fresh: true, skips: { memory: "memory forgets at the end of the process" } },
  async (t) => {
    using client = connect(t);
    const watcher = await client.watch().key("a").create();
    const values: string[] = [];
    watcher.on("put", (kv) => values.push(`${kv.value}`));
    await client.put("a").value("before");
    if (values.length === 0) await once(watcher, "data");
    const [disconnected, connected] = [once(watcher, "disconnected"), once(watcher, "connected")];
    await t.endpoint.restart();
    await disconnected;
    await connected;
    const data = once(watcher, "data");
    await t.client.kv.put({ key: "a", value: "after" });
    await data;
    assert.deepEqual(values, ["before", "after"]);
    await watcher.cancel();
  },
);

serviceTest("etcd3: a lease keeps itself alive", async (t) => {
  using client = connect(t);
  const key = t.key("a");
  // Renewed three times within its time to live.
  const lease = client.lease(3);
  await lease.put(key).value("1");
  for (let round = 0; round < 5; round++) await once(lease, "keepaliveSucceeded");
  assert.equal(await client.get(key), "1");
  const [, [answer]] = [await lease.grant(), [await lease.keepaliveOnce()]];
  assert.equal(answer.TTL, "3");
  await lease.revoke();
  assert.equal(await client.get(key).exists(), false);
});

serviceTest("etcd3: a lease that someone else ends is lost", async (t) => {
  using client = connect(t);
  const lease = client.lease(3);
  const id = await lease.grant();
  const lost = once<[Error]>(lease, "lost");
  await t.client.lease.leaseRevoke({ ID: BigInt(id) });
  assert.ok((await lost)[0] instanceof EtcdLeaseInvalidError);
  assert.equal(lease.revoked(), true);
});

serviceTest("etcd3: a lock has one holder", async (t) => {
  using client = connect(t);
  const key = t.key("lock");
  const lock = await client.lock(key).ttl(10).acquire();
  await assert.rejects(client.lock(key).acquire(), EtcdLockFailedError);
  await lock.release();
  assert.equal(await client.lock(key).do(() => "done"), "done");
  assert.equal(await client.get(key).exists(), false);
});

serviceTest("etcd3: an election has one leader after another", async (t) => {
  using client = connect(t);
  const election = client.election(t.key("election"), 10);
  const first = election.campaign("first");
  await first.wait();
  const observer = await election.observe();
  assert.equal(await election.leader(), "first");
  const second = election.campaign("second");
  const elected = second.wait();
  await once(second, "_isWaiting");
  assert.equal(await election.leader(), "first");
  await first.proclaim("first again");
  assert.equal(await election.leader(), "first again");
  await first.resign();
  await elected;
  assert.equal(await election.leader(), "second");
  await second.resign();
  assert.equal(await election.leader(), undefined);
  await observer.cancel();
});

serviceTest("etcd3: namespaces keep their keys apart", async (t) => {
  using client = connect(t);
  const [one, two] = [client.namespace(t.key("one/")), client.namespace(t.key("two/"))];
  await one.put("a").value("1");
  await two.put("a").value("2");
  assert.deepEqual(await one.getAll().strings(), { a: "1" });
  assert.equal((await two.delete().all().exec()).deleted, "1");
  assert.equal(await one.get("a"), "1");
});

serviceTest("etcd3: status, members and alarms", async (t) => {
  using client = connect(t);
  const status = await client.maintenance.status();
  assert.equal(status.version, "3.7.1");
  assert.equal(status.leader, status.header.member_id);
  const { members } = await client.cluster.memberList({});
  assert.equal(members.length, 1);
  assert.equal((await client.maintenance.alarm({})).alarms.length, 0);
});
