/**
 * Sixteen clients at once on eight keys. Afterwards the history, as a watch tells it, has to give
 * an order to all they did that is strictly serializable: revisions are dense, every answer agrees
 * with the state at the revision it names, and whatever began after an answer comes after it.
 *
 * | to repeat        | command                                                                |
 * | ---------------- | ---------------------------------------------------------------------- |
 * | the same calls   | `RHINO_SEED=<seed in the test's name> deno test -A <this file>`        |
 * | a longer run     | `RHINO_RUNS=10 deno test -A <this file>`: as many rounds, one default  |
 *
 * The seed repeats what each client asks for; how their calls meet is up to the machine.
 */

import { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest } from "../support/service_case.ts";
import { Recorder, runClient } from "./concurrent_clients.ts";
import { countOfRun, Random, seedOfRun } from "./random.ts";
import { ReplayedHistory } from "./replayed_history.ts";

const CLIENTS = 16;
const CALLS_PER_CLIENT = 200;
const ROUNDS = countOfRun("RHINO_RUNS", 1);
const SEED = seedOfRun();

serviceTest(
  `KV: concurrent clients are strictly serializable (RHINO_SEED=${SEED})`,
  { fresh: true },
  async ({ endpoint, client }) => {
    using opened = new DisposableStack();
    const clients = Array.from(
      { length: CLIENTS },
      () => opened.use(new EtcdClient(endpoint.address)),
    );
    const history = new ReplayedHistory();
    for (let round = 0; round < ROUNDS; round++) {
      const recorder = new Recorder();
      await Promise.all(clients.map((own, index) => {
        const random = new Random(SEED + round * CLIENTS + index);
        const name = `${round}.${index}`;
        return runClient(own, { random, recorder, name, calls: CALLS_PER_CLIENT });
      }));
      const { header } = await client.kv.range({ key: "a" });
      const firstRevision = history.store.revision + 1;
      await history.extend(client, Number(header?.revision));
      recorder.check(history.store, firstRevision);
      await history.assertKeys(client, history.store.revision);
    }
  },
);
