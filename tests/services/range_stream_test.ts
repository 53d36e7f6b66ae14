import assert from "node:assert/strict";
import type { RangeResponse, RangeStreamResponse } from "../../gen/etcdserverpb/kv_pb.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { keysOf, revisionOf } from "../support/readable.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";

/** Puts keys `000`, `001` … in one transaction each hundred and gives the revision after them. */
async function putMany(
  { client: { kv }, key }: ServiceTestContext,
  { count, size = 10 }: { readonly count: number; readonly size?: number },
): Promise<bigint> {
  let revision = 0n;
  const value = new Uint8Array(size);
  const putsInTxn = Math.min(100, Math.floor(1_000_000 / size));
  for (let first = 0; first < count; first += putsInTxn) {
    const puts = Array.from({ length: Math.min(putsInTxn, count - first) }, (_, index) => {
      return op.put({ key: key(String(first + index).padStart(3, "0")), value });
    });
    revision = revisionOf(await kv.txn({ success: puts }));
  }
  return revision;
}

/** The chunks, after checking that only the last has header, more and count. */
function chunksOf(messages: RangeStreamResponse[]): RangeResponse[] {
  const chunks = messages.map(({ rangeResponse }) => {
    assert.ok(rangeResponse !== undefined);
    return rangeResponse;
  });
  for (const chunk of chunks.slice(0, -1)) {
    assert.deepEqual([chunk.header, chunk.more, chunk.count], [undefined, false, 0n]);
    assert.ok(chunk.kvs.length > 0);
  }
  assert.ok(chunks.at(-1)?.header !== undefined);
  return chunks;
}

/** What the chunks say together. */
function joined(chunks: readonly RangeResponse[]) {
  const last = chunks.at(-1);
  return {
    kvs: chunks.flatMap((chunk) => chunk.kvs),
    header: last?.header,
    more: last?.more,
    count: last?.count,
  };
}

serviceTest("RangeStream: the chunks together are the answer of Range", async (t) => {
  const revision = await putMany(t, { count: 100 });
  const { client: { kv }, key, all } = t;
  const requests = [
    all(),
    { ...all(), keysOnly: true },
    { ...all(), serializable: true },
    { ...all(), limit: 25 },
    { ...all(), limit: 10 },
    { ...all(), limit: 11 },
    { ...all(), limit: 100 },
    { ...all(), limit: 101 },
    { ...all(), limit: -1 },
    { ...all(), revision },
    { ...all(), revision: -1 },
    { ...all(), sortOrder: 1 },
    { key: key("001") },
    { key: key("missing") },
    { key: key("9"), rangeEnd: key("1") },
  ];
  for (const request of requests) {
    const { kvs, header, more, count } = await kv.range(request);
    const chunks = chunksOf(await kv.rangeStream(request).rest());
    assert.deepEqual(joined(chunks), { kvs, header, more, count });
  }
});

serviceTest(
  "RangeStream: an answer of many megabytes comes in chunks near the request limit",
  async (t) => {
    await putMany(t, { count: 60, size: 100_000 });
    const chunks = chunksOf(await t.client.kv.rangeStream(t.all()).rest());
    assert.ok(chunks.length >= 4, `${chunks.length} chunks`);
    for (const chunk of chunks) {
      const size = chunk.kvs.reduce((sum, kv) => sum + kv.value.length, 0);
      assert.ok(size <= 2 * 1_572_864, `a chunk of ${size} bytes`);
    }
  },
);

serviceTest("RangeStream: count only is one message without keys", async (t) => {
  await putMany(t, { count: 100 });
  const messages = await t.client.kv.rangeStream({ ...t.all(), countOnly: true, limit: 3 }).rest();
  const chunks = chunksOf(messages);
  assert.deepEqual(chunks.map(({ kvs, more, count }) => [kvs, more, count]), [[[], false, 100n]]);
});

serviceTest(
  "RangeStream: a past revision is read as it was, the header is the newest",
  async (t) => {
    const { client: { kv }, all } = t;
    const then = await putMany(t, { count: 30 });
    const { kvs } = await kv.range(all());
    const now = revisionOf(await kv.deleteRange(all()));
    const chunks = chunksOf(await kv.rangeStream({ ...all(), revision: then }).rest());
    const { header, ...rest } = joined(chunks);
    assert.deepEqual(rest, { kvs, more: false, count: 30n });
    assert.equal(header?.revision, now);
    assert.deepEqual(joined(chunksOf(await kv.rangeStream(all()).rest())).kvs, []);
  },
);

serviceTest("RangeStream: writes during the stream are not in it", async (t) => {
  const { client: { kv }, all, key } = t;
  // More than the flow-control windows hold, so that the server is still at it when the put comes.
  const revision = await putMany(t, { count: 60, size: 200_000 });
  const stream = kv.rangeStream(all());
  const first = await stream.next();
  stream.pause();
  await kv.put({ key: key("zzz") });
  stream.resume();
  const chunks = chunksOf([first, ...await stream.rest()]);
  assert.equal(keysOf(joined(chunks)).includes(key("zzz")), false);
  assert.deepEqual([joined(chunks).count, joined(chunks).header?.revision], [60n, revision]);
});

serviceTest(
  "RangeStream: compacted and future revisions fail as in Range",
  { fresh: true },
  async (t) => {
    const { kv } = t.client;
    await putMany(t, { count: 1 });
    await kv.put({ key: "a" });
    await kv.put({ key: "a" });
    await kv.compact({ revision: 4 });
    const at = (revision: number, countOnly = false) =>
      kv.rangeStream({ ...t.all(), revision, countOnly }).rest();
    const compacted = [
      CODE.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision has been compacted",
    ] as const;
    await assertFails(at(3), compacted);
    await assertFails(at(3, true), compacted);
    assert.equal(joined(chunksOf(await at(4))).count, 1n);
    await assertFails(
      at(5),
      [CODE.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
    );
  },
);

serviceTest("RangeStream: custom sort orders and revision filters are unimplemented", async (t) => {
  const { client: { kv }, all } = t;
  const sorts = [
    { sortOrder: 2 },
    { sortOrder: 1, sortTarget: 4 },
    { sortOrder: 2, minModRevision: 1 },
  ];
  for (const sort of sorts) {
    await assertFails(
      kv.rangeStream({ ...all(), ...sort }).rest(),
      [CODE.UNIMPLEMENTED, "RangeStream does not support custom sort orders"],
    );
  }
  const filters = [
    { minModRevision: 1 },
    { maxModRevision: 1 },
    { minCreateRevision: 1 },
    { maxCreateRevision: -1 },
  ];
  for (const filter of filters) {
    await assertFails(
      kv.rangeStream({ ...all(), ...filter }).rest(),
      [CODE.UNIMPLEMENTED, "RangeStream does not support revision filters"],
    );
  }
});

serviceTest("RangeStream: requests are checked as in Range", async ({ client: { kv }, all }) => {
  await assertFails(
    kv.rangeStream({ rangeEnd: "z" }).rest(),
    [CODE.INVALID_ARGUMENT, "etcdserver: key is not provided"],
  );
  await assertFails(
    // A number outside of the enum is what this is about.
    kv.rangeStream({ ...all(), sortTarget: 9 as 0 }).rest(),
    [CODE.INVALID_ARGUMENT, "etcdserver: invalid sort option"],
  );
});
