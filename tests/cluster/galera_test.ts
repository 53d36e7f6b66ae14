/**
 * Servers that use different nodes of one Galera cluster: each takes writes, and what one of them has acknowledged is
 * seen through all.
 *
 * | to repeat      | command                                                         |
 * | -------------- | --------------------------------------------------------------- |
 * | the same calls | `RHINO_SEED=<seed in the test's name> deno test -A <this file>` |
 */

import assert from "node:assert/strict";
import { Random, seedOfRun } from "../model/random.ts";
import { GaleraCluster } from "../support/databases/galera_cluster.ts";
import { ownDatabaseTest } from "./cluster_case.ts";
import { goOnIfRetriable, ObservedWrites } from "./observed_writes.ts";
import { assertFreshReads, assertSerializable } from "./serializable.ts";
import { Servers } from "./servers.ts";

const SEED = seedOfRun();
const NEEDS = { needs: ["mysql", "galera"] } as const;
const WRITES = 300;

let started: Promise<GaleraCluster> | undefined;

Deno.test.afterAll(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

/** A server for each node; the nodes are the file's own. */
async function startServers(): Promise<
  { readonly cluster: GaleraCluster; readonly servers: Servers }
> {
  // Who dies here gets its data back from the others.
  started ??= GaleraCluster.start({ flushLogAtCommit: 0 });
  const cluster = await started;
  const { url } = await cluster.node(0).createDatabase();
  const name = new URL(url).pathname.slice(1);
  const urls = cluster.nodes.map((node) => node.url(name));
  return { cluster, servers: await Servers.start({ kind: "mysql", urls }) };
}

ownDatabaseTest(
  `Cluster on galera: clients of servers on different nodes are strictly serializable (RHINO_SEED=${SEED})`,
  NEEDS,
  async () => {
    const { servers } = await startServers();
    await using _ = servers;
    await servers.explain(() => assertSerializable(servers, { seed: SEED }));
  },
);

ownDatabaseTest(
  "Cluster on galera: a read on one node is never older than what another acknowledged",
  NEEDS,
  async () => {
    const { servers } = await startServers();
    await using _ = servers;
    await servers.explain(() => assertFreshReads(servers, "k"));
  },
);

ownDatabaseTest(
  `Cluster on galera: a node that is killed and comes back costs nothing (RHINO_SEED=${SEED})`,
  NEEDS,
  async () => {
    const { cluster, servers } = await startServers();
    await using _ = servers;
    const pids = servers.all.map(({ pid }) => pid);
    await servers.explain(async () => {
      const random = new Random(SEED + 1);
      using writes = new ObservedWrites(servers, random);
      await writes.during(goOnIfRetriable, async () => {
        await writes.progress(WRITES);
        const node = cluster.node(random.int(1, 2));
        await node.kill();
        // The others are more than half and go on.
        await writes.progress(WRITES);
        await node.start();
        await writes.progress(WRITES);
      });
      await writes.check();
      assert.deepEqual(servers.all.map(({ pid, running }) => running && pid), pids);
    });
  },
);
