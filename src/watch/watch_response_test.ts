import { fromBinary, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { HistoryRow } from "../../backends/contract.ts";
import { type WatchResponse, WatchResponseSchema } from "../../gen/etcdserverpb/watch_pb.ts";
import { Event_EventType as EventType } from "../../gen/mvccpb/kv_pb.ts";
import { WATCH_RESPONSE_BYTES } from "../limits.ts";
import { encodeKv } from "../mvcc/stored_kv.ts";
import { varintSize } from "../wire/bytes.ts";
import { EventBatch, WatchEvent } from "./event_batch.ts";
import { eventResponses, type ResponseHeader } from "./watch_response.ts";

/** A header with nothing but a revision. */
const HEADER: ResponseHeader = {
  size: (revision) => 1 + varintSize(revision),
  write(out, revision) {
    out.buffer[out.offset++] = 0x0a;
    out.varint(this.size(revision));
    out.numberField(0x18, revision);
  },
};

interface RowOptions {
  readonly sub?: number;
  readonly valueBytes?: number;
  readonly tombstone?: boolean;
  readonly hasPrevKv?: boolean;
}

function row(revision: number, options: RowOptions = {}): HistoryRow {
  const { sub = 0, valueBytes = 1, tombstone = false, hasPrevKv = false } = options;
  const key = Buffer.from("key");
  const { kv, metaSize } = encodeKv({
    key,
    createRevision: tombstone ? 0 : 2,
    modRevision: revision,
    version: tombstone ? 0 : 5,
    lease: tombstone ? 0n : -1n,
    value: Buffer.alloc(tombstone ? 0 : valueBytes, "x"),
  });
  const prevKv = hasPrevKv ? row(revision - 1, { valueBytes }).kv : null;
  return { revision, sub, key, kv, metaSize, tombstone, lease: 0n, prevKv };
}

function batchOf(rows: readonly HistoryRow[], compactRevision = -1): EventBatch {
  const events = rows.map((row) => new WatchEvent(row, compactRevision));
  return new EventBatch(events, { prevKv: true });
}

function responsesTo(
  batch: EventBatch,
  options: { watchId?: bigint; revision: number; fragmentBytes?: number },
): WatchResponse[] {
  return batch.blocks
    .flatMap((block) =>
      eventResponses(block, { header: HEADER, watchId: 0n, fragmentBytes: undefined, ...options })
    )
    .map((parts) => fromBinary(WatchResponseSchema, Buffer.concat(parts)));
}

Deno.test("eventResponses() encodes what a client decodes", () => {
  const rows = [row(3, { hasPrevKv: true }), row(4, { tombstone: true, hasPrevKv: true }), row(9)];
  for (const watchId of [0n, 1n, 300n, -2n, 2n ** 63n - 1n]) {
    const [response, ...more] = responsesTo(batchOf(rows), { watchId, revision: 12 });
    assert.ok(response);
    assert.equal(more.length, 0);
    assert.equal(response.watchId, watchId);
    assert.equal(response.header?.revision, 12n);
    assert.deepEqual(response.events.map(({ type }) => type), [
      EventType.PUT,
      EventType.DELETE,
      EventType.PUT,
    ]);
    assert.deepEqual(response.events.map(({ kv }) => kv?.modRevision), [3n, 4n, 9n]);
    assert.deepEqual(response.events.map(({ prevKv }) => prevKv?.modRevision), [2n, 3n, undefined]);
    const [put, gone] = response.events;
    assert.equal(put?.kv?.lease, -1n);
    assert.equal(Buffer.from(put?.kv?.value ?? []).toString(), "x");
    assert.deepEqual([gone?.kv?.version, gone?.kv?.value.length], [0n, 0]);
  }
});

Deno.test("eventResponses() leaves previous versions out that compaction took", () => {
  const rows = [row(5, { hasPrevKv: true }), row(6, { hasPrevKv: true })];
  const [response] = responsesTo(batchOf(rows, 5), { revision: 6 });
  assert.deepEqual(response?.events.map(({ prevKv }) => prevKv?.modRevision), [undefined, 5n]);
});

Deno.test("EventBatch.blocks splits a large batch between revisions", () => {
  const valueBytes = WATCH_RESPONSE_BYTES / 3;
  const rows = [2, 3, 4, 5, 6].map((revision) => row(revision, { valueBytes }));
  const batch = batchOf(rows);
  const responses = responsesTo(batch, { revision: 9 });
  assert.deepEqual(responses.map(({ events }) => events.length), [2, 2, 1]);
  assert.deepEqual(batch.blocks.map(({ lastRevision }) => lastRevision), [3, 5, 6]);
});

Deno.test("EventBatch.blocks never splits a revision without being asked to", () => {
  const valueBytes = WATCH_RESPONSE_BYTES / 3;
  const rows = [row(2), ...[0, 1, 2, 3, 4, 5].map((sub) => row(3, { sub, valueBytes })), row(4)];
  const responses = responsesTo(batchOf(rows), { revision: 4 });
  assert.deepEqual(responses.map(({ events }) => events.length), [1, 6, 1]);
});

Deno.test("eventResponses() cuts a response that reaches the limit into fragments below it", () => {
  const fragmentBytes = 1_000;
  const rows = [400, 400, 400, 2_000, 400, 50].map((valueBytes, sub) =>
    row(3, { sub, valueBytes })
  );
  const responses = responsesTo(batchOf(rows), { revision: 3, fragmentBytes });
  assert.deepEqual(responses.map(({ events }) => events.length), [2, 1, 1, 2]);
  assert.deepEqual(responses.map(({ fragment }) => fragment), [true, true, true, false]);
  for (const response of responses) {
    assert.equal(response.header?.revision, 3n);
    const size = toBinary(WatchResponseSchema, response).length;
    assert.ok(size < fragmentBytes || response.events.length === 1);
  }
  const [whole] = responsesTo(batchOf(rows.slice(0, 2)), { revision: 3, fragmentBytes });
  assert.deepEqual([whole?.events.length, whole?.fragment], [2, false]);
});

Deno.test("EventBatch.from() keeps the batch unless some of it lies below", () => {
  const batch = batchOf([row(3), row(4), row(5)]);
  assert.equal(batch.from(3), batch);
  assert.deepEqual(batch.from(5).events.map(({ row }) => row.revision), [5]);
  assert.deepEqual(batch.from(6).events, []);
});
