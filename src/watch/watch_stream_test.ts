import assert from "node:assert/strict";
import { FakeOutlet, watching } from "./fake_outlet.ts";
import { FakeStore } from "./fake_store.ts";
import { WatchHub } from "./hub.ts";
import { WatchStream } from "./watch_stream.ts";

function open(progressIntervalMs = 1_000_000) {
  const fake = new FakeStore();
  const cleanup = new DisposableStack();
  const hub = cleanup.use(new WatchHub({ store: fake.store, log: () => {} }));
  const outlet = new FakeOutlet();
  const stream = cleanup.use(
    new WatchStream({ hub, outlet, progressIntervalMs, random: () => 0 }),
  );
  return { fake, outlet, stream, [Symbol.dispose]: () => cleanup.dispose() };
}

Deno.test("WatchStream counts free ids up and refuses those that are taken", () => {
  using rig = open();
  const { outlet, stream } = rig;
  for (const id of [0n, 1n, 3n, 0n, -1n]) assert.ok(stream.create(id, watching("a")));
  assert.equal(stream.create(3n, watching("a")), false);
  assert.ok(stream.create(0n, watching("a")));
  assert.deepEqual(
    outlet.seen,
    [0, 1, 3, 2, -1, 4].map((id) => `created ${id} @1`),
  );
  assert.equal(stream.cancel(3n), true);
  assert.equal(stream.cancel(3n), false);
  assert.ok(stream.create(3n, watching("a")));
});

Deno.test("WatchStream answers a progress request only if all watchers have everything", async () => {
  using rig = open();
  const { fake, outlet, stream } = rig;
  stream.requestProgress();
  fake.commit([[{ key: "a", value: "1" }]]);
  stream.create(0n, watching("b"));
  stream.create(0n, watching("a", { startRevision: 2 }));
  stream.requestProgress();
  assert.deepEqual(outlet.seen, ["created 0 @2", "created 1 @2"]);
  await outlet.until(() => outlet.seen.length === 3);
  stream.requestProgress();
  assert.deepEqual(outlet.seen.slice(2), ["1: 2 a=1 @2", "progress -1 @2"]);
});

Deno.test("WatchStream tells idle watchers of progress, and busy ones a turn later", async () => {
  using rig = open(5);
  const { fake, outlet, stream } = rig;
  stream.create(0n, watching("a", { progressNotify: true }));
  stream.create(0n, watching("a", { progressNotify: true, noPut: true }));
  stream.create(0n, watching("a"));
  fake.commit([[{ key: "a", value: "1" }]]);
  await outlet.until(() => outlet.seen.includes("progress 0 @2"));
  const news = outlet.seen.filter((one) => one.startsWith("progress"));
  // The second watcher was sent nothing, so its turn came first.
  assert.deepEqual(news.slice(0, 2), ["progress 1 @2", "progress 0 @2"]);
  assert.ok(!news.includes("progress 2 @2"));
});
