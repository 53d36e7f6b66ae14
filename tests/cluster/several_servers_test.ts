/**
 * Servers that share a database are one store: whoever asks whichever of them is told the same.
 *
 * | to repeat        | command                                                         |
 * | ---------------- | --------------------------------------------------------------- |
 * | the same calls   | `RHINO_SEED=<seed in the test's name> deno test -A <this file>` |
 *
 * The seed repeats what each client asks for; how their calls meet is up to the machine.
 */

import assert from "node:assert/strict";
import { seedOfRun } from "../model/random.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf, valuesOf } from "../support/readable.ts";
import { prefixEnd } from "../support/service_case.ts";
import { compare, op } from "../support/txn_parts.ts";
import { clusterTest } from "./cluster_case.ts";
import { assertFreshReads, assertSerializable, READS } from "./serializable.ts";

const SEED = seedOfRun();
const READ_CLIENTS = 12;
const READS_PER_CLIENT = 40;
const COUNTER_CLIENTS = 9;
const COUNTS_PER_CLIENT = 15;

for (const count of [2, 3]) {
  clusterTest(
    `clients of ${count} servers, started at once on an empty database, are strictly serializable (RHINO_SEED=${SEED})`,
    { fresh: true, count },
    async ({ servers }) => {
      await assertSerializable(servers, { seed: SEED + count });
    },
  );
}

// With one connection a server can neither wait for its turn nor listen; with two it can only do the former.
for (const connections of [1, 2]) {
  clusterTest(
    `clients of servers with ${connections} connections each are strictly serializable (RHINO_SEED=${SEED})`,
    { fresh: true, flags: [`--max-connections=${connections}`] },
    async ({ servers }) => {
      await assertSerializable(servers, { seed: SEED - connections });
    },
  );
}

for (const [name, read] of Object.entries(READS)) {
  clusterTest(
    `a ${name} read on one server is never older than what another acknowledged`,
    {},
    async ({ servers, key }) => {
      await assertFreshReads(servers, key(name), [read]);
    },
  );
}

clusterTest("many fresh reads at once are all new enough", {}, async ({ servers, key }) => {
  using opened = new DisposableStack();
  await Promise.all(
    servers.connect(READ_CLIENTS, opened).map(async (client, index) => {
      const mine = key(`${index}`);
      for (let turn = 0; turn < READS_PER_CLIENT; turn++) {
        const other = servers.client((index + 1 + turn % 2) % 3);
        const written = await client.kv.put({ key: mine, value: `${turn}` });
        const found = await other.kv.range({ key: mine });
        assert.equal(valuesOf(found).join(), `${turn}`);
        assert.ok(revisionOf(found) >= revisionOf(written));
        const { count } = await other.kv.range({ key: mine, countOnly: true });
        assert.equal(count, 1n);
      }
    }),
  );
});

clusterTest(
  "a count on one server has all that others added and took away",
  {},
  async ({ servers, key }) => {
    const range = { key: key(""), rangeEnd: prefixEnd(key("")) };
    for (let turn = 0; turn < READS_PER_CLIENT; turn++) {
      const writer = servers.client(turn % 3).kv;
      const { kv } = servers.client((turn + 1) % 3);
      await writer.put({ key: key(`${turn}`) });
      assert.equal((await kv.range({ ...range, countOnly: true })).count, BigInt(turn + 1));
      assert.equal((await kv.range({ ...range, limit: 1 })).count, BigInt(turn + 1));
      await writer.put({ key: key("more") });
      assert.equal((await kv.range({ ...range, countOnly: true })).count, BigInt(turn + 2));
      await writer.deleteRange({ key: key("more") });
      assert.equal((await kv.range({ ...range, countOnly: true })).count, BigInt(turn + 1));
      assert.equal((await kv.deleteRange({ key: key("more") })).deleted, 0n);
    }
  },
);

clusterTest(
  "counters that clients of all servers raise by compare-and-swap lose no count",
  {},
  async ({ servers, key }) => {
    using opened = new DisposableStack();
    const counter = key("counter");
    await servers.client(0).kv.put({ key: counter, value: "0" });
    const clients = servers.connect(COUNTER_CLIENTS, opened);
    await Promise.all(
      clients.map((client) => raise(client, { counter, times: COUNTS_PER_CLIENT })),
    );
    for (const { kv } of servers.clients) {
      const found = await kv.range({ key: counter });
      assert.equal(valuesOf(found).join(), `${COUNTER_CLIENTS * COUNTS_PER_CLIENT}`);
      // The first put, and one version for each count.
      assert.equal(found.kvs[0]?.version, BigInt(COUNTER_CLIENTS * COUNTS_PER_CLIENT + 1));
    }
  },
);

/** Each attempt reads what it compares with; the failure branch tells what to try next. */
async function raise(
  { kv }: EtcdClient,
  { counter, times }: { readonly counter: string; readonly times: number },
): Promise<void> {
  let [known] = (await kv.range({ key: counter })).kvs;
  for (let raised = 0; raised < times;) {
    assert(known !== undefined);
    const value = `${Number(new TextDecoder().decode(known.value)) + 1}`;
    const { succeeded, responses: [response] } = await kv.txn({
      compare: [compare(counter, ["mod", "=", known.modRevision])],
      success: [op.put({ key: counter, value })],
      failure: [op.range({ key: counter })],
    });
    if (succeeded) raised++;
    if (response?.response.case === "responseRange") [known] = response.response.value.kvs;
    else [known] = (await kv.range({ key: counter })).kvs;
  }
}
