import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { HistoryRow } from "../../backends/contract.ts";
import { HotCache } from "./hot_cache.ts";
import { encodeKv, type Version } from "./stored_kv.ts";

function version(key: string, value = ""): Version {
  const numbers = { createRevision: 2, modRevision: 2, version: 1, lease: 0n };
  return encodeKv({ key: Buffer.from(key), value: Buffer.from(value), ...numbers });
}

function row(of: Version, tombstone: boolean): HistoryRow {
  const { key, kv, metaSize } = of;
  return { revision: 3, sub: 0, key, kv, metaSize, tombstone, lease: 0n, prevKv: null };
}

Deno.test("HotCache tells a key that does not exist from one that it does not know", () => {
  const cache = new HotCache(1_000_000);
  cache.set("gone", null);
  const a = version("a");
  cache.set("a", a);
  assert.equal(cache.get("gone"), null);
  assert.equal(cache.get("unknown"), undefined);
  assert.equal(cache.get("a"), a);
  cache.clear();
  assert.equal(cache.get("a"), undefined);
  assert.equal(cache.get("gone"), undefined);
});

Deno.test("HotCache takes in commits: puts as versions, tombstones as keys that are gone", () => {
  const cache = new HotCache(1_000_000);
  cache.set("b", version("b"));
  cache.apply([row(version("a", "new"), false), row(version("b"), true)]);
  assert.equal(Buffer.from(cache.get("a")?.value ?? []).toString(), "new");
  assert.equal(cache.get("b"), null);
});

Deno.test("HotCache answers the newest state when an older one is in the old generation", () => {
  const cache = new HotCache(4_000);
  cache.set("a", version("a", "old"));
  // Fills generations until the entry has become old, but is still there.
  for (let i = 0; i < 5; i++) cache.set(`filler${i}`, null);
  cache.set("a", null);
  assert.equal(cache.get("a"), null);
});

Deno.test("HotCache stays within its bound however much is put in", () => {
  const bytesMax = 64 * 1024;
  const cache = new HotCache(bytesMax);
  const names = Array.from({ length: 1_000 }, (_, i) => `key${i}`);
  for (const name of names) cache.set(name, version(name, "v".repeat(500)));
  let bytes = 0;
  // Asking moves entries about and drops some, but never brings one back.
  for (const name of names.reverse()) bytes += cache.get(name)?.kv.length ?? 0;
  assert.ok(bytes > 0);
  assert.ok(bytes <= bytesMax, `${bytes} bytes of messages`);
});

Deno.test("HotCache keeps what is asked for again and again, and loses what is not", () => {
  const cache = new HotCache(16 * 1024);
  cache.set("used", version("used"));
  cache.set("gone", null);
  cache.set("unused", version("unused"));
  for (let i = 0; i < 1_000; i++) {
    cache.set(`filler${i}`, null);
    assert.ok(cache.get("used"), `lost after ${i} others`);
    assert.equal(cache.get("gone"), null);
  }
  assert.equal(cache.get("unused"), undefined);
});
