import assert from "node:assert/strict";
import fc from "fast-check";
import { KvArena } from "./kv_arena.ts";

Deno.test("KvArena gives each caller memory that nobody else writes", () => {
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(9_000)), { maxLength: 60 });
  fc.assert(
    fc.property(sizes, (list) => {
      const arena = new KvArena();
      const pieces = list.map((size) => arena.allocate(size));
      pieces.forEach((piece, i) => piece.fill(i + 1));
      pieces.forEach((piece, i) => {
        assert.equal(piece.length, list[i]);
        assert.ok(piece.every((byte) => byte === i + 1));
      });
    }),
    { numRuns: 50 },
  );
});

Deno.test("KvArena cuts small messages out of one slab, and gives large ones memory of their own", () => {
  const arena = new KvArena();
  const first = arena.allocate(10);
  const large = arena.allocate(1024 * 1024);
  const second = arena.allocate(20);
  assert.equal(first.buffer, second.buffer);
  assert.equal(large.buffer.byteLength, 1024 * 1024);
});

Deno.test("KvArena begins another slab when one is used up", () => {
  const arena = new KvArena();
  const slabs = new Set(Array.from({ length: 1_000 }, () => arena.allocate(100).buffer));
  const bytes = [...slabs].reduce((sum, slab) => sum + slab.byteLength, 0);
  assert.ok(slabs.size > 1);
  assert.ok(bytes < 2 * 100 * 1_000, `${bytes} bytes`);
});
