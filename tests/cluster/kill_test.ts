/**
 * kill -9 of servers, and of the database itself, in the middle of heavy writing through three servers. Each time all that
 * was acknowledged is there, nothing is there twice, and no watcher has missed anything; who was not killed goes on.
 *
 * | to repeat                 | command                                                         |
 * | ------------------------- | --------------------------------------------------------------- |
 * | the same writes and kills | `RHINO_SEED=<seed in the test's name> deno test -A <this file>` |
 * | more rounds               | `RHINO_CRASH_ROUNDS=50 deno test -A <this file>`                |
 *
 * The seed repeats what is written and after how many writes the kill comes; what is going on at that moment is up to the
 * machine.
 */

import assert from "node:assert/strict";
import { countOfRun, Random, seedOfRun } from "../model/random.ts";
import { clusterTest, ownDatabaseTest } from "./cluster_case.ts";
import { DATABASE_KINDS } from "./database_kinds.ts";
import { startDatabaseServer } from "./database_server.ts";
import { goOnIfRetriable, ObservedWrites } from "./observed_writes.ts";
import { pause } from "../support/polling.ts";
import { Servers } from "./servers.ts";

const ROUNDS = countOfRun("RHINO_CRASH_ROUNDS", 5);
const SEED = seedOfRun();
/** So many writes are acknowledged before a kill, at least and at most. */
const [WRITES_MIN, WRITES_MAX] = [50, 800];
/** And so many after it, before all is checked. */
const WRITES_AFTER = 200;
/** Far more revisions than a watcher can be behind. */
const RETAINED = 5_000;
/** A database that is away for longer than this makes requests fail; for less, they wait. */
const SHORT_OUTAGE_MS = 1_500;
const LONG_OUTAGE_MS = 9_000;

clusterTest(
  `nothing acknowledged is lost when servers are killed (RHINO_SEED=${SEED})`,
  {
    fresh: true,
    flags: ["--compact-interval=300ms", `--compact-min-retain=${RETAINED}`],
  },
  async ({ servers }) => {
    const random = new Random(SEED);
    using writes = new ObservedWrites(servers, random);
    for (let round = 0; round < ROUNDS; round++) {
      await killServers(servers, { writes, random });
      await writes.check();
    }
  },
);

/** Kills one server, or all but one, or all; the others do not notice. */
async function killServers(
  servers: Servers,
  { writes, random }: { readonly writes: ObservedWrites; readonly random: Random },
): Promise<void> {
  const isKilled = servers.all.map(() => false);
  const onFailure = (error: Error, server: number) => {
    if (isKilled[server] !== true) throw error;
    return "end" as const;
  };
  await writes.during(onFailure, async (rejoin) => {
    await writes.progress(random.int(WRITES_MIN, WRITES_MAX));
    const order = [...servers.all.keys()];
    const first = random.pick(order);
    const count = random.weighted([[5, 1], [2, 2], [1, 3]]);
    const killed = order.map((index) => (first + index) % order.length).slice(0, count);
    for (const index of killed) isKilled[index] = true;
    await Promise.all(killed.map((index) => servers.at(index).kill()));
    // The others go on alone for a while.
    if (killed.length < order.length) await writes.progress(WRITES_AFTER);
    await Promise.all(killed.map((index) => servers.at(index).restart()));
    await writes.moveOnlookers(killed, order);
    for (const index of killed) {
      isKilled[index] = false;
      rejoin(index);
    }
    await writes.progress(WRITES_AFTER);
  });
}

for (const kind of DATABASE_KINDS) {
  ownDatabaseTest(
    `Cluster on ${kind}: nothing acknowledged is lost when the database is killed, and servers and watches outlive it (RHINO_SEED=${SEED})`,
    { needs: [kind] },
    async () => {
      await using database = await startDatabaseServer(kind);
      const { url } = await database.createDatabase();
      await using servers = await Servers.start({ kind, urls: [url, url, url] });
      const random = new Random(SEED + 1);
      using writes = new ObservedWrites(servers, random);
      const pids = servers.all.map(({ pid }) => pid);
      for (let round = 0; round < ROUNDS; round++) {
        const outageMs = round === 1 ? LONG_OUTAGE_MS : random.int(0, SHORT_OUTAGE_MS);
        await writes.during(goOnIfRetriable, async () => {
          await writes.progress(random.int(WRITES_MIN, WRITES_MAX));
          await database.kill();
          await pause(outageMs);
          await database.start();
          await writes.progress(WRITES_AFTER);
        });
        assert.deepEqual(servers.all.map(({ pid, running }) => running && pid), pids, "they go on");
        await writes.check();
      }
    },
  );
}
