/** A server's history as a watch tells it, replayed: what every revision did, and left behind. */

import type { Event } from "../../gen/mvccpb/kv_pb.ts";
import { Event_EventType } from "../../gen/mvccpb/kv_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import assert from "node:assert/strict";
import { bytesOf, byteString } from "./byte_string.ts";
import { keyValue } from "./messages.ts";
import { readable } from "./readable_message.ts";
import { StoreModel } from "./store_model.ts";

export class ReplayedHistory {
  readonly store = new StoreModel();

  /**
   * Watches on from where the history stands, up to a revision. Asserts that revisions are dense,
   * come once and whole, and that each version follows from the one before.
   */
  async extend(client: EtcdClient, to: number): Promise<void> {
    if (to <= this.store.revision) return;
    using stream = client.watch.watch();
    const key = bytesOf("\0");
    const startRevision = this.store.revision + 1;
    const value = { key, rangeEnd: key, startRevision: BigInt(startRevision) };
    stream.send({ requestUnion: { case: "createRequest", value } });
    assert.equal((await stream.next()).created, true);
    while (this.store.revision < to) {
      const { canceled, compactRevision, events } = await stream.next();
      assert(!canceled, `watch from ${startRevision} canceled; compacted to ${compactRevision}`);
      for (const group of eventsByRevision(events)) this.#replay(group);
    }
  }

  /** The server's keys are those that the events lead to. */
  async assertKeys(client: EtcdClient, revision: number): Promise<void> {
    const key = bytesOf("\0");
    const { kvs } = await client.kv.range({ key, rangeEnd: key, revision: BigInt(revision) });
    const expected = [...this.store.keysAt(revision).values()].map(keyValue);
    assert.deepEqual(readable(kvs), readable(expected), `all keys at revision ${revision}`);
  }

  #replay(events: readonly Event[]): void {
    const draft = this.store.begin();
    const revision = Number(events[0]?.kv?.modRevision);
    assert.equal(revision, draft.revision, "the watch's next revision");
    for (const { type, kv } of events) {
      assert(kv !== undefined);
      const key = byteString(kv.key);
      if (type === Event_EventType.DELETE) {
        assert(draft.keys.has(key), `revision ${revision} deletes a key that is not there`);
        draft.delete(key);
        continue;
      }
      draft.put(key, { value: byteString(kv.value), lease: kv.lease });
      const replayed = draft.keys.get(key);
      assert(replayed !== undefined);
      assert.deepEqual(readable(kv), readable(keyValue(replayed)), `put in revision ${revision}`);
    }
    this.store.commit(draft);
  }
}

/** Splits where the revision changes. */
export function eventsByRevision(events: readonly Event[]): Event[][] {
  const groups: Event[][] = [];
  for (const event of events) {
    const group = groups.at(-1);
    if (group?.[0]?.kv?.modRevision === event.kv?.modRevision) group?.push(event);
    else groups.push([event]);
  }
  return groups;
}
