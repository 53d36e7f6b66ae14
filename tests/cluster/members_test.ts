/** The servers that share a database are the members of one cluster, as each of them tells. */

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { clusterTest } from "./cluster_case.ts";
import { eventually } from "../support/polling.ts";
import type { Servers } from "./servers.ts";

/** A server that says nothing any more counts as a member for 12 s. */
const FORGOTTEN_MS_MAX = 20_000;

/** Name and URLs of each member, as one server tells them. */
async function membersOf({ cluster }: EtcdClient): Promise<string[]> {
  const { members } = await cluster.memberList({});
  assert.equal(new Set(members.map(({ ID }) => ID)).size, members.length);
  assert.ok(members.every(({ isLearner }) => !isLearner));
  return members.map(({ name, clientURLs }) => `${name}=${clientURLs.join()}`).sort();
}

/** What is to be told of these servers. */
function expectedOf(servers: Servers, indexes: readonly number[]): string[] {
  return indexes.map((index) => `s${index}=http://${servers.at(index).address}`);
}

clusterTest(
  "each server lists all members with their addresses",
  { fresh: true },
  async ({ servers }) => {
    for (const client of servers.clients) {
      assert.deepEqual(await membersOf(client), expectedOf(servers, [0, 1, 2]));
    }
    const [ids = "", ...others] = await Promise.all(servers.clients.map(async ({ cluster }) => {
      return (await cluster.memberList({})).members.map(({ ID }) => ID).join();
    }));
    for (const other of others) assert.equal(other, ids);
    // Each answers as one of them.
    const own = await Promise.all(servers.clients.map(async ({ kv }) => {
      return (await kv.range({ key: "a" })).header?.memberId;
    }));
    assert.deepEqual(own.map(String).sort(), ids.split(",").sort());
  },
);

clusterTest(
  "a server that stops is no member from then on, and is the same one when it comes back",
  { fresh: true },
  async ({ servers }) => {
    const { kv } = servers.client(1);
    const before = (await kv.range({ key: "a" })).header?.memberId;
    assert.equal(await servers.at(1).stop(), 0);
    assert.deepEqual(await membersOf(servers.client(0)), expectedOf(servers, [0, 2]));
    const { leader } = await servers.client(2).maintenance.status({});
    assert.notEqual(leader, before, "who has left is no leader any more");
    await servers.at(1).restart();
    assert.deepEqual(await membersOf(servers.client(2)), expectedOf(servers, [0, 1, 2]));
    assert.equal((await kv.range({ key: "a" })).header?.memberId, before);
  },
);

clusterTest(
  "a killed server is no member any more after a while",
  { fresh: true },
  async ({ servers }) => {
    await servers.at(2).kill();
    for (const index of [0, 1]) {
      await eventually("the list is without it", async () => {
        const members = await membersOf(servers.client(index));
        return members.join() === expectedOf(servers, [0, 1]).join();
      }, { timeoutMs: FORGOTTEN_MS_MAX });
    }
    // Who has gone without a word may come back.
    await servers.at(2).restart();
    assert.deepEqual(await membersOf(servers.client(0)), expectedOf(servers, [0, 1, 2]));
  },
);

clusterTest(
  "all servers are of one cluster, tell the term of the last start, and name one leader",
  { fresh: true },
  async ({ servers }) => {
    const headers = await Promise.all(servers.clients.map(async ({ kv }) => {
      return (await kv.range({ key: "a" })).header;
    }));
    assert.equal(new Set(headers.map((header) => header?.clusterId)).size, 1);
    // An empty store stands at 1, and each start raises it.
    await eventually("all tell one term", () => tellTerm(servers, 4n));
    await servers.at(1).restart();
    await eventually("all tell the next term", () => tellTerm(servers, 5n));
    await eventually("all name one leader, who is a member", async () => {
      const told = await Promise.all(servers.clients.map(({ maintenance }) => {
        return maintenance.status({});
      }));
      const members = told.map(({ header }) => header?.memberId);
      return told.every(({ leader }) => leader === told[0]?.leader && members.includes(leader));
    });
  },
);

async function tellTerm({ clients }: Servers, term: bigint): Promise<boolean> {
  const told = await Promise.all(clients.map(async ({ kv, maintenance }) => [
    (await kv.range({ key: "a" })).header?.raftTerm,
    (await maintenance.status({})).raftTerm,
  ]));
  return told.flat().every((one) => one === term);
}
