import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { HistoryRow } from "../../backends/contract.ts";
import { Dice, seedsToTry } from "../../backends/conformance/dice.ts";
import {
  CATCH_UP_READS_MAX,
  CATCH_UP_ROWS,
  RECENT_COMMITS_MAX,
  WATCH_RESPONSE_BYTES,
  WATCH_STREAM_BYTES_MAX,
  WATCH_STREAM_BYTES_MIN,
  WATCH_STREAMS_BYTES_MAX,
} from "../limits.ts";
import { FakeOutlet, watching } from "./fake_outlet.ts";
import { FakeStore } from "./fake_store.ts";
import { streamShare, WatchHub } from "./hub.ts";
import { WatchStream } from "./watch_stream.ts";

class Rig implements Disposable {
  readonly fake = new FakeStore();
  readonly logged: string[] = [];
  readonly #cleanup = new DisposableStack();
  #hub: WatchHub | undefined;

  /** Made at first use, so that a test can write history before. */
  get hub(): WatchHub {
    return this.#hub ??= this.#cleanup.use(
      new WatchHub({
        store: this.fake.store,
        log: (_level, message) => this.logged.push(message),
      }),
    );
  }

  open(): { outlet: FakeOutlet; stream: WatchStream } {
    const outlet = new FakeOutlet();
    const options = { hub: this.hub, outlet, progressIntervalMs: 1_000_000, random: () => 0 };
    return { outlet, stream: this.#cleanup.use(new WatchStream(options)) };
  }

  put(key: string, value = "1"): void {
    this.fake.commit([[{ key, value }]]);
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

Deno.test("WatchHub gives synced watchers the events of a commit at once", () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  stream.create(0n, watching("a", { end: "c" }));
  rig.fake.commit([[{ key: "a", value: "1" }, { key: "b" }], [{ key: "c", value: "2" }]]);
  assert.deepEqual(outlet.seen.slice(2).sort(), ["0: 2 a=1 @3", "1: 2 a=1, 2 b @3"]);
});

Deno.test("WatchHub serves a start in the recent past without reading the store", async () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  for (const key of ["a", "b", "a", "a"]) rig.put(key);
  stream.create(0n, watching("a", { startRevision: 4 }));
  await outlet.until(() => outlet.seen.length === 2);
  assert.deepEqual(outlet.seen, ["created 0 @5", "0: 4 a=1, 5 a=1 @5"]);
  assert.equal(rig.fake.reads, 0);
  assert.equal(rig.hub.slowWatchers, 0);
});

Deno.test("WatchHub serves a start before its own from the store", async () => {
  using rig = new Rig();
  rig.put("a");
  const { outlet, stream } = rig.open();
  rig.put("a");
  stream.create(0n, watching("a", { startRevision: 1 }));
  await outlet.until(() => outlet.seen.length === 2);
  assert.deepEqual(outlet.seen[1], "0: 2 a=1, 3 a=1 @3");
  assert.equal(rig.fake.reads, 1);
});

Deno.test("WatchHub reads one page for watchers that start at about the same revision", async () => {
  using rig = new Rig();
  for (let index = 0; index < 100; index++) rig.put("a");
  const { outlet, stream } = rig.open();
  for (let index = 0; index < 50; index++) {
    stream.create(0n, watching("a", { startRevision: 2 + index }));
  }
  await outlet.until(() => outlet.revisions.size === 50);
  assert.equal(rig.fake.reads, 1);
  for (const [id, revisions] of outlet.revisions) assert.equal(revisions.length, 100 - Number(id));
});

Deno.test("WatchHub gives a start in the future nothing before it", () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a", { startRevision: 4 }));
  stream.requestProgress();
  rig.fake.commit([[{ key: "a", value: "2" }]]);
  rig.fake.commit([[{ key: "a", value: "3" }], [{ key: "a", value: "4" }]]);
  stream.requestProgress();
  assert.deepEqual(outlet.seen, ["created 0 @1", "0: 4 a=4 @4", "progress -1 @4"]);
});

Deno.test("WatchHub hands over exactly once and in order, whatever happens meanwhile", async () => {
  for (const seed of seedsToTry()) await checkHandOver(seed);
});

/** Commits, compactions, new watchers, slow clients and late pages in any order; then everybody has everything once. */
async function checkHandOver(seed: number): Promise<void> {
  using rig = new Rig();
  const dice = new Dice(seed);
  const keys = ["a", "b", "c", "d"];
  const written: { key: string; revision: number }[] = [];
  function write(): void {
    rig.fake.commit(Array.from({ length: 1 + dice.below(3) }, (_, index) => {
      const key = dice.pick(keys);
      written.push({ key, revision: rig.fake.head.revision + 1 + index });
      return [{ key, value: "1" }];
    }));
  }
  // The hub has no memory of these.
  for (let index = 0; index < 200; index++) write();
  rig.fake.beforeRead = async () => {
    for (let turns = dice.below(4); turns > 0; turns--) await setImmediate();
  };
  const streams = Array.from({ length: 5 }, () => rig.open());
  const watchers: { outlet: FakeOutlet; id: bigint; key: string; start: number }[] = [];
  for (let step = 0; step < 1_000; step++) {
    const { outlet, stream } = dice.pick(streams);
    const { revision, compactRevision } = rig.fake.head;
    switch (dice.below(9)) {
      case 0:
      case 1: {
        const key = dice.pick(keys);
        const start = 1 + dice.below(revision + 5);
        const id = BigInt(watchers.length + 1);
        stream.create(id, watching(key, { startRevision: start }));
        watchers.push({ outlet, id, key, start });
        break;
      }
      case 2:
        outlet.fill();
        break;
      case 3:
        outlet.drain();
        break;
      case 4:
      case 5:
        await setImmediate();
        break;
      case 6:
        if (dice.below(20) === 0) {
          const next = Math.max(compactRevision, 0) + dice.below(revision / 4);
          if (next > compactRevision && next <= revision) rig.fake.compact(next);
        }
        break;
      default:
        write();
    }
  }
  for (const { outlet } of streams) outlet.drain();
  for (const { outlet, id, key, start } of watchers) {
    const wanted = written.filter((one) => one.key === key && one.revision >= start)
      .map(({ revision }) => revision);
    const got = () => outlet.revisions.get(id) ?? [];
    const isOvertaken = () => outlet.seen.some((news) => news.startsWith(`overtaken ${id} by`));
    await outlet.until(() => got().length >= wanted.length || isOvertaken());
    const due = isOvertaken() ? wanted.slice(0, got().length) : wanted;
    assert.deepEqual(got(), due, `seed ${seed}: watcher ${id} of ${key} from ${start}`);
  }
}

Deno.test("WatchHub gives a slow client nothing until it reads, and others everything", async () => {
  using rig = new Rig();
  const slow = rig.open();
  const quick = rig.open();
  slow.stream.create(0n, watching("a"));
  quick.stream.create(0n, watching("a"));
  rig.put("a", "1");
  slow.outlet.fill();
  // More than the hub keeps in memory.
  for (let index = 0; index <= RECENT_COMMITS_MAX; index++) rig.put("a");
  assert.equal(slow.outlet.seen.length, 2);
  assert.equal(quick.outlet.seen.length, 3 + RECENT_COMMITS_MAX);
  slow.stream.requestProgress();
  assert.equal(rig.hub.slowWatchers, 1);
  const missing = RECENT_COMMITS_MAX + 1;
  assert.deepEqual(rig.hub.backlog(), { sum: missing, max: missing });
  slow.outlet.drain();
  await slow.outlet.until(() => rig.hub.slowWatchers === 0);
  assert.deepEqual(rig.hub.backlog(), { sum: 0, max: 0 });
  assert.deepEqual(slow.outlet.revisions, quick.outlet.revisions);
  assert.equal(rig.fake.reads, 1, "the rest came from memory");
  assert.ok(slow.outlet.seen.length > RECENT_COMMITS_MAX / CATCH_UP_ROWS);
  slow.stream.requestProgress();
  assert.equal(slow.outlet.seen.at(-1), `progress -1 @${rig.fake.head.revision}`);
});

Deno.test("WatchHub tells watchers that compaction overtakes, before and while they read", async () => {
  using rig = new Rig();
  for (let index = 0; index < 10; index++) rig.put("a");
  const { outlet, stream } = rig.open();
  rig.fake.compact(5);
  stream.create(0n, watching("a", { startRevision: 4 }));
  const read = Promise.withResolvers<void>();
  rig.fake.beforeRead = () => read.promise;
  stream.create(0n, watching("a", { startRevision: 5 }));
  // The store has compacted, and the page lacks rows, before the hub is told.
  rig.fake.compact(8, { publish: false });
  read.resolve();
  await outlet.until(() => outlet.seen.length === 4);
  assert.deepEqual(outlet.seen, [
    "created 0 @11",
    "overtaken 0 by 5",
    "created 1 @11",
    "overtaken 1 by 8",
  ]);
  assert.equal(rig.hub.watchers, 0);
});

Deno.test("WatchHub tells a slow watcher when compaction overtakes it", () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  stream.create(0n, watching("b"));
  outlet.fill();
  for (let index = 0; index < 5; index++) rig.put("a");
  rig.fake.compact(rig.fake.head.revision);
  assert.deepEqual(outlet.seen.slice(2), ["overtaken 0 by 6"]);
  outlet.drain();
  stream.requestProgress();
  assert.equal(outlet.seen.length, 3, "no progress until the client has canceled what is gone");
  assert.equal(stream.cancel(0n), true);
  stream.requestProgress();
  assert.equal(outlet.seen.at(-1), "progress -1 @6");
});

Deno.test("WatchHub tries again when the store cannot be read", async () => {
  using rig = new Rig();
  rig.put("a");
  const { outlet, stream } = rig.open();
  rig.fake.beforeRead = () =>
    rig.fake.reads === 1 ? Promise.reject(new Error("gone")) : Promise.resolve();
  stream.create(0n, watching("a", { startRevision: 2 }));
  await outlet.until(() => outlet.seen.length === 2);
  assert.deepEqual(outlet.seen[1], "0: 2 a=1 @2");
  assert.deepEqual(rig.logged, ["History for watchers cannot be read: trying again"]);
});

Deno.test("WatchHub forgets the watchers of a stream that ends", async () => {
  using rig = new Rig();
  for (let index = 0; index < 10; index++) rig.put("a");
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  stream.create(0n, watching("a", { end: "b", prevKv: true }));
  stream.create(0n, watching("a", { startRevision: 2 }));
  stream[Symbol.dispose]();
  assert.equal(rig.hub.watchers, 0);
  assert.equal(rig.hub.streams, 0);
  rig.put("a");
  await setImmediate();
  assert.equal(outlet.seen.length, 3);
});

Deno.test("WatchHub gives each of many streams a share of the memory", () => {
  for (
    const [streams, share] of [
      [0, WATCH_STREAM_BYTES_MAX],
      [1, WATCH_STREAM_BYTES_MAX],
      [100, WATCH_STREAMS_BYTES_MAX / 100],
      [1_000_000, WATCH_STREAM_BYTES_MIN],
    ] as const
  ) assert.equal(streamShare(streams), share);
});

Deno.test("WatchHub stops within a large commit when the client is full, and goes on there", async () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  outlet.fillsAtEvents = true;
  const value = "x".repeat(WATCH_RESPONSE_BYTES / 2 + 1);
  rig.fake.commit([2, 3, 4].map(() => [{ key: "a", value }]));
  assert.deepEqual(outlet.revisions.get(0n), [2]);
  assert.ok(outlet.seen.at(-1)?.endsWith("@2"), "it promises no more than it gave");
  outlet.drain();
  await outlet.until(() => outlet.revisions.get(0n)?.length === 2);
  outlet.drain();
  await outlet.until(() => outlet.revisions.get(0n)?.length === 3);
  assert.deepEqual(outlet.revisions.get(0n), [2, 3, 4]);
});

Deno.test("WatchHub gives a full stream what waits for another of its watchers already", () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  stream.create(0n, watching("a"));
  stream.create(0n, watching("a", { prevKv: true }));
  outlet.fillsAtEvents = true;
  rig.put("a");
  assert.deepEqual(outlet.seen.slice(3), ["0: 2 a=1 @2", "1: 2 a=1 @2"]);
  assert.equal(rig.hub.slowWatchers, 1);
});

Deno.test("WatchHub ends a stream that cannot be given a commit, and no other", async () => {
  using rig = new Rig();
  const broken = rig.open();
  const whole = rig.open();
  for (const { stream } of [broken, whole]) {
    stream.create(0n, watching("a"));
    stream.create(0n, watching("a", { end: "b" }));
  }
  broken.outlet.defect = new Error("defect");
  rig.put("a");
  assert.equal(broken.outlet.seen.at(-1), "failed");
  assert.deepEqual(whole.outlet.seen.slice(2), ["0: 2 a=1 @2", "1: 2 a=1 @2"]);
  assert.deepEqual([rig.hub.streams, rig.hub.watchers], [1, 2]);
  assert.deepEqual(rig.logged, ["defect: events could not be delivered"]);
  // The same for those that catch up, more often than there are workers.
  for (let round = 0; round < 2 * CATCH_UP_READS_MAX; round++) {
    const { outlet, stream } = rig.open();
    outlet.defect = new Error("defect");
    stream.create(0n, watching("a", { startRevision: 2 }));
    await outlet.until(() => outlet.seen.includes("failed"));
  }
  whole.stream.create(0n, watching("a", { startRevision: 2 }));
  await whole.outlet.until(() => whole.outlet.seen.includes("2: 2 a=1 @2"));
});

Deno.test("WatchHub ends all streams when it cannot tell whose a commit is", () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  const { head } = rig.fake;
  const rows = [{} as HistoryRow];
  rig.fake.publish({ head: { ...head, revision: 2 }, rows, leases: [], records: [], isOwn: true });
  assert.deepEqual(outlet.seen, ["created 0 @1", "failed"]);
  assert.deepEqual([rig.hub.streams, rig.hub.watchers], [0, 0]);
});

Deno.test("WatchHub reads previous versions only for those who want them", async () => {
  using rig = new Rig();
  rig.put("a");
  const { outlet, stream } = rig.open();
  for (const [id, prevKv] of [[1n, false], [2n, true]] as const) {
    stream.create(id, watching("a", { startRevision: 2, prevKv }));
    await outlet.until(() => outlet.revisions.has(id));
    assert.equal(rig.fake.withPrev, prevKv);
  }
});

Deno.test("WatchHub tells all who were given events of a history that is gone, and leaves the others", () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  stream.create(0n, watching("a", { startRevision: 9 }));
  rig.put("a");
  rig.put("a");
  const before = rig.fake.head;
  rig.fake.head = { ...before, revision: 2, batchId: "of another history" };
  rig.fake.restart({ before, isOther: true });
  assert.deepEqual(outlet.seen.at(-1), "overtaken 0 by 4");
  assert.equal(rig.hub.watchers, 1);
});

Deno.test("WatchHub lets watchers go on after a compaction took what was not told yet, if they still can", async () => {
  using rig = new Rig();
  const { outlet, stream } = rig.open();
  stream.create(0n, watching("a"));
  rig.put("a");
  const before = rig.fake.head;
  for (let count = 0; count < 3; count++) {
    rig.fake.commit([[{ key: "a", value: "2" }]], { publish: false });
  }
  stream.create(0n, watching("a", { startRevision: 4 }));
  rig.fake.compact(4, { publish: false });
  rig.fake.restart({ before, isOther: false });
  await outlet.until(() => outlet.seen.length === 5);
  assert.deepEqual(outlet.seen.slice(3), ["overtaken 0 by 4", "1: 4 a=2, 5 a=2 @5"]);
});
