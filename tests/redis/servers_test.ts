/**
 * Three Rhino servers on one Redis, each with the backend as a module by URL: written through by many clients while Redis is
 * killed or falls silent. Nothing acknowledged is lost, nothing is there twice, and no watcher misses anything.
 *
 * `RHINO_SEED=<seed in the test's name> deno test -A <this file>` repeats the writes, `RHINO_CRASH_ROUNDS=20` makes more of
 * them.
 */

import assert from "node:assert/strict";
import { goOnIfRetriable, ObservedWrites } from "../cluster/observed_writes.ts";
import { Servers } from "../cluster/servers.ts";
import { countOfRun, Random, seedOfRun } from "../model/random.ts";
import { RedisServer } from "../support/databases/redis_server.ts";
import { eventually, pause } from "../support/polling.ts";
import { valuesOf } from "../support/readable.ts";
import { CODE, RpcError } from "../support/rpc_error.ts";
import { isRedisMissing } from "./redis_case.ts";

const ROUNDS = countOfRun("RHINO_CRASH_ROUNDS", 2);
const SEED = seedOfRun();
/** So many writes are acknowledged before Redis goes, at least and at most, and after it has come back. */
const [WRITES_MIN, WRITES_MAX, WRITES_AFTER] = [50, 400, 100];
/** Longer than requests wait. */
const SILENCE_MS = 9_000;
/** A request is answered within this, whatever Redis does: 7 s, and some room. */
const ANSWER_MS_MAX = 9_000;

function serversTest(
  name: string,
  run: (redis: RedisServer, servers: Servers) => Promise<void>,
): void {
  Deno.test({
    name: `redis: ${name} (RHINO_SEED=${SEED})`,
    ignore: isRedisMissing,
    async fn() {
      await using redis = await RedisServer.start({ appendfsync: "always" });
      const urls = [redis.url(), redis.url(), redis.url()];
      await using servers = await Servers.start({ kind: "redis", urls });
      await servers.explain(() => run(redis, servers));
    },
  });
}

serversTest(
  "nothing acknowledged is lost when Redis is killed, and servers and watches outlive it",
  async (redis, servers) => {
    const random = new Random(SEED);
    using writes = new ObservedWrites(servers, random);
    const pids = servers.all.map(({ pid }) => pid);
    for (let round = 0; round < ROUNDS; round++) {
      await writes.during(goOnIfRetriable, async () => {
        await writes.progress(random.int(WRITES_MIN, WRITES_MAX));
        await redis.kill();
        await pause(random.int(0, 1_500));
        await redis.start();
        await writes.progress(WRITES_AFTER);
      });
      assert.deepEqual(servers.all.map(({ pid, running }) => running && pid), pids, "they go on");
      await writes.check();
    }
  },
);

serversTest(
  "a Redis that falls silent makes requests fail in bounded time, and nothing is lost",
  async (redis, servers) => {
    const random = new Random(SEED + 1);
    using writes = new ObservedWrites(servers, random);
    await writes.during(goOnIfRetriable, async () => {
      await writes.progress(random.int(WRITES_MIN, WRITES_MAX));
      redis.signal("SIGSTOP");
      const startMs = performance.now();
      const { kv } = servers.client(0);
      await assert.rejects(kv.range({ key: "a" }), (error) => {
        return error instanceof RpcError && error.code === CODE.UNAVAILABLE;
      });
      assert.ok(performance.now() - startMs < ANSWER_MS_MAX);
      await pause(Math.max(0, SILENCE_MS - (performance.now() - startMs)));
      redis.signal("SIGCONT");
      await writes.progress(WRITES_AFTER);
    });
    await writes.check();
  },
);

serversTest(
  "a server sees at once what another has written, and who is there",
  async (_, servers) => {
    const [one, two, three] = servers.clients;
    assert.ok(one && two && three);
    for (let count = 0; count < 20; count++) {
      await one.kv.put({ key: "a", value: String(count) });
      assert.deepEqual(valuesOf(await two.kv.range({ key: "a" })), [String(count)]);
    }
    await eventually("all three are members", async () => {
      return (await three.cluster.memberList({})).members.length === 3;
    });
  },
);
