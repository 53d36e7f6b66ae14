/** Servers inside this process on every store, with the sanitizers on: what they open they close. */

import assert from "node:assert/strict";
import { RhinoServer } from "../../src/mod.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { storeTest } from "./database_stores.ts";

async function put(address: string, key: string, value: string): Promise<void> {
  using client = new EtcdClient(address);
  await client.kv.put({ key, value });
}

async function get(address: string, key: string): Promise<string | undefined> {
  using client = new EtcdClient(address);
  const { kvs: [kv] } = await client.kv.range({ key });
  return kv && new TextDecoder().decode(kv.value);
}

storeTest("RhinoServer starts, serves and leaves nothing behind", async ({ options }) => {
  await using server = await RhinoServer.start(options);
  await put(server.address, "a", "1");
  assert.equal(await get(server.address, "a"), "1");
});

storeTest("RhinoServer.start() opens what another one has written", async ({ options }) => {
  {
    await using server = await RhinoServer.start(options);
    await put(server.address, "a", "1");
  }
  await using server = await RhinoServer.start(options);
  assert.equal(await get(server.address, "a"), "1");
}, ({ isKept }) => isKept);

storeTest("a memory store is each server's own", async ({ options }) => {
  await using one = await RhinoServer.start(options);
  await using other = await RhinoServer.start(options);
  await put(one.address, "a", "1");
  assert.equal(await get(other.address, "a"), undefined);
}, ({ name }) => name === "memory");

storeTest("two servers of one program share a database", async ({ options }) => {
  await using one = await RhinoServer.start(options);
  await using other = await RhinoServer.start(options);
  await put(one.address, "a", "1");
  assert.equal(await get(other.address, "a"), "1");
  using client = new EtcdClient(other.address);
  const { members } = await client.cluster.memberList({});
  // Although they were given no names.
  assert.deepEqual(
    members.flatMap(({ clientURLs }) => clientURLs).sort(),
    [one.url, other.url].sort(),
  );
}, ({ name }) => name === "postgres" || name === "mysql");

storeTest("a second server of a SQLite file is refused, and the first goes on", async (
  { options },
) => {
  await using one = await RhinoServer.start(options);
  await assert.rejects(RhinoServer.start(options), {
    name: "BackendError",
    message: /state\.db": it is in use by another Rhino server \(pid \d+\)$/,
  });
  await put(one.address, "a", "1");
}, ({ name }) => name === "sqlite");

storeTest("servers on different stores run side by side", async ({ options }) => {
  await using memory = await RhinoServer.start({ endpoint: "memory://" });
  await using other = await RhinoServer.start(options);
  await put(memory.address, "a", "memory");
  await put(other.address, "a", "other");
  assert.equal(await get(memory.address, "a"), "memory");
  assert.equal(await get(other.address, "a"), "other");
}, ({ name }) => name !== "memory");
