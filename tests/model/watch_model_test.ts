/**
 * Random histories with watches over them, on several streams: each watch gets exactly the
 * model's events, each once and in order, those of one revision together.
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

import { create } from "@bufbuild/protobuf";
import { PutRequestSchema } from "../../gen/etcdserverpb/kv_pb.ts";
import { WatchCreateRequestSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest } from "../support/service_case.ts";
import { bytesOf } from "./byte_string.ts";
import type { Call } from "./calls.ts";
import { clearedModel, History } from "./history.ts";
import { countOfRun, Random, seedOfRun } from "./random.ts";
import { RequestGenerator } from "./request_generator.ts";
import { randomWatch } from "./watch_generator.ts";
import { WatchProbe } from "./watch_probe.ts";

const HISTORIES = countOfRun("RHINO_RUNS", 20);
const STEPS = 150;
const STREAMS = 3;
const SEED = seedOfRun();

serviceTest(
  `Watch: every event is the model's, once and in order (RHINO_SEED=${SEED})`,
  async ({ client }) => {
    for (let seed = SEED; seed < SEED + HISTORIES; seed++) await runHistory(seed, client);
  },
);

async function runHistory(seed: number, client: EtcdClient): Promise<void> {
  const model = await clearedModel(client);
  const history = new History(`RHINO_SEED=${seed}`, { client, model });
  const random = new Random(seed);
  const generator = new RequestGenerator(random, model);
  using opened = new DisposableStack();
  const probes = random.times(STREAMS, () => {
    return opened.use(new WatchProbe(client, { model, where: () => history.where }));
  });

  async function run(call: Call): Promise<void> {
    // What a watch that lags behind a compaction still gets depends on the time.
    if (call.name === "compact") await settleAll(probes, history);
    await history.run(call);
    for (const probe of probes) probe.advance();
  }

  while (history.step < STEPS) {
    if (random.chance(0.15)) await watchStep(random.pick(probes), { random, history });
    else await run(randomWrite(generator));
  }
  // Up to the last revision that a watch waits for to begin.
  for (let waiting = true; waiting;) {
    waiting = probes.some(({ startsAt }) => startsAt > model.store.revision + 1);
    await run({ name: "put", request: create(PutRequestSchema, { key: bytesOf("a") }) });
  }
  for (const probe of probes) await probe.finish();
}

async function watchStep(
  probe: WatchProbe,
  { random, history }: { readonly random: Random; readonly history: History },
): Promise<void> {
  const kind = random.weighted([[6, "create"], [2, "cancel"], [1, "cancelUnknown"], [1, "settle"]]);
  if (kind === "create") {
    await probe.create(randomWatch(random, { store: history.model.store, probe }));
  } else if (kind === "cancel" && probe.ids.length > 0) {
    await probe.cancel(random.pick(probe.ids));
  } else if (kind === "cancelUnknown") {
    probe.cancelUnknown(99n);
  } else {
    await probe.settle();
  }
}

/** A call that changes something; compactions wait until the old rows are gone. */
function randomWrite(generator: RequestGenerator): Call {
  for (;;) { // Two of three calls are writes.
    const call = generator.call();
    if (call.name === "compact") {
      return { name: "compact", request: { ...call.request, physical: true } };
    }
    if (["put", "deleteRange", "txn", "leaseGrant", "leaseRevoke"].includes(call.name)) return call;
  }
}

/**
 * Waits until every watch has caught up, also those that are owed nothing: a new watch from the
 * newest revision gets its event only after the older ones have been served.
 */
async function settleAll(probes: readonly WatchProbe[], { client, model, where }: History) {
  for (const probe of probes) await probe.settle();
  using barrier = new WatchProbe(client, { model, where: () => `${where}, barrier` });
  const startRevision = BigInt(model.store.revision);
  const all = { key: bytesOf("\0"), rangeEnd: bytesOf("\0") };
  await barrier.create(create(WatchCreateRequestSchema, { ...all, startRevision }));
  await barrier.settle();
}
