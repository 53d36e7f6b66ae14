// HashKV against etcd's own: the same history has to give the same hash, bit for bit.

import assert from "node:assert/strict";
import { hashAt } from "../services/hash_at.ts";
import { bury, extendHistory, writeHistory } from "../services/hash_history.ts";
import { startEndpoint } from "../support/endpoint.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { whyNoOracle } from "../support/oracle.ts";
import { serviceTest } from "../support/service_case.ts";

const FORGETS = { memory: "memory forgets at the end of the process" } as const;

/** A store and etcd itself, with the same history. */
interface Pair {
  readonly store: EtcdClient;
  readonly oracle: EtcdClient;
}

/** Asserts that both give the same hash at each of the revisions. */
async function assertSameHashes(
  { store, oracle }: Pair,
  revisions: Iterable<bigint | number>,
): Promise<void> {
  for (const revision of revisions) {
    assert.deepEqual(
      await hashAt(store, revision),
      await hashAt(oracle, revision),
      `the hash at revision ${revision}`,
    );
  }
}

async function both<T>(
  { store, oracle }: Pair,
  act: (client: EtcdClient) => Promise<T>,
): Promise<T> {
  const [result, expected] = await Promise.all([act(store), act(oracle)]);
  assert.deepEqual(result, expected);
  return result;
}

function span(from: bigint, to: bigint): bigint[] {
  return Array.from({ length: Number(to - from) + 1 }, (_, index) => from + BigInt(index));
}

const WHY_NO_ORACLE = await whyNoOracle();

/** Registers a comparison with etcd, for every target but etcd. */
function compareWithEtcd(
  name: string,
  { skips = {} }: { readonly skips?: { readonly memory?: string } },
  run: (pair: Pair, restart: () => Promise<unknown>) => Promise<void>,
): void {
  if (WHY_NO_ORACLE !== undefined) {
    Deno.test({ name: `HashKV: ${name} (ignored: ${WHY_NO_ORACLE})`, ignore: true, fn() {} });
    return;
  }
  serviceTest(`HashKV: ${name}`, { fresh: true, skips }, async (t) => {
    await using oracle = await startEndpoint("etcd");
    const restart = () => Promise.all([t.endpoint.restart(), oracle.restart()]);
    await run({ store: t.client, oracle: oracle.client }, restart);
  });
}

compareWithEtcd("is etcd's at every revision of a history", {}, async (pair) => {
  await assertSameHashes(pair, [0, 1]);
  const head = await both(pair, writeHistory);
  await assertSameHashes(pair, [0, ...span(1n, head)]);
});

compareWithEtcd("is etcd's at a negative revision too: that of no history", {}, async (pair) => {
  await both(pair, bury);
  await assertSameHashes(pair, [-1]);
});

compareWithEtcd("is etcd's after compactions, also at a delete", {}, async (pair) => {
  let head = await both(pair, writeHistory);
  const first = head / 2n;
  await both(
    pair,
    async (client) => void await client.kv.compact({ revision: first, physical: true }),
  );
  await assertSameHashes(pair, [0, ...span(first, head)]);
  const grave = await both(pair, bury);
  head = await both(pair, extendHistory);
  await assertSameHashes(pair, [0, ...span(first, head)]);
  await both(
    pair,
    async (client) => void await client.kv.compact({ revision: grave, physical: true }),
  );
  await assertSameHashes(pair, [0, ...span(grave, head)]);
  await both(pair, async (client) => void await client.maintenance.defragment({}));
  await assertSameHashes(pair, [0, ...span(grave, head)]);
  await both(
    pair,
    async (client) => void await client.kv.compact({ revision: head, physical: true }),
  );
  await assertSameHashes(pair, [0, head]);
});

compareWithEtcd("is etcd's after a restart", { skips: FORGETS }, async (pair, restart) => {
  const head = await both(pair, writeHistory);
  const middle = head / 2n;
  await both(
    pair,
    async (client) => void await client.kv.compact({ revision: middle, physical: true }),
  );
  await restart();
  await assertSameHashes(pair, [0, ...span(middle, head)]);
});
