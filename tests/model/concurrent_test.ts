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
import { compare, op } from "../support/txn_parts.ts";
import assert from "node:assert/strict";
import type { KeyValue } from "../../gen/mvccpb/kv_pb.ts";
import { keyValue } from "./messages.ts";
import { countOfRun, Random, seedOfRun } from "./random.ts";
import { readable } from "./readable_message.ts";
import { ReplayedHistory } from "./replayed_history.ts";
import type { Keys, StoreModel } from "./store_model.ts";

const CLIENTS = 16;
const CALLS_PER_CLIENT = 200;
const ROUNDS = countOfRun("RHINO_RUNS", 1);
const SEED = seedOfRun();
const KEYS = ["a", "a0", "b", "c", "d", "e", "f", "g"] as const;
const ALL = { key: "\0", rangeEnd: "\0" } as const;

/** One answered call, to be checked once the history is known. */
interface Answered {
  /** The highest revision of any answer that was there before this call was made. */
  readonly seenBefore: number;
  readonly revision: number;
  readonly wrote: boolean;
  /** Throws if the answer does not fit the states before and at its revision. */
  check(before: Keys, after: Keys): void;
}

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
        return runClient(own, { random, recorder, name: `${round}.${index}` });
      }));
      const { header } = await client.kv.range({ key: "a" });
      const firstRevision = history.store.revision + 1;
      await history.extend(client, Number(header?.revision));
      recorder.check(history.store, firstRevision);
      await history.assertKeys(client, history.store.revision);
    }
  },
);

class Recorder {
  readonly #answered: Answered[] = [];
  #seen = 0;

  /** Makes a call; `describe` says what its answer means. */
  async call<Answer extends { readonly header?: { readonly revision: bigint } | undefined }>(
    make: () => Promise<Answer>,
    describe: (answer: Answer) => Pick<Answered, "wrote" | "check">,
  ): Promise<Answer> {
    const seenBefore = this.#seen;
    const answer = await make();
    const revision = Number(answer.header?.revision);
    this.#seen = Math.max(this.#seen, revision);
    this.#answered.push({ seenBefore, revision, ...describe(answer) });
    return answer;
  }

  check(store: StoreModel, firstRevision: number): void {
    const writers = new Map<number, Answered>();
    for (const answered of this.#answered) {
      const { revision, seenBefore, wrote } = answered;
      assert(revision >= seenBefore, `revision ${revision} answered after ${seenBefore} was seen`);
      if (wrote) {
        assert(revision > seenBefore, `revision ${revision} was seen before it was written`);
        assert(!writers.has(revision), `revision ${revision} was answered to two writers`);
        writers.set(revision, answered);
      }
      const before = store.keysAt(wrote ? revision - 1 : revision);
      answered.check(before, store.keysAt(revision));
    }
    for (let revision = firstRevision; revision <= store.revision; revision++) {
      assert(writers.has(revision), `revision ${revision} was written by nobody`);
    }
  }
}

interface ClientOptions {
  readonly random: Random;
  readonly recorder: Recorder;
  readonly name: string;
}

async function runClient(client: EtcdClient, options: ClientOptions): Promise<void> {
  const { random, name } = options;
  for (let index = 0; index < CALLS_PER_CLIENT; index++) {
    const key = random.pick(KEYS);
    const value = `${name}.${index}`;
    const call = random.weighted<(client: EtcdClient, options: CallOptions) => Promise<unknown>>([
      [3, put],
      [4, compareAndSwap],
      [2, swapTwo],
      [1, remove],
      [2, readOne],
      [1, readAll],
    ]);
    await call(client, { ...options, key, value });
  }
}

interface CallOptions extends ClientOptions {
  readonly key: string;
  readonly value: string;
}

async function put({ kv }: EtcdClient, { recorder, key, value }: CallOptions): Promise<void> {
  await recorder.call(() => kv.put({ key, value, prevKv: true }), ({ prevKv }) => ({
    wrote: true,
    check(before, after) {
      assertKv(prevKv, { keys: before, key });
      assert.equal(after.get(key)?.value, value);
    },
  }));
}

/** Reads a key, and writes it if it is still the same. */
async function compareAndSwap({ kv }: EtcdClient, options: CallOptions): Promise<void> {
  const { recorder, key, value } = options;
  const { kvs: [known] } = await readOne({ kv }, options);
  const expected = known?.modRevision ?? 0n;
  await recorder.call(() =>
    kv.txn({
      compare: [compare(key, ["mod", "=", expected])],
      success: [op.put({ key, value })],
      failure: [op.range({ key })],
    }), ({ succeeded, responses: [response] }) => ({
      wrote: succeeded,
      check(before, after) {
        const modRevision = BigInt(before.get(key)?.modRevision ?? 0);
        assert.equal(succeeded, modRevision === expected, `compare of ${key} with ${expected}`);
        if (succeeded) assert.equal(after.get(key)?.value, value);
        else if (response?.response.case === "responseRange") {
          assertKv(response.response.value.kvs[0], { keys: after, key });
        } else assert.fail("the failure branch has to answer its range");
      },
    }));
}

/** Two keys in one revision, and one deleted. */
async function swapTwo({ kv }: EtcdClient, options: CallOptions): Promise<void> {
  const { recorder, random, key, value } = options;
  const other = random.pick(KEYS.filter((candidate) => candidate !== key));
  const gone = random.pick(KEYS.filter((candidate) => candidate !== key && candidate !== other));
  await recorder.call(() =>
    kv.txn({
      success: [
        op.put({ key, value }),
        op.deleteRange({ key: gone, prevKv: true }),
        op.put({ key: other, value }),
      ],
    }), ({ responses: [, response] }) => ({
      wrote: true,
      check(before, after) {
        assert.deepEqual([after.get(key)?.value, after.get(other)?.value], [value, value]);
        assert.equal(after.get(gone), undefined);
        if (response?.response.case !== "responseDeleteRange") {
          assert.fail("no answer to the delete");
        }
        assertKv(response.response.value.prevKvs[0], { keys: before, key: gone });
      },
    }));
}

async function remove({ kv }: EtcdClient, { recorder, key }: CallOptions): Promise<void> {
  await recorder.call(() => kv.deleteRange({ key, prevKv: true }), ({ deleted, prevKvs }) => ({
    wrote: deleted > 0n,
    check(before, after) {
      assertKv(prevKvs[0], { keys: before, key });
      assert.equal(after.get(key), undefined);
    },
  }));
}

function readOne({ kv }: Pick<EtcdClient, "kv">, { recorder, key }: CallOptions) {
  return recorder.call(() => kv.range({ key }), ({ kvs: [found] }) => ({
    wrote: false,
    check: (_, after) => assertKv(found, { keys: after, key }),
  }));
}

async function readAll({ kv }: EtcdClient, { recorder }: CallOptions): Promise<void> {
  await recorder.call(() => kv.range(ALL), ({ kvs }) => ({
    wrote: false,
    check(_, after) {
      assert.deepEqual(readable(kvs), readable([...after.values()].map(keyValue)));
    },
  }));
}

/** What was answered for a key is what the keys hold for it. */
function assertKv(
  got: KeyValue | undefined,
  { keys, key }: { readonly keys: Keys; readonly key: string },
): void {
  const expected = keys.get(key);
  assert.deepEqual(readable(got), readable(expected && keyValue(expected)), `key ${key}`);
}
