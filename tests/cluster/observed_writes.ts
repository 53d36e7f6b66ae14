/**
 * Clients that write through all servers of a database while something is done to these or to it, watchers that look on,
 * and the check of all that was told: each acknowledged write is there at its revision, each other one whole or not at
 * all and none twice, revisions are dense, leases are there, and each watcher was given every event once.
 */

import assert from "node:assert/strict";
import { writeUntilGone } from "../crash/heavy_writer.ts";
import { ResumingWatcher } from "../crash/resuming_watcher.ts";
import { WriteLog } from "../crash/write_log.ts";
import { Random } from "../model/random.ts";
import { ReplayedHistory } from "../model/replayed_history.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { CODE, RpcError } from "../support/rpc_error.ts";
import { eventually } from "../support/polling.ts";
import type { Servers } from "./servers.ts";

const WRITERS_OF_A_SERVER = 8;
/** What each watches: all, and parts of what is written. */
const WATCHED = [["\0", "\0"], ["w/2", "w/4"], ["lease/", "lease0"]] as const;
const SETTLED_KEY = "settled";
/** For a client, each of them means that it may try again. */
const RETRIABLE: readonly number[] = [CODE.UNAVAILABLE, CODE.RESOURCE_EXHAUSTED];
/** Writes go on again far earlier. */
const PROGRESS_TIMEOUT_MS = 60_000;

/** Lets a writer go on after what an outage of the database may cause, and after nothing else. */
export function goOnIfRetriable(error: RpcError): "go on" {
  if (RETRIABLE.includes(error.code)) return "go on";
  throw error;
}

/** A watcher, and the server that it is connected to. */
interface Onlooker {
  readonly watcher: ResumingWatcher;
  server: number;
  client: EtcdClient;
}

/** Whether the writers of a server end with a failure, or go on; it throws if there should have been none. */
export type OnFailure = (error: RpcError, server: number) => "end" | "go on";

export class ObservedWrites implements Disposable {
  readonly log = new WriteLog();
  readonly #history = new ReplayedHistory();
  readonly #servers: Servers;
  readonly #random: Random;
  readonly #onlookers: Onlooker[] = [];
  #rounds = 0;

  /** Begins to watch on all servers, which are empty. */
  constructor(servers: Servers, random: Random) {
    this.#servers = servers;
    this.#random = random;
    for (const [server, { address }] of servers.all.entries()) {
      for (const [key, rangeEnd] of WATCHED) {
        const onlooker = {
          watcher: new ResumingWatcher(key, rangeEnd),
          server,
          client: new EtcdClient(address),
        };
        onlooker.watcher.resume(onlooker.client);
        this.#onlookers.push(onlooker);
      }
    }
  }

  /** The newest revision that was checked. */
  get revision(): number {
    return this.#history.store.revision;
  }

  /**
   * Does something while clients write through all servers. Fails as soon as one of them does.
   *
   * @param act may have clients write through a server again that was gone
   */
  async during(
    onFailure: OnFailure,
    act: (rejoin: (server: number) => void) => Promise<void>,
  ): Promise<void> {
    const stop = new AbortController();
    const { promise: failure, reject } = Promise.withResolvers<never>();
    const writing: Promise<void>[] = [];
    const start = (server: number) => {
      const signal = stop.signal;
      writing.push(this.#writeThrough(server, { onFailure, signal }).catch(reject));
    };
    for (const server of this.#servers.all.keys()) start(server);
    try {
      await Promise.race([act(start), failure]);
    } finally {
      stop.abort();
      await Promise.all(writing);
    }
    // The last calls may have failed as well.
    await Promise.race([failure, Promise.resolve()]);
  }

  async #writeThrough(
    server: number,
    { onFailure, signal }: { readonly onFailure: OnFailure; readonly signal: AbortSignal },
  ): Promise<void> {
    const round = this.#rounds++;
    using client = new EtcdClient(this.#servers.at(server).address);
    await Promise.all(
      Array.from({ length: WRITERS_OF_A_SERVER }, (_, index) =>
        writeUntilGone(client, {
          log: this.log,
          random: new Random(this.#random.int(0, 2 ** 32 - 1)),
          name: `${round}.${server}.${index}`,
          onFailure: (error) => onFailure(error, server),
          signal,
        })),
    );
  }

  /** Waits until so many more writes are acknowledged. */
  async progress(count: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `no ${count} writes more are acknowledged within ${PROGRESS_TIMEOUT_MS} ms`;
      timer = setTimeout(() => reject(new Error(message)), PROGRESS_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.log.more(count), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Those who watched on servers that are gone watch on at others. */
  async moveOnlookers(gone: readonly number[], to: readonly number[]): Promise<void> {
    for (const onlooker of this.#onlookers.filter(({ server }) => gone.includes(server))) {
      await onlooker.watcher.ended();
      onlooker.client.close();
      onlooker.server = this.#random.pick(to);
      onlooker.client = new EtcdClient(this.#servers.at(onlooker.server).address);
      onlooker.watcher.resume(onlooker.client);
    }
  }

  /** Compares what is there with what was told. Nobody may write meanwhile. */
  async check(): Promise<void> {
    await this.#settle();
    const { log } = this;
    const { store } = this.#history;
    using client = new EtcdClient(this.#random.pick(this.#servers.all).address);
    const { header } = await client.kv.range({ key: "a" });
    const revision = Number(header?.revision);
    assert(revision >= log.revisionMax, `revision ${revision} after ${log.revisionMax} was told`);
    const from = store.revision + 1;
    await this.#history.extend(client, revision);
    log.check(store, from);
    await this.#history.assertKeys(client, revision);
    await this.#checkLeases(client);
    for (const { watcher, server } of this.#onlookers) {
      const cut = watcher.ended().then(() => assert.fail(`a watch on server ${server} was cut`));
      await Promise.race([watcher.check(store), cut]);
    }
    // What is checked need not be kept, however many rounds there are.
    store.compact(store.revision);
  }

  /** A write that failed may still be under way: one that comes after it on each server settles it. */
  async #settle(): Promise<void> {
    for (const [server, { client: { kv } }] of this.#servers.all.entries()) {
      await eventually(`server ${server} takes a write`, async () => {
        const id = `settle.${this.#rounds++}.${server}`;
        try {
          await this.log.write({ id, puts: [SETTLED_KEY], deletes: [] }, async () => {
            const { header } = await kv.put({ key: SETTLED_KEY, value: `${id} ` });
            return { revision: Number(header?.revision), changed: true };
          });
          return true;
        } catch (error) {
          if (!(error instanceof RpcError)) throw error;
          goOnIfRetriable(error);
          return false;
        }
      });
    }
  }

  async #checkLeases({ lease }: EtcdClient): Promise<void> {
    const { there, gone } = this.log.leases;
    const ids = new Set((await lease.leaseLeases({})).leases.map(({ ID }) => ID));
    assert.deepEqual(there.filter((id) => !ids.has(id)), [], "leases that were granted are gone");
    assert.deepEqual(gone.filter((id) => ids.has(id)), [], "leases that were revoked are there");
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#onlookers) client.close();
  }
}
