import assert from "node:assert/strict";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";

/** etcd's default of --max-request-bytes. */
const REQUEST_BYTES_MAX = 1_572_864;
/** gRPC's own bound on a message is this much above it. */
const GRPC_OVERHEAD_BYTES = 512 * 1024;

const TOO_LARGE = [CODE.INVALID_ARGUMENT, "etcdserver: request is too large"] as const;

serviceTest(
  "Limits: a value of 1,572,352 bytes passes, one of 1,572,864 is too large",
  async (t) => {
    const { client: { kv }, key } = t;
    const largest = crypto.getRandomValues(new Uint8Array(65536));
    const value = new Uint8Array(1_572_352).map((_, index) => largest[index % 65536] ?? 0);
    await kv.put({ key: key("a"), value });
    assert.deepEqual((await kv.range({ key: key("a") })).kvs[0]?.value, value);
    await assertFails(
      kv.put({ key: key("a"), value: new Uint8Array(REQUEST_BYTES_MAX) }),
      TOO_LARGE,
    );
    assert.equal((await kv.range({ key: key("a") })).kvs[0]?.version, 1n);
  },
);

serviceTest("Limits: a message over 2 MiB is refused by gRPC, with its size", async (t) => {
  const { client: { connection, kv }, key } = t;
  const messageMax = REQUEST_BYTES_MAX + GRPC_OVERHEAD_BYTES;
  const path = "/etcdserverpb.KV/Range";
  for (const size of [messageMax + 1, 2_621_440, 5_000_000]) {
    await assertFails(connection.unaryBytes(path, new Uint8Array(size)), [
      CODE.RESOURCE_EXHAUSTED,
      `grpc: received message larger than max (${size} vs. ${messageMax})`,
    ]);
  }
  await assertFails(
    kv.put({ key: key("a"), value: new Uint8Array(2_621_440) }),
    [CODE.RESOURCE_EXHAUSTED, /^grpc: received message larger than max \(\d+ vs\. 2097152\)$/],
  );
});

serviceTest("Limits: a large message ends a stream with the same error", async (t) => {
  using stream = t.client.watch.watch();
  stream.sendBytes(new Uint8Array(2_097_153));
  assert.deepEqual(await stream.end(), {
    code: CODE.RESOURCE_EXHAUSTED,
    details: "grpc: received message larger than max (2097153 vs. 2097152)",
  });
});

serviceTest("Limits: every request that changes something is limited", async (t) => {
  const { client: { kv }, key } = t;
  const half = new Uint8Array(800_000);
  const longKey = new Uint8Array(1_600_000).fill(0x61);
  await assertFails(
    kv.txn({
      success: [op.put({ key: key("a"), value: half }), op.put({ key: key("b"), value: half })],
    }),
    TOO_LARGE,
  );
  // The branch that is not taken counts as well.
  await assertFails(
    kv.txn({
      success: [op.put({ key: key("a") })],
      failure: [op.put({ key: longKey })],
    }),
    TOO_LARGE,
  );
  await assertFails(kv.put({ key: longKey }), TOO_LARGE);
  await assertFails(kv.deleteRange({ key: longKey }), TOO_LARGE);
});

serviceTest("Limits: reads are limited by gRPC alone", async ({ client: { kv } }) => {
  const longKey = new Uint8Array(1_600_000).fill(0x61);
  assert.equal((await kv.range({ key: longKey })).count, 0n);
  assert.equal((await kv.txn({ success: [op.range({ key: longKey })] })).succeeded, true);
});

serviceTest(
  "Limits: --max-request-bytes moves both",
  { flags: ["--max-request-bytes=10000"] },
  async (t) => {
    const { client: { kv }, key } = t;
    await kv.put({ key: key("a"), value: new Uint8Array(9_500) });
    await assertFails(kv.put({ key: key("a"), value: new Uint8Array(10_000) }), TOO_LARGE);
    await assertFails(
      kv.put({ key: key("a"), value: new Uint8Array(600_000) }),
      [CODE.RESOURCE_EXHAUSTED, /^grpc: received message larger than max \(\d+ vs\. 534288\)$/],
    );
  },
);

serviceTest("Limits: an answer may be far larger than a request", async (t) => {
  const { client: { kv }, key, all } = t;
  const value = new Uint8Array(900_000).fill(0x78);
  for (let index = 0; index < 14; index++) await kv.put({ key: key(`big/${index}`), value });
  const answer = await kv.range(all("big/"));
  assert.equal(answer.kvs.length, 14);
  assert.ok(answer.kvs.every((kv) => kv.value.length === value.length));
  assert.equal((await kv.deleteRange({ ...all("big/"), prevKv: true })).prevKvs.length, 14);
});

serviceTest("Limits: ten thousand keys are one range", async (t) => {
  const { client: { kv }, key, all } = t;
  for (let hundred = 0; hundred < 100; hundred++) {
    const puts = Array.from({ length: 100 }, (_, index) => {
      return op.put({ key: key(String(hundred * 100 + index).padStart(5, "0")) });
    });
    await kv.txn({ success: puts });
  }
  const answer = await kv.range(all());
  assert.deepEqual([answer.kvs.length, answer.count, answer.more], [10_000, 10_000n, false]);
  const page = await kv.range({ key: key("04000"), rangeEnd: all().rangeEnd, limit: 500 });
  assert.deepEqual([page.kvs.length, page.count, page.more], [500, 6000n, true]);
  assert.equal((await kv.deleteRange(all())).deleted, 10_000n);
});

serviceTest("Limits: a thousand requests at once are all answered", async (t) => {
  const { client: { kv }, key, all } = t;
  await Promise.all(
    Array.from({ length: 1000 }, (_, index) => kv.put({ key: key(String(index)), value: "1" })),
  );
  assert.equal((await kv.range({ ...all(), countOnly: true })).count, 1000n);
});
