/** What servers that share a database tell of themselves and of each other. */

import assert from "node:assert/strict";
import { parseExposition } from "../../src/metrics/testing/parsed_exposition.ts";
import { eventually } from "../support/polling.ts";
import { clusterTest } from "./cluster_case.ts";
import type { Servers } from "./servers.ts";

const SERVERS = 3;

/** One number, as each server tells it. */
function tellers(servers: Servers): (name: string) => Promise<number[]> {
  const indexes = Array.from({ length: SERVERS }, (_, index) => index);
  return (name) =>
    Promise.all(indexes.map(async (index) => {
      const response = await fetch(`http://${servers.at(index).address}/metrics`);
      const value = parseExposition(await response.text()).values.get(name);
      assert.ok(value !== undefined, `server ${index} tells no ${name}`);
      return value;
    }));
}

clusterTest(
  "one server tells that it leads, and all tell how many there are",
  { fresh: true },
  async ({ servers }) => {
    const told = tellers(servers);
    await eventually("all have seen each other", async () => {
      return (await told("rhino_members")).every((members) => members === SERVERS);
    });
    assert.deepEqual((await told("etcd_server_is_leader")).toSorted(), [0, 0, 1]);
    assert.deepEqual(await told("etcd_server_has_leader"), [1, 1, 1]);
  },
);

clusterTest(
  "writes are told by every server, and lost races by those who lose them",
  { fresh: true },
  async ({ servers }) => {
    const told = tellers(servers);
    let writes = 0;
    const sumOf = async (name: string) => (await told(name)).reduce((sum, value) => sum + value);
    await eventually("a race is lost", async () => {
      const puts = servers.clients.flatMap(({ kv }, index) =>
        Array.from({ length: 20 }, () => kv.put({ key: `k${index}`, value: "1" }))
      );
      writes += puts.length;
      await Promise.all(puts);
      return await sumOf("rhino_commit_conflicts_total") > 0;
    });
    await eventually("all have seen all writes", async () => {
      return (await told("etcd_mvcc_put_total")).every((seen) => seen === writes);
    });
    const [first, ...others] = await told("etcd_debugging_mvcc_current_revision");
    assert.equal(first, writes + 1);
    for (const other of others) assert.equal(other, first);
    assert.ok(await sumOf("rhino_commit_requests_sum") >= writes);
  },
);
