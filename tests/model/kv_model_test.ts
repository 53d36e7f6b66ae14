/**
 * Random histories of puts, deletes, nested transactions, leases, reads and compactions: every
 * answer of the server is compared with the model's, field by field.
 *
 * | to repeat                    | command                                                        |
 * | ---------------------------- | -------------------------------------------------------------- |
 * | the history of a failure     | `RHINO_SEED=<its seed> RHINO_RUNS=1 deno test -A <this file>`  |
 * | a whole run                  | `RHINO_SEED=<seed in the test's name> deno test -A <this file>`|
 * | more histories               | `RHINO_RUNS=1000 deno test -A <this file>`                     |
 * | against etcd, or on a backend| `RHINO_TEST_TARGETS=etcd,sqlite,memory deno test -A <this file>`|
 *
 * The seeds of one run's histories follow each other: history 3 of seed 100 has the seed 103.
 */

import { serviceTest } from "../support/service_case.ts";
import { startEndpoint } from "../support/endpoint.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { clearedModel, freshModel, History } from "./history.ts";
import { countOfRun, Random, seedOfRun } from "./random.ts";
import { RequestGenerator } from "./request_generator.ts";

const HISTORIES = countOfRun("RHINO_RUNS", 30);
const STEPS = 200;
const SEED = seedOfRun();
/** One seed in so many has a server of its own, never compacted and at revision 1. */
const FRESH_EVERY = 10;
/** Old revisions that are read in full at the end. */
const OLD_READS = 20;

serviceTest(`KV: every answer is the model's (RHINO_SEED=${SEED})`, async ({ client, target }) => {
  for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
    if (seed % FRESH_EVERY === 0) {
      await using endpoint = await startEndpoint(target);
      await runHistory(seed, endpoint.client);
    } else {
      await runHistory(seed, client);
    }
  }
});

async function runHistory(seed: number, client: EtcdClient): Promise<void> {
  const fresh = seed % FRESH_EVERY === 0;
  const model = await (fresh ? freshModel(client) : clearedModel(client));
  const history = new History(`RHINO_SEED=${seed}`, { client, model });
  const random = new Random(seed);
  const generator = new RequestGenerator(random, model);
  while (history.step < STEPS) await history.run(generator.call());
  const { compactRevision, revision } = model.store;
  for (const _ of Array(OLD_READS)) {
    await history.readAt(random.int(Math.max(compactRevision, 1), revision));
  }
}
