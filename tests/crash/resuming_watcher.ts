/** A client that watches through crashes: after each it goes on from the last revision it saw. */

import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { RpcError } from "../support/rpc_error.ts";
import { bytesOf } from "../model/byte_string.ts";
import { inRange } from "../model/key_range_model.ts";
import { eventMessage } from "../model/messages.ts";
import { readable } from "../model/readable_message.ts";
import type { StoreModel } from "../model/store_model.ts";
import assert from "node:assert/strict";

/** Events that do not come within this time do not come. */
const EVENTS_TIMEOUT_MS = 30_000;

export class ResumingWatcher {
  readonly #range: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array };
  /** Seen, and not yet compared with the history. */
  #seen: Event[] = [];
  #nextRevision = 1;
  #checkedRevision = 1;
  #pump: Promise<void> = Promise.resolve();
  #arrived = Promise.withResolvers<void>();

  constructor(key: string, rangeEnd: string) {
    this.#range = { key: bytesOf(key), rangeEnd: bytesOf(rangeEnd) };
  }

  /** Watches on over a new connection. */
  resume(client: EtcdClient): void {
    const stream = client.watch.watch();
    const startRevision = BigInt(this.#nextRevision);
    stream.send({
      requestUnion: { case: "createRequest", value: { ...this.#range, startRevision } },
    });
    this.#pump = this.#read(stream);
  }

  /** Resolves when the connection has ended. */
  ended(): Promise<void> {
    return this.#pump;
  }

  /** What it saw since the last check is what happened up to the history's newest revision. */
  async check(store: StoreModel): Promise<void> {
    const owed: Event[] = [];
    for (let revision = this.#checkedRevision + 1; revision <= store.revision; revision++) {
      const events = store.eventsAt(revision).filter(({ kv }) => inRange(kv.key, this.#range));
      owed.push(...events.map((event) => eventMessage(event, undefined)));
    }
    const timeout = AbortSignal.timeout(EVENTS_TIMEOUT_MS);
    while (this.#seen.length < owed.length) {
      assert(!timeout.aborted, `${owed.length} events are owed, ${this.#seen.length} have come`);
      await Promise.race([this.#arrived.promise, aborted(timeout)]);
    }
    assert.deepEqual(readable(this.#seen), readable(owed), "events over a crash");
    this.#seen = [];
    this.#checkedRevision = store.revision;
  }

  async #read(stream: ReturnType<EtcdClient["watch"]["watch"]>): Promise<void> {
    try {
      for (;;) { // Until the server goes.
        const { events, canceled, compactRevision } = await stream.next(EVENTS_TIMEOUT_MS * 10);
        assert(!canceled, `a watch from ${this.#nextRevision} is canceled: ${compactRevision}`);
        const first = Number(events[0]?.kv?.modRevision ?? this.#nextRevision);
        assert(first >= this.#nextRevision, `revision ${first} comes again`);
        this.#nextRevision = Number(events.at(-1)?.kv?.modRevision ?? this.#nextRevision - 1) + 1;
        this.#seen.push(...events);
        this.#arrived.resolve();
        this.#arrived = Promise.withResolvers();
      }
    } catch (error) {
      const ended = error instanceof Error && error.message.includes("the stream has ended");
      if (!(error instanceof RpcError) && !ended) throw error;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}
