import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { HistoryRow } from "../../backends/contract.ts";
import { Dice } from "../../backends/conformance/dice.ts";
import { encodeKv } from "../mvcc/stored_kv.ts";
import { watching } from "./fake_outlet.ts";
import { Watcher, type WatcherStream } from "./watcher.ts";
import { WatcherIndex } from "./watcher_index.ts";

const NO_STREAM: WatcherStream = {
  isFull: false,
  offer: () => true,
  park: () => {},
  overtaken: () => {},
  fail: () => {},
};

function row(
  key: string,
  { revision, tombstone }: { revision: number; tombstone: boolean },
): HistoryRow {
  const bytes = Buffer.from(key, "latin1");
  const { kv, metaSize } = encodeKv({
    ...{ key: bytes, createRevision: 0, modRevision: revision, version: 0, lease: 0n },
    value: new Uint8Array(),
  });
  return { revision, sub: 0, key: bytes, kv, metaSize, tombstone, lease: 0n, prevKv: null };
}

Deno.test("WatcherIndex gives each watcher exactly the rows that it wants", () => {
  const dice = new Dice(3);
  const index = new WatcherIndex();
  const watchers: Watcher[] = [];
  const keys = ["a", "a\0", "ab", "b", "\xff", "\xff\xff"];
  for (let step = 0; step < 2_000; step++) {
    if (dice.below(5) < 2 && watchers.length > 0) {
      const [gone] = watchers.splice(dice.below(watchers.length), 1);
      assert.ok(gone);
      index.delete(gone);
      index.delete(gone);
    } else {
      const start = dice.pick(keys);
      const end = dice.pick([...keys, "open", "single"]);
      if (keys.includes(end) && end <= start) continue;
      const options = watching(start, {
        noPut: dice.below(4) === 0,
        noDelete: dice.below(4) === 0,
        prevKv: dice.below(2) === 0,
        ...(end === "single" ? {} : { end: end === "open" ? null : end }),
      });
      const watcher = new Watcher(BigInt(step), NO_STREAM, options);
      watchers.push(watcher);
      index.add(watcher);
    }
    assert.equal(index.size, watchers.length);
    const rows = Array.from(
      { length: dice.below(4) },
      (_, offset) =>
        row(dice.pick(keys), { revision: step + offset, tombstone: dice.below(3) === 0 }),
    );
    const got = new Map<Watcher, readonly HistoryRow[]>();
    for (const { batch, watchers } of index.distribute(rows, -1)) {
      for (const watcher of watchers) got.set(watcher, batch.events.map((event) => event.row));
    }
    for (const watcher of watchers) {
      assert.deepEqual(got.get(watcher) ?? [], rows.filter((row) => wants(watcher, row)));
    }
  }
});

function wants({ options }: Watcher, row: HistoryRow): boolean {
  const key = Buffer.from(row.key).toString("latin1");
  const { start, end, single, noPut, noDelete } = options;
  if (row.tombstone ? noDelete : noPut) return false;
  return single ? key === start : key >= start && (end === null || key < end);
}

Deno.test("WatcherIndex makes one batch for watchers that want the same", () => {
  const index = new WatcherIndex();
  for (let id = 0n; id < 10n; id++) {
    index.add(new Watcher(id, NO_STREAM, watching("a", { end: "b" })));
    index.add(new Watcher(id, NO_STREAM, watching("a")));
  }
  const deliveries = index.distribute([row("a", { revision: 2, tombstone: false })], -1);
  assert.deepEqual(deliveries.map(({ watchers }) => watchers.size), [10, 10]);
  const [one, other] = deliveries;
  // The event itself is encoded once for both.
  assert.equal(one?.batch.blocks[0]?.bytes, other?.batch.blocks[0]?.bytes);
});
