import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { openSync } from "node:fs";
import { BoltFile } from "../snapshot/bolt_file.ts";
import { MemoryOutput } from "../snapshot/testing/memory_output.ts";
import { BoltReader } from "./bolt_reader.ts";
import { EtcdSource } from "./etcd_source.ts";
import { MigrationError } from "./source.ts";

type Entries = readonly (readonly [key: string, value: Buffer])[];

async function boltFile(buckets: Readonly<Record<string, Entries>>): Promise<Buffer> {
  const output = new MemoryOutput();
  const bolt = await BoltFile.begin(output);
  for (const [name, entries] of Object.entries(buckets)) {
    const bucket = bolt.openBucket();
    for (const [key, value] of entries) bucket.add(Buffer.from(key), value);
    bolt.endBucket(name, bucket);
  }
  await bolt.finish();
  return output.bytes;
}

/** Opens a file of these bytes, which is there only as long. */
async function withReader<T>(bytes: Uint8Array, read: (reader: BoltReader) => T | Promise<T>) {
  const path = await Deno.makeTempFile({ prefix: "rhino-bolt-" });
  try {
    await Deno.writeFile(path, bytes);
    using reader = new BoltReader(openSync(path, "r"), path);
    return await read(reader);
  } finally {
    await Deno.remove(path);
  }
}

const MANY: Entries = Array.from(
  { length: 20_000 },
  (_, index) =>
    [`key ${String(index).padStart(6, "0")}`, Buffer.alloc(index % 300, index)] as const,
);

Deno.test("BoltReader.bucket() gives every entry in order, and tells how far it is", async () => {
  const large = Buffer.alloc(3_000_000, 7);
  const bytes = await boltFile({ empty: [], key: MANY, large: [["a", large]] });
  await withReader(bytes, (reader) => {
    const leaves = [...reader.bucket("key")];
    const entries = leaves.flatMap(({ entries }) => entries);
    assert.deepEqual(entries.map(({ key }) => key.toString()), MANY.map(([key]) => key));
    assert.ok(entries.every(({ value }, at) => value.equals(MANY[at]?.[1] ?? Buffer.alloc(1))));
    const fractions = leaves.map(({ fraction }) => fraction);
    assert.deepEqual(fractions, [...fractions].sort((a, b) => a - b));
    assert.ok(Math.abs((fractions.at(-1) ?? 0) - 1) < 1e-9);
    assert.ok(Math.abs((fractions[fractions.length >> 1] ?? 0) - 0.5) < 0.05);
    assert.deepEqual(reader.entries("empty"), []);
    assert.ok(reader.entries("large")[0]?.value.equals(large));
    assert.deepEqual([reader.has("key"), reader.has("none")], [true, false]);
    assert.deepEqual(reader.entries("none"), []);
  });
});

Deno.test("BoltReader takes the older header where the newer one is damaged", async () => {
  const bytes = await boltFile({ key: MANY.slice(0, 10) });
  for (const page of [0, 1]) {
    const damaged = Buffer.from(bytes);
    damaged.fill(0, page * 4_096 + 16, page * 4_096 + 40);
    assert.equal(await withReader(damaged, (reader) => reader.entries("key").length), 10);
  }
});

/** Numbers that look random and are the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % sides;
  };
}

/** As etcd has rows: revision and place, then the message. */
function etcdRows(count: number): Entries {
  return Array.from({ length: count }, (_, index) => {
    const id = Buffer.alloc(17);
    id.writeBigUInt64BE(BigInt(index + 2));
    id[8] = 0x5f;
    const key = Buffer.from(`k${index}`);
    const fields = Buffer.from([0x10, index + 2, 0x18, index + 2, 0x20, 1]);
    const value = Buffer.concat([Buffer.from([0x0a, key.length]), key, fields]);
    return [id.toString("latin1"), value] as const;
  });
}

Deno.test("BoltReader and EtcdSource end on any damage, with one clear error or none", async () => {
  const rows = etcdRows(100).map(([key, value]) => [Buffer.from(key, "latin1"), value] as const);
  const output = new MemoryOutput();
  const bolt = await BoltFile.begin(output);
  const keys = bolt.openBucket();
  for (const [key, value] of rows) keys.add(key, value);
  bolt.endBucket("key", keys);
  bolt.endBucket("meta", bolt.openBucket());
  await bolt.finish();
  const whole = output.bytes;
  const seed = Number(Deno.env.get("RHINO_TEST_SEED") ?? Date.now() % 1e6);
  const roll = dice(seed);
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const damaged = Buffer.from(whole);
    for (let count = 1 + roll(8); count > 0; count--) damaged[roll(damaged.length)] = roll(256);
    const cut = roll(4) === 0 ? damaged.subarray(0, roll(damaged.length)) : damaged;
    try {
      await withReader(cut, async (reader) => {
        const source = new EtcdSource(reader, { name: "it", notes: [] });
        const portions = source.portions();
        while (!(await portions.next()).done);
      });
    } catch (error) {
      const isClear = error instanceof MigrationError && !error.message.includes("\n");
      assert.ok(isClear, `RHINO_TEST_SEED=${seed}, round ${round}: ${error}`);
      refused++;
    }
  }
  assert.ok(refused > 50, `${refused} of 400 were refused (RHINO_TEST_SEED=${seed})`);
});
