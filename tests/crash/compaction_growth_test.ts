/**
 * Endless updates of the same keys, with automatic compaction: neither the file nor the memory
 * grows with the number of updates.
 *
 * More updates: `RHINO_UPDATES=2000000 deno test -A <this file>`; the bounds stay the same.
 */

import type { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest } from "../support/service_case.ts";
import assert from "node:assert/strict";
import { countOfRun } from "../model/random.ts";
import { databaseBytes, databasePath } from "./database_file.ts";
import { residentBytes } from "./process_usage.ts";

const UPDATES = countOfRun("RHINO_UPDATES", 100_000);
const KEYS = 100;
const VALUE = "x".repeat(1024);
const WRITERS = 256;
/** How often the sizes are looked at. */
const UPDATES_PER_CHECK = 5_000;

const MIB = 2 ** 20;
/**
 * The history of 100,000 updates takes more than 110 MiB. What is kept are the last 1,000 revisions
 * and those of the seconds until a compaction has caught up, in the file and in its log: 30 MiB were
 * seen after 100,000 updates, and 36 MiB after 400,000.
 */
const DATABASE_BYTES_MAX = 64 * MIB;
/** The runtime, its caches and a heap that is collected in good time: 280 MiB were seen. */
const RESIDENT_BYTES_MAX = 450 * MIB;

serviceTest("compaction: endless updates of the same keys take bounded room", {
  fresh: true,
  flags: ["--compact-interval=1s", "--compact-min-retain=1000", "--compact-batch-size=1000"],
  skips: { etcd: "has no such flags", memory: "gives nothing back to see" },
}, async ({ endpoint, client, target }) => {
  const path = target === "sqlite" ? await databasePath(endpoint.pid) : undefined;
  const sizes = { database: 0, resident: 0 };
  for (let updates = 0; updates < UPDATES; updates += UPDATES_PER_CHECK) {
    await updateKeys(client, UPDATES_PER_CHECK);
    const bytes = await (path === undefined ? storeBytes(client) : databaseBytes(path));
    sizes.database = Math.max(sizes.database, bytes);
    sizes.resident = Math.max(sizes.resident, await residentBytes(endpoint.pid));
    const seen = `after ${updates + UPDATES_PER_CHECK} updates: ${JSON.stringify(sizes)} bytes`;
    assert(sizes.database <= DATABASE_BYTES_MAX, `database, ${seen}`);
    assert(sizes.resident <= RESIDENT_BYTES_MAX, `memory, ${seen}`);
  }
  // All of it was written, and the newest revisions can still be read.
  const { header, kvs } = await client.kv.range({ key: "key/", rangeEnd: "key0" });
  assert.equal(header?.revision, BigInt(UPDATES) + 1n);
  assert.equal(kvs.reduce((sum, { version }) => sum + version, 0n), BigInt(UPDATES));
  await client.kv.range({ key: "key/0", revision: header.revision - 999n });
});

/** What a database server says that the store takes up. */
async function storeBytes({ maintenance }: EtcdClient): Promise<number> {
  return Number((await maintenance.status({})).dbSize);
}

/** Writers that share the updates out among them. */
async function updateKeys({ kv }: EtcdClient, updates: number): Promise<void> {
  let update = 0;
  async function writer(): Promise<void> {
    while (update < updates) await kv.put({ key: `key/${update++ % KEYS}`, value: VALUE });
  }
  await Promise.all(Array.from({ length: WRITERS }, writer));
}
