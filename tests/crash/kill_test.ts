/**
 * kill -9 in the middle of heavy writing, again and again on the same data, and now and then a
 * SIGTERM. After every restart each acknowledged write is there at its revision, each other one
 * whole or not at all, revisions are dense, leases are there, and watchers that resume have seen
 * every event once.
 *
 * | to repeat                 | command                                                          |
 * | ------------------------- | ---------------------------------------------------------------- |
 * | the same writes and kills | `RHINO_SEED=<seed in the test's name> deno test -A <this file>`  |
 * | more rounds               | `RHINO_CRASH_ROUNDS=200 deno test -A <this file>`                |
 * | another target            | `RHINO_TEST_TARGETS=etcd deno test -A <this file>`               |
 *
 * The seed repeats what is written and after how many writes the server is killed; what it is
 * doing at that moment is up to the machine.
 */

import type { Endpoint } from "../support/endpoint.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { serviceTest } from "../support/service_case.ts";
import assert from "node:assert/strict";
import { countOfRun, Random, seedOfRun } from "../model/random.ts";
import { ReplayedHistory } from "../model/replayed_history.ts";
import { databasePath, integrityOf } from "./database_file.ts";
import { writeUntilGone } from "./heavy_writer.ts";
import { ResumingWatcher } from "./resuming_watcher.ts";
import { WriteLog } from "./write_log.ts";

const ROUNDS = countOfRun("RHINO_CRASH_ROUNDS", 15);
const SEED = seedOfRun();
const WRITERS = 32;
const CONNECTIONS = 4;
/** So many writes are acknowledged before a kill, at least and at most. */
const [WRITES_MIN, WRITES_MAX] = [50, 1_500];
/** One round in so many ends in good order. */
const STOP_EVERY = 5;
/** Far more revisions than a watcher can be behind after a restart. */
const RETAINED = 2_000;
/** Compaction runs ten times a second. */
const COMPACTION_TIMEOUT_MS = 20_000;

const MEMORY = "the memory backend keeps nothing";

serviceTest(`crash: nothing acknowledged is lost (RHINO_SEED=${SEED})`, {
  fresh: true,
  skips: { memory: MEMORY },
}, async ({ endpoint }) => {
  const crashes = await crashTest(endpoint, { rounds: Math.ceil(ROUNDS / 2), seed: SEED });
  await crashes.finish();
});

serviceTest(`crash: nothing is lost while history is compacted (RHINO_SEED=${SEED})`, {
  fresh: true,
  flags: [
    "--compact-interval=100ms",
    `--compact-min-retain=${RETAINED}`,
    "--compact-batch-size=50",
  ],
  skips: { memory: MEMORY, etcd: "has no such flags" },
}, async ({ endpoint }) => {
  const rounds = Math.ceil(ROUNDS / 2);
  const crashes = await crashTest(endpoint, { rounds, seed: SEED + 1 });
  using client = new EtcdClient(endpoint.address);
  if (crashes.revision > 2 * RETAINED) await waitForCompaction(client);
  await crashes.finish();
});

/** Waits until the server's own compaction has passed the first revisions. */
async function waitForCompaction({ kv }: EtcdClient): Promise<void> {
  const deadline = AbortSignal.timeout(COMPACTION_TIMEOUT_MS);
  for (;;) { // Until the read fails; it is compacted then, or the deadline has passed.
    const error = await kv.range({ key: "a", revision: 2 }).then(() => undefined, String);
    if (error?.includes("required revision has been compacted")) return;
    assert(error === undefined && !deadline.aborted, `revision 2 is never compacted: ${error}`);
  }
}

async function crashTest(
  endpoint: Endpoint,
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): Promise<Crashes> {
  const crashes = new Crashes(endpoint, new Random(seed));
  for (let round = 0; round < rounds; round++) await crashes.round(round);
  return crashes;
}

class Crashes {
  readonly #endpoint: Endpoint;
  readonly #random: Random;
  readonly #log = new WriteLog();
  readonly #history = new ReplayedHistory();
  readonly #watchers = [
    new ResumingWatcher("\0", "\0"),
    new ResumingWatcher("w/2", "w/4"),
    new ResumingWatcher("w/11", ""),
    new ResumingWatcher("lease/", "lease0"),
  ];
  #identity: readonly unknown[] | undefined;

  constructor(endpoint: Endpoint, random: Random) {
    this.#endpoint = endpoint;
    this.#random = random;
  }

  /** The newest revision that is known. */
  get revision(): number {
    return this.#history.store.revision;
  }

  /** Writes, kills, restarts and checks. */
  async round(round: number): Promise<void> {
    const random = this.#random;
    const endpoint = this.#endpoint;
    using opened = new DisposableStack();
    const clients = random.times(
      CONNECTIONS,
      () => opened.use(new EtcdClient(endpoint.address)),
    );
    for (const watcher of this.#watchers) watcher.resume(random.pick(clients));
    const enough = this.#log.more(random.int(WRITES_MIN, WRITES_MAX));
    const writers = Promise.all(
      random.times(WRITERS, () => random.int(0, 2 ** 32)).map(
        (seed, index) =>
          writeUntilGone(clients[index % CONNECTIONS] ?? assert.fail(), {
            log: this.#log,
            random: new Random(seed),
            name: `${round}.${index}`,
          }),
      ),
    );
    await Promise.race([enough, writers.then(() => assert.fail("the server went by itself"))]);
    const stops = round % STOP_EVERY === STOP_EVERY - 1;
    await (stops ? endpoint.stop() : endpoint.kill());
    await writers;
    await Promise.all(this.#watchers.map((watcher) => watcher.ended()));
    await endpoint.restart();
    await this.#check();
  }

  /** Stops the server in good order; the file is sound. */
  async finish(): Promise<void> {
    const { target, pid } = this.#endpoint;
    const path = target === "sqlite" ? await databasePath(pid) : undefined;
    await this.#endpoint.stop();
    if (path !== undefined) assert.equal(integrityOf(path), "ok");
  }

  async #check(): Promise<void> {
    const log = this.#log;
    const { store } = this.#history;
    using client = new EtcdClient(this.#endpoint.address);
    const { header } = await client.kv.range({ key: "a" });
    const revision = Number(header?.revision);
    assert(revision >= log.revisionMax, `revision ${revision} after ${log.revisionMax} was told`);
    this.#identity ??= [header?.clusterId, header?.memberId];
    assert.deepEqual([header?.clusterId, header?.memberId], this.#identity, "the server's ids");

    const from = store.revision + 1;
    await this.#history.extend(client, revision);
    log.check(store, from);
    await this.#history.assertKeys(client, revision);
    await this.#checkLeases(client);

    for (const watcher of this.#watchers) watcher.resume(client);
    await Promise.all(this.#watchers.map((watcher) => watcher.check(store)));
    client.close();
    await Promise.all(this.#watchers.map((watcher) => watcher.ended()));
    // What is checked need not be kept, however many rounds there are.
    store.compact(store.revision);
  }

  async #checkLeases({ lease }: EtcdClient): Promise<void> {
    const { there, gone } = this.#log.leases;
    const ids = new Set((await lease.leaseLeases({})).leases.map(({ ID }) => ID));
    assert.deepEqual(there.filter((id) => !ids.has(id)), [], "leases that were granted are gone");
    assert.deepEqual(gone.filter((id) => ids.has(id)), [], "leases that were revoked are there");
  }
}
