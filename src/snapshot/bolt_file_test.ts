import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { BoltFile } from "./bolt_file.ts";
import { PAGE_SIZE } from "./bolt_page.ts";
import { type BoltContents, readBolt } from "./testing/bolt_reader.ts";
import { MemoryOutput } from "./testing/memory_output.ts";

type Entries = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

async function write(buckets: Readonly<Record<string, Entries>>): Promise<Buffer> {
  const output = new MemoryOutput();
  const file = await BoltFile.begin(output);
  for (const [name, entries] of Object.entries(buckets)) {
    const bucket = file.openBucket();
    for (const [key, value] of entries) bucket.add(key, value);
    file.endBucket(name, bucket);
  }
  await file.finish();
  return output.bytes;
}

function plain(contents: BoltContents): Record<string, Entries> {
  return Object.fromEntries(
    [...contents].map(([name, entries]) => [
      name,
      entries.map(({ key, value }) => [new Uint8Array(key), new Uint8Array(value)] as const),
    ]),
  );
}

function number(value: number): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(value));
  return new Uint8Array(key);
}

function numbered(count: number, size: number): Entries {
  return Array.from({ length: count }, (_, index) => [number(index), new Uint8Array(size)]);
}

Deno.test("BoltFile holds empty buckets, in order of their names", async () => {
  const file = await write({ b: [], a: [], ab: [] });
  assert.deepEqual([...readBolt(file).keys()], ["a", "ab", "b"]);
  assert.equal(file.length % PAGE_SIZE, 0);
});

Deno.test("BoltFile builds as many levels as it takes", async () => {
  // A leaf takes some 125 of them and a branch some 170: three levels.
  const entries = numbered(40_000, 8);
  assert.deepEqual(plain(readBolt(await write({ key: entries }))), { key: entries });
});

Deno.test("BoltFile fills pages to the last byte, and runs over with larger values", async () => {
  // Header of the page and of the element, and the key.
  const room = PAGE_SIZE - 16 - 16 - 8;
  for (
    const size of [room - 1, room, room + 1, room + PAGE_SIZE, room + PAGE_SIZE + 1, 1_500_000]
  ) {
    const entries = numbered(5, size);
    assert.deepEqual(plain(readBolt(await write({ key: entries }))), { key: entries }, `${size}`);
  }
});

Deno.test("BoltFile holds whatever entries there are", async () => {
  const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });
  const entry = fc.tuple(
    fc.oneof(bytes(20, 1), bytes(3_000, 1)),
    fc.oneof(bytes(100), bytes(9_000)),
  );
  const bucket = fc.array(entry, { maxLength: 300, size: "max" }).map((entries) => {
    const sorted = entries.toSorted(([a], [b]) => Buffer.compare(a, b));
    return sorted.filter(([key], at) => {
      const before = sorted[at - 1];
      return before === undefined || Buffer.compare(before[0], key) !== 0;
    });
  });
  await fc.assert(
    fc.asyncProperty(bucket, bucket, async (first, second) => {
      const contents = plain(readBolt(await write({ first, second })));
      assert.deepEqual(contents, { first, second });
    }),
    { numRuns: 30 },
  );
});

Deno.test("BoltFile.flush() leaves one page of each level in memory", async () => {
  const output = new MemoryOutput();
  const file = await BoltFile.begin(output);
  const bucket = file.openBucket();
  for (const [key, value] of numbered(20_000, 100)) {
    bucket.add(key, value);
    await file.flush();
  }
  file.endBucket("key", bucket);
  await file.finish();
  assert.equal(readBolt(output.bytes).get("key")?.length, 20_000);
  assert.ok(output.longest <= 5 * PAGE_SIZE, `${output.longest} bytes at once`);
});
