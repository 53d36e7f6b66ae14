/**
 * Clients that read and write the same few keys at once, of one server or of several, and whether there is an order of all
 * they were told that is strictly serializable.
 */

import assert from "node:assert/strict";
import type { KeyValue } from "../../gen/mvccpb/kv_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { compare, op } from "../support/txn_parts.ts";
import { keyValue } from "./messages.ts";
import type { Random } from "./random.ts";
import { readable } from "./readable_message.ts";
import type { KeyEvent, Keys, StoreModel } from "./store_model.ts";

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

/** What a call leaves in the history, so that one is found there that was not answered. */
type Trace = { readonly value: string } | { readonly deleted: string } | null;

interface CallParts<Answer> {
  readonly trace: Trace;
  readonly make: () => Promise<Answer>;
  /** What the answer means. */
  readonly describe: (answer: Answer) => Pick<Answered, "wrote" | "check">;
}

export interface RecorderOptions {
  /** Whether a call may fail like this; it may have written then or not. By default none may. */
  readonly tolerates?: (error: unknown) => boolean;
}

/** Of all clients, whichever server each talks to. */
export class Recorder {
  readonly #answered: Answered[] = [];
  readonly #unanswered: Trace[] = [];
  readonly #tolerates: (error: unknown) => boolean;
  #seen = 0;

  constructor({ tolerates = () => false }: RecorderOptions = {}) {
    this.#tolerates = tolerates;
  }

  get answered(): number {
    return this.#answered.length;
  }

  /** Makes a call; undefined stands for a failure that may be. */
  async call<Answer extends { readonly header?: { readonly revision: bigint } | undefined }>(
    { trace, make, describe }: CallParts<Answer>,
  ): Promise<Answer | undefined> {
    const seenBefore = this.#seen;
    let answer: Answer;
    try {
      answer = await make();
    } catch (error) {
      if (!this.#tolerates(error)) throw error;
      if (trace !== null) this.#unanswered.push(trace);
      return undefined;
    }
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
      if (!writers.has(revision)) this.#claimUnanswered(store.eventsAt(revision), revision);
    }
  }

  /** Finds the call that wrote a revision without being told; none writes two. */
  #claimUnanswered(events: readonly KeyEvent[], revision: number): void {
    const at = this.#unanswered.findIndex((trace) =>
      trace !== null && events.every(({ type, kv }) => {
        if ("value" in trace) return type === "delete" || kv.value === trace.value;
        return type === "delete" && kv.key === trace.deleted;
      }) && ("deleted" in trace || events.some(({ type }) => type === "put"))
    );
    assert(at !== -1, `revision ${revision} was written by nobody`);
    this.#unanswered.splice(at, 1);
  }
}

export interface ClientOptions {
  readonly random: Random;
  readonly recorder: Recorder;
  /** Its own, so that what it writes is. */
  readonly name: string;
  readonly calls: number;
}

export async function runClient(client: EtcdClient, options: ClientOptions): Promise<void> {
  const { random, name, calls } = options;
  for (let index = 0; index < calls; index++) {
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
  await recorder.call({
    trace: { value },
    make: () => kv.put({ key, value, prevKv: true }),
    describe: ({ prevKv }) => ({
      wrote: true,
      check(before, after) {
        assertKv(prevKv, { keys: before, key });
        assert.equal(after.get(key)?.value, value);
      },
    }),
  });
}

/** Reads a key, and writes it if it is still the same. */
async function compareAndSwap({ kv }: EtcdClient, options: CallOptions): Promise<void> {
  const { recorder, key, value } = options;
  const read = await readOne({ kv }, options);
  if (read === undefined) return;
  const expected = read.kvs[0]?.modRevision ?? 0n;
  await recorder.call({
    trace: { value },
    make: () =>
      kv.txn({
        compare: [compare(key, ["mod", "=", expected])],
        success: [op.put({ key, value })],
        failure: [op.range({ key })],
      }),
    describe: ({ succeeded, responses: [response] }) => ({
      wrote: succeeded,
      check(before, after) {
        const modRevision = BigInt(before.get(key)?.modRevision ?? 0);
        assert.equal(succeeded, modRevision === expected, `compare of ${key} with ${expected}`);
        if (succeeded) assert.equal(after.get(key)?.value, value);
        else if (response?.response.case === "responseRange") {
          assertKv(response.response.value.kvs[0], { keys: after, key });
        } else assert.fail("the failure branch has to answer its range");
      },
    }),
  });
}

/** Two keys in one revision, and one deleted. */
async function swapTwo({ kv }: EtcdClient, options: CallOptions): Promise<void> {
  const { recorder, random, key, value } = options;
  const other = random.pick(KEYS.filter((candidate) => candidate !== key));
  const gone = random.pick(KEYS.filter((candidate) => candidate !== key && candidate !== other));
  await recorder.call({
    trace: { value },
    make: () =>
      kv.txn({
        success: [
          op.put({ key, value }),
          op.deleteRange({ key: gone, prevKv: true }),
          op.put({ key: other, value }),
        ],
      }),
    describe: ({ responses: [, response] }) => ({
      wrote: true,
      check(before, after) {
        assert.deepEqual([after.get(key)?.value, after.get(other)?.value], [value, value]);
        assert.equal(after.get(gone), undefined);
        if (response?.response.case !== "responseDeleteRange") {
          assert.fail("no answer to the delete");
        }
        assertKv(response.response.value.prevKvs[0], { keys: before, key: gone });
      },
    }),
  });
}

async function remove({ kv }: EtcdClient, { recorder, key }: CallOptions): Promise<void> {
  await recorder.call({
    trace: { deleted: key },
    make: () => kv.deleteRange({ key, prevKv: true }),
    describe: ({ deleted, prevKvs }) => ({
      wrote: deleted > 0n,
      check(before, after) {
        assertKv(prevKvs[0], { keys: before, key });
        assert.equal(after.get(key), undefined);
      },
    }),
  });
}

function readOne({ kv }: Pick<EtcdClient, "kv">, { recorder, key }: CallOptions) {
  return recorder.call({
    trace: null,
    make: () => kv.range({ key }),
    describe: ({ kvs: [found] }) => ({
      wrote: false,
      check: (_, after) => assertKv(found, { keys: after, key }),
    }),
  });
}

async function readAll({ kv }: EtcdClient, { recorder }: CallOptions): Promise<void> {
  await recorder.call({
    trace: null,
    make: () => kv.range(ALL),
    describe: ({ kvs }) => ({
      wrote: false,
      check(_, after) {
        assert.deepEqual(readable(kvs), readable([...after.values()].map(keyValue)));
      },
    }),
  });
}

/** What was answered for a key is what the keys hold for it. */
function assertKv(
  got: KeyValue | undefined,
  { keys, key }: { readonly keys: Keys; readonly key: string },
): void {
  const expected = keys.get(key);
  assert.deepEqual(readable(got), readable(expected && keyValue(expected)), `key ${key}`);
}
