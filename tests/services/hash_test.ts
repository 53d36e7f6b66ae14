// Maintenance: HashKV, which tells whether two servers have the same history, and Hash.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { startEndpoint } from "../support/endpoint.ts";
import { whyNoOracle } from "../support/oracle.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { bury, extendHistory, writeHistory } from "./hash_history.ts";

const FORGETS = { memory: "memory forgets at the end of the process" } as const;

interface Hash {
  readonly hash: number;
  readonly compactRevision: bigint;
  readonly hashRevision: bigint;
  readonly revision: bigint;
}

async function hashAt(client: EtcdClient, revision: bigint | number = 0): Promise<Hash> {
  const answer = await client.maintenance.hashKV({ revision });
  const { hash, compactRevision, hashRevision } = answer;
  return { hash, compactRevision, hashRevision, revision: revisionOf(answer) };
}

serviceTest("HashKV: of an empty store, that was never compacted", { fresh: true }, async (t) => {
  const empty = await hashAt(t.client);
  assert.deepEqual(empty, { ...empty, compactRevision: -1n, hashRevision: 1n, revision: 1n });
  assert.notEqual(empty.hash, 0);
});

serviceTest(
  "HashKV: every write changes it, a read or a grant does not",
  { fresh: true },
  async (t) => {
    const hashes = new Set([(await hashAt(t.client)).hash]);
    const { ID } = await t.client.lease.leaseGrant({ TTL: 600 });
    for (
      const write of [
        () => t.client.kv.put({ key: "a", value: "1" }),
        () => t.client.kv.put({ key: "a", value: "1" }),
        () => t.client.kv.put({ key: "a", value: "1", lease: ID }),
        () => t.client.kv.deleteRange({ key: "a" }),
      ]
    ) {
      const before = await hashAt(t.client);
      await t.client.kv.range({ key: "a" });
      await t.client.lease.leaseGrant({ TTL: 600 });
      assert.deepEqual(await hashAt(t.client), before);
      await write();
      hashes.add((await hashAt(t.client)).hash);
    }
    assert.equal(hashes.size, 5);
  },
);

serviceTest("HashKV: at a revision it stays what it was", { fresh: true }, async (t) => {
  const atTime: Hash[] = [];
  for (let round = 0; round < 10; round++) {
    await t.client.kv.put({ key: `${round % 3}`, value: `${round}` });
    atTime.push(await hashAt(t.client));
  }
  for (const then of atTime) {
    assert.equal((await hashAt(t.client, then.hashRevision)).hash, then.hash);
  }
});

serviceTest("HashKV: is the same before and after compacting there", { fresh: true }, async (t) => {
  for (let round = 0; round < 10; round++) {
    await t.client.kv.put({ key: `${round % 3}`, value: `${round}` });
  }
  const before = await hashAt(t.client, 8n);
  await t.client.kv.compact({ revision: 8n, physical: true });
  assert.equal((await hashAt(t.client, 8n)).hash, before.hash);
  await t.client.maintenance.defragment({});
  assert.equal((await hashAt(t.client, 8n)).hash, before.hash);
  assert.equal((await hashAt(t.client)).compactRevision, 8n);
});

serviceTest(
  "HashKV: a revision that is gone or yet to come is an error",
  { fresh: true },
  async (t) => {
    for (const value of ["1", "2", "3"]) await t.client.kv.put({ key: "a", value });
    await t.client.kv.compact({ revision: 3 });
    await assertFails(hashAt(t.client, 2n), [
      CODE.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision has been compacted",
    ]);
    await assertFails(hashAt(t.client, 5n), [
      CODE.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision is a future revision",
    ]);
  },
);

serviceTest(
  "HashKV: equal histories give equal hashes on any server",
  { fresh: true },
  async (t) => {
    await using other = await startEndpoint(t.target);
    for (const { client } of [t, other]) await writeHistory(client);
    assert.deepEqual(await hashAt(t.client), await hashAt(other.client));
  },
);

serviceTest(
  "Hash: stays while nothing is written, and changes with a put",
  { fresh: true },
  async (t) => {
    await t.client.kv.put({ key: "a", value: "1" });
    const first = await t.client.maintenance.hash({});
    assert.equal(revisionOf(first), 2n);
    assert.notEqual(first.hash, 0);
    assert.equal((await t.client.maintenance.hash({})).hash, first.hash);
    await t.client.kv.put({ key: "a", value: "2" });
    assert.notEqual((await t.client.maintenance.hash({})).hash, first.hash);
  },
);

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
  await assertSameHashes(pair, [0, -1, ...span(1n, head)]);
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
