/** What `@rhino/rhino/testing` promises, with clients as its users have them. */

import assert from "node:assert/strict";
import { Etcd3 } from "etcd3";
import { startTestServer } from "../../src/testing.ts";
import { WatchSession } from "../services/watch_session.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";

const UNAVAILABLE = [CODE.UNAVAILABLE, "etcdserver: request timed out"] as const;

Deno.test("startTestServer() gives each test a store of its own, at once", async () => {
  await using first = await startTestServer();
  await using second = await startTestServer();
  using one = new EtcdClient(first.address);
  using other = new EtcdClient(second.address);
  const { header } = await one.kv.put({ key: "a", value: "1" });
  // As in a new etcd.
  assert.equal(header?.revision, 2n);
  assert.equal((await other.kv.range({ key: "a" })).count, 0n);
});

Deno.test("startTestServer() takes the options of a server", async () => {
  await using server = await startTestServer({ maxTxnOps: 1, listenMetricsUrls: "127.0.0.1:0" });
  assert.deepEqual(server.urls.map(({ serves }) => serves), ["grpc+http", "metrics"]);
  using client = new EtcdClient(server.address);
  const put = { request: { case: "requestPut", value: { key: "a" } } } as const;
  const txn = client.kv.txn({ success: [put, put] });
  await assertFails(txn, [CODE.INVALID_ARGUMENT, "etcdserver: too many operations in txn request"]);
});

Deno.test("TestServer.restart() keeps data and address, and npm's etcd3 goes on with its watch", async () => {
  await using server = await startTestServer({ listenMetricsUrls: "127.0.0.1:0" });
  const { address, urls } = server;
  const client = new Etcd3({ hosts: address });
  await client.put("a").value("1");
  const watcher = await client.watch().key("b").create();
  const seen = new Promise<string>((resolve) => {
    watcher.on("put", ({ value }) => resolve(`${value}`));
  });
  await server.restart();
  assert.equal(server.address, address);
  assert.deepEqual(server.urls, urls);
  // Its first call may find the old connection.
  const value = await client.get("a").catch(() => client.get("a"));
  assert.equal(value, "1");
  await client.put("b").value("2");
  assert.equal(await seen, "2");
  await watcher.cancel();
  client.close();
});

Deno.test("TestServer.stop() refuses connections until start()", async () => {
  await using server = await startTestServer();
  assert.equal(server.isRunning, true);
  await server.stop();
  await server.stop();
  assert.equal(server.isRunning, false);
  await assert.rejects(fetch(`${server.url}/health`));
  await assert.rejects(server.clear(), { message: "The test server does not run: start() it" });
  await Promise.all([server.start(), server.start()]);
  const response = await fetch(`${server.url}/health`);
  assert.equal(await response.text(), `{"health":"true","reason":""}`);
});

Deno.test("TestServer.advance() ends leases that have run out, and no others", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  const short = await client.lease.leaseGrant({ TTL: 60n });
  const long = await client.lease.leaseGrant({ TTL: 3600n });
  await client.kv.put({ key: "short", lease: short.ID });
  await client.kv.put({ key: "long", lease: long.ID });
  using watch = new WatchSession(client);
  const watchId = await watch.create({ key: "short" });

  await server.advance(59_000);
  assert.equal((await client.kv.range({ key: "short" })).count, 1n);
  await server.advance(1_500);
  assert.equal((await client.kv.range({ key: "short" })).count, 0n);
  assert.equal((await client.kv.range({ key: "long" })).count, 1n);
  const [event] = await watch.events(watchId, 1);
  assert.equal(event?.type, "delete");

  // Over a restart too, in which the clock stands still for leases.
  await server.stop();
  await server.advance(7200_000);
  await server.start();
  using again = new EtcdClient(server.address);
  const { TTL } = await again.lease.leaseTimeToLive({ ID: long.ID });
  assert.ok(TTL > 3_500n && TTL <= 3_540n, `${TTL}`);
  await server.advance(3600_000);
  assert.equal((await again.kv.range({ key: "long" })).count, 0n);
  await assert.rejects(server.advance(-1), RangeError);
});

Deno.test("TestServer.advance() ends more leases than one look takes", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  await Promise.all(Array.from({ length: 1_201 }, () => client.lease.leaseGrant({ TTL: 60n })));
  await server.advance(61_000);
  assert.equal((await client.lease.leaseLeases({})).leases.length, 0);
});

Deno.test("TestServer.compact() makes history unreadable and cancels a watch that needs it", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  for (const value of ["1", "2", "3"]) await client.kv.put({ key: "a", value });
  assert.equal(await server.compact(3), 3);
  assert.equal(await server.compact(), 4);
  // What is compacted already is no error unless it was named.
  assert.equal(await server.compact(), 4);
  await assert.rejects(server.compact(4), /required revision has been compacted/);
  await assert.rejects(server.compact(9), /required revision is a future revision/);
  const read = client.kv.range({ key: "a", revision: 2n });
  await assertFails(read, [
    CODE.OUT_OF_RANGE,
    "etcdserver: mvcc: required revision has been compacted",
  ]);
  using watch = new WatchSession(client);
  watch.sendCreate({ key: "a", startRevision: 2n });
  const { canceled, compactRevision } = await watch.find((response) => response.canceled);
  assert.deepEqual([canceled, compactRevision], [true, 4n]);
});

Deno.test("TestServer.clear() removes keys and leases, and goes on from there", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  const { ID } = await client.lease.leaseGrant({ TTL: 60n });
  await client.kv.put({ key: "a", lease: ID });
  await client.kv.put({ key: new Uint8Array([0]), value: "b" });
  await server.clear();
  await server.clear();
  assert.equal((await client.kv.range({ key: "\0", rangeEnd: "\0" })).count, 0n);
  assert.equal((await client.lease.leaseLeases({})).leases.length, 0);
  const { header } = await client.kv.put({ key: "a", value: "1" });
  assert.equal(header?.revision, 5n);
});

Deno.test("TestServer.outage() refuses all calls until it ends, and keeps watches open", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  await client.kv.put({ key: "a", value: "1" });
  using watch = new WatchSession(client);
  const watchId = await watch.create({ key: "a" });
  {
    using _outage = server.outage();
    await assertFails(client.kv.put({ key: "a", value: "2" }), UNAVAILABLE);
    await assertFails(client.kv.range({ key: "a" }), UNAVAILABLE);
    await assertFails(client.lease.leaseGrant({ TTL: 60n }), UNAVAILABLE);
    using another = new WatchSession(client);
    another.sendCreate({ key: "a" });
    assert.equal((await another.stream.end()).code, CODE.UNAVAILABLE);
    await assert.rejects(server.compact(), {
      message: "The test server has an outage or a pause: end it",
    });
  }
  await client.kv.put({ key: "a", value: "3" });
  // What was refused was not done.
  const events = await watch.events(watchId, 1);
  assert.deepEqual(events.map(({ value }) => value), ["3"]);
});

Deno.test("TestServer.outage() lets leases run out that a client tries to keep alive", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  const { ID } = await client.lease.leaseGrant({ TTL: 60n });
  await client.kv.put({ key: "a", lease: ID });
  using stream = client.lease.leaseKeepAlive();
  stream.send({ ID });
  assert.equal((await stream.next()).TTL, 60n);
  {
    using _outage = server.outage();
    await server.advance(61_000);
    stream.send({ ID });
    assert.equal((await stream.end()).code, CODE.UNAVAILABLE);
  }
  await server.advance(0);
  assert.equal((await client.kv.range({ key: "a" })).count, 0n);
});

Deno.test("TestServer.pause() answers nobody until it ends", async () => {
  await using server = await startTestServer();
  using client = new EtcdClient(server.address);
  const pause = server.pause();
  const put = client.kv.put({ key: "a", value: "1" });
  const late = client.kv.range({ key: "a" }, { timeoutMs: 100 });
  await assertFails(late, [CODE.DEADLINE_EXCEEDED, /./]);
  pause[Symbol.dispose]();
  pause[Symbol.dispose]();
  assert.equal((await put).header?.revision, 2n);
});

Deno.test("a test server ends although it is paused", async () => {
  const server = await startTestServer();
  using client = new EtcdClient(server.address);
  using _pause = server.pause();
  const call = client.kv.range({ key: "a" }).catch((error) => error);
  await assertFails(client.kv.range({ key: "a" }, { timeoutMs: 100 }), [
    CODE.DEADLINE_EXCEEDED,
    /./,
  ]);
  await server[Symbol.asyncDispose]();
  await call;
});
