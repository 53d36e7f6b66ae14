import assert from "node:assert/strict";
import { HashStorage } from "../mvcc/hash_storage.ts";
import { Disk, Engine } from "../mvcc/testing/engine.ts";
import { SharedHashes } from "./shared_hashes.ts";

const HASH = { hash: 7, revision: 9, hashRevision: 5, compactRevision: 2 };

/** Two servers of one store. */
async function twoServers({ now = () => 0 }: { now?: () => number } = {}) {
  const disk = new Disk();
  const engines = [
    await Engine.open(undefined, disk, { isShared: true }),
    await Engine.open(undefined, disk, { isShared: true }),
  ] as const;
  const parts = engines.map(({ store }) => {
    const hashes = new HashStorage();
    return { hashes, shared: new SharedHashes({ store, hashes, now }) };
  });
  const [first, second] = parts;
  assert(first !== undefined && second !== undefined);
  return {
    first,
    second,
    async [Symbol.asyncDispose]() {
      for (const engine of engines) await engine[Symbol.asyncDispose]();
    },
  };
}

Deno.test("SharedHashes tells another server of a checksum, which has waited for it", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  const told = second.shared.wait(5, 0);
  await first.shared.tell({ compactRevision: 5, hash: HASH });
  await told;
  assert.deepEqual(second.hashes.get(5), HASH);
});

Deno.test("SharedHashes tells that there is no checksum, and of no older one afterwards", async () => {
  await using servers = await twoServers();
  const { first, second } = servers;
  await first.shared.tell({ compactRevision: 6, hash: null });
  await second.shared.wait(6, 0);
  await second.shared.tell({ compactRevision: 5, hash: HASH });
  await first.shared.wait(6, 0);
  assert.equal(first.hashes.get(5), undefined);
});

Deno.test("SharedHashes waits for nobody who has had time enough", async () => {
  await using servers = await twoServers({ now: () => 1_000_000 });
  await servers.second.shared.wait(5, 0);
});

Deno.test("SharedHashes waits no longer than until it is disposed of", async () => {
  await using servers = await twoServers();
  const waited = servers.second.shared.wait(5, 0);
  servers.second.shared[Symbol.dispose]();
  await waited;
});
