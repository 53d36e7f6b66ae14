/** What clients of several servers are promised, and how it is checked: all is as if there were one server. */

import assert from "node:assert/strict";
import { Recorder, type RecorderOptions, runClient } from "../model/concurrent_clients.ts";
import { Random } from "../model/random.ts";
import { ReplayedHistory } from "../model/replayed_history.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { valuesOf } from "../support/readable.ts";
import { compare, op } from "../support/txn_parts.ts";
import { eventually } from "../support/polling.ts";
import type { Servers } from "./servers.ts";

const CLIENTS = 12;
const CALLS_PER_CLIENT = 120;
/** Writes that are each read elsewhere as soon as they are acknowledged. */
const FRESH_READS = 200;

/** Clients of all servers read and write the same keys; the servers are fresh. */
export async function assertSerializable(
  servers: Servers,
  { seed, ...options }: RecorderOptions & { readonly seed: number },
): Promise<void> {
  using opened = new DisposableStack();
  const recorder = new Recorder(options);
  await Promise.all(
    servers.connect(CLIENTS, opened).map((client, index) => {
      const random = new Random(seed + index);
      return runClient(client, { random, recorder, name: `${index}`, calls: CALLS_PER_CLIENT });
    }),
  );
  assert.ok(recorder.answered >= CLIENTS * CALLS_PER_CLIENT / 2, "most calls are answered");
  const revision = await newestRevision(servers.client(0), options);
  for (const client of servers.clients) {
    const history = new ReplayedHistory();
    await history.extend(client, revision);
    recorder.check(history.store, 2);
    if (options.tolerates === undefined) await history.assertKeys(client, revision);
  }
}

async function newestRevision({ kv }: EtcdClient, { tolerates }: RecorderOptions): Promise<number> {
  let revision = 0;
  await eventually("the newest revision is read", async () => {
    try {
      revision = Number((await kv.range({ key: "a" })).header?.revision);
      return true;
    } catch (error) {
      if (tolerates?.(error) === true) return false;
      throw error;
    }
  });
  return revision;
}

export type Read = (client: EtcdClient, key: string) => Promise<string>;

/** Reads of a key in all ways; each answers its value. */
export const READS: Readonly<Record<string, Read>> = {
  key: async ({ kv }, key) => valuesOf(await kv.range({ key })).join(),
  list: async ({ kv }, key) => valuesOf(await kv.range({ key, rangeEnd: `${key}0` })).join(),
  page: async ({ kv }, key) => {
    return valuesOf(await kv.range({ key, rangeEnd: `${key}0`, limit: 1 })).join();
  },
  transaction: async ({ kv }, key) => {
    const { responses: [response] } = await kv.txn({ success: [op.range({ key })] });
    assert(response?.response.case === "responseRange");
    return valuesOf(response.response.value).join();
  },
  // Compares, so that it is known from before what the key holds.
  comparing: async ({ kv }, key) => {
    const { responses: [response] } = await kv.txn({
      compare: [compare(key, ["version", ">", 0])],
      success: [op.range({ key })],
    });
    assert(response?.response.case === "responseRange");
    return valuesOf(response.response.value).join();
  },
  // It might write, and so it takes the way of the writes.
  writing: async ({ kv }, key) => {
    const { responses: [response] } = await kv.txn({
      compare: [compare(key, ["version", ">", 0])],
      success: [op.range({ key })],
      failure: [op.put({ key })],
    });
    assert(response?.response.case === "responseRange");
    return valuesOf(response.response.value).join();
  },
};

/** What one server acknowledges is read on the next at once, in one way of reading or in all by turns. */
export async function assertFreshReads(
  servers: Servers,
  key: string,
  reads: readonly Read[] = Object.values(READS),
): Promise<void> {
  for (let turn = 0; turn < FRESH_READS; turn++) {
    const writer = servers.client(turn % 3);
    const reader = servers.client((turn + 1 + turn % 2) % 3);
    await writer.kv.put({ key, value: `${turn}` });
    const read = reads[turn % reads.length] ?? assert.fail();
    assert.equal(await read(reader, key), `${turn}`);
  }
}
