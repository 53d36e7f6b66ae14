import { FIRST_HEAD } from "../../backends/contract.ts";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { keyName } from "./key_range.ts";
import { KvArena } from "./kv_arena.ts";
import { encodeKv, type Version } from "./stored_kv.ts";
import { ALL, key, readable, span } from "./testing/ops.ts";
import { BatchView, rangeNeedName } from "./view.ts";

const NAMES = ["a", "b", "c", "d"];
const LEASES = [1n, 2n];
const HEAD = { ...FIRST_HEAD, index: 5, revision: 10, batchId: "base" };

function stored(name: string, lease = 0n): Version {
  const numbers = { createRevision: 3, modRevision: 4, version: 2 };
  return encodeKv({ key: key(name), value: Buffer.from("base"), lease, ...numbers });
}

/** Of four keys `a` and `b` exist, `b` on lease 1, which is the only one; at revision 7 there was only `d`. */
function newView(): BatchView {
  const live = [stored("a"), stored("b", 1n)];
  const keys = new Map<string, Version | null>(NAMES.map((name) => [name, null]));
  for (const version of live) keys.set(keyName(version.key), version);
  const base = {
    head: HEAD,
    keys,
    ranges: new Map([
      [rangeNeedName(ALL, 0), live],
      [rangeNeedName(ALL, 7), [stored("d")]],
    ]),
    leases: new Map([[1n, { id: 1n, ttl: 60, remainingMs: 60_000 }], [2n, null]]),
    leaseKeys: new Map([[1n, live.slice(1)], [2n, []]]),
    records: new Map([["r", null]]),
  };
  return new BatchView(base, new KvArena());
}

function put(
  view: BatchView,
  name: string,
  options: { value?: string; lease?: bigint } = {},
): void {
  view.put(key(name), { value: Buffer.from(options.value ?? "v"), lease: options.lease ?? 0n });
}

function kvs(versions: readonly Version[]): string[] {
  return readable(versions.map((version) => version.kv));
}

/** All that commands can see of a view, and all that it would write. */
function snapshot(view: BatchView) {
  return {
    revision: view.revision,
    compactRevision: view.compactRevision,
    rows: view.rowCount,
    isChanged: view.isChanged,
    keys: NAMES.map((name) => view.get(key(name))?.kv ?? null),
    all: kvs(view.range(ALL)),
    leases: LEASES.map((id) => view.lease(id)),
    leaseKeys: LEASES.map((id) => kvs(view.leaseKeys(id))),
    record: view.record("r"),
    changes: structuredClone(view.changes("next")),
  };
}

type Change = (view: BatchView) => void;

const CHANGE: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(0n, ...LEASES)).map(
    ([name, lease]): Change => (view) => put(view, name, { lease }),
  ),
  fc.constantFrom(...NAMES).map((name): Change => (view) => {
    const version = view.get(key(name));
    if (version !== null) view.delete(version);
  }),
  fc.tuple(fc.constantFrom(...LEASES), fc.option(fc.nat(100))).map(
    ([id, ttl]): Change => (view) =>
      view.setLease(id, ttl === null ? null : { ttl, remainingMs: ttl * 1_000 }),
  ),
  fc.option(fc.uint8Array({ maxLength: 3 })).map(
    (value): Change => (view) => view.setRecord("r", value),
  ),
  fc.nat(9).map((revision): Change => (view) => view.compactRevision = revision),
);

const COMMAND = fc.array(CHANGE, { maxLength: 6 });

Deno.test("BatchView.run() leaves the view as it was when its command fails", () => {
  const commands = fc.array(fc.record({ changes: COMMAND, fails: fc.boolean() }), { maxLength: 6 });
  fc.assert(
    fc.property(commands, (list) => {
      const view = newView();
      const withoutFailures = newView();
      for (const { changes, fails } of list) {
        const before = snapshot(view);
        const run = () =>
          view.run((running) => {
            for (const change of changes) change(running);
            if (fails) throw new RangeError("fails");
          });
        if (fails) {
          assert.throws(run, RangeError);
          assert.deepEqual(snapshot(view), before);
        } else {
          run();
          withoutFailures.run((running) => changes.forEach((change) => change(running)));
        }
      }
      assert.deepEqual(snapshot(view), snapshot(withoutFailures));
    }),
    { numRuns: 200 },
  );
});

Deno.test("BatchView gives each command that changes keys a revision of its own", () => {
  const view = newView();
  assert.equal(view.revision, 10);
  view.run(() => {
    put(view, "a");
    assert.equal(view.revision, 11);
    assert.equal(view.revisionBefore, 10);
    put(view, "b");
  });
  view.run(() => {});
  view.run(() => put(view, "a"));
  const { rows, head: { revision } } = view.changes("next");
  assert.equal(revision, 12);
  assert.deepEqual(rows.map(({ revision, sub }) => [revision, sub]), [[11, 0], [11, 1], [12, 0]]);
});

Deno.test("BatchView.put() goes on counting versions, and begins again behind a delete", () => {
  const view = newView();
  view.run(() => put(view, "a"));
  const again = view.get(key("a"));
  assert.deepEqual([again?.createRevision, again?.modRevision, again?.version], [3, 11, 3]);
  view.run(() => view.delete(again!));
  assert.equal(view.get(key("a")), null);
  view.run(() => put(view, "a"));
  const anew = view.get(key("a"));
  assert.deepEqual([anew?.createRevision, anew?.modRevision, anew?.version], [13, 13, 1]);
});

Deno.test("BatchView.changes() tells each row's previous version, and none for a new key", () => {
  const view = newView();
  view.run(() => put(view, "a", { value: "1" }));
  view.run(() => put(view, "a", { value: "2" }));
  view.run(() => view.delete(view.get(key("a"))!));
  view.run(() => put(view, "a", { value: "3" }));
  const { rows } = view.changes("next");
  const previous = rows.map(({ prevKv }) => prevKv === null ? null : readable([prevKv])[0]);
  assert.deepEqual(previous, ["a=base", "a=1", "a=2", null]);
  assert.deepEqual(rows.map(({ tombstone }) => tombstone), [false, false, true, false]);
});

Deno.test("BatchView.range() shows what earlier commands of the batch changed, in key order", () => {
  const view = newView();
  view.run(() => put(view, "c", { value: "1" }));
  view.run(() => view.delete(view.get(key("a"))!));
  assert.deepEqual(kvs(view.range(ALL)), ["b=base", "c=1"]);
  assert.deepEqual(kvs(view.range(span("c"))), ["c=1"]);
  assert.deepEqual(kvs(view.range(span("a"))), []);
});

Deno.test("BatchView.rangeAt() replays revisions inside the batch, and reads older ones as loaded", () => {
  const view = newView();
  view.run(() => put(view, "c", { value: "1" }));
  view.run(() => view.delete(view.get(key("a"))!));
  view.run(() => put(view, "c", { value: "2" }));
  assert.deepEqual(kvs(view.rangeAt(ALL, 7)), ["d=base"]);
  assert.deepEqual(kvs(view.rangeAt(ALL, 10)), ["a=base", "b=base"]);
  assert.deepEqual(kvs(view.rangeAt(ALL, 11)), ["a=base", "b=base", "c=1"]);
  assert.deepEqual(kvs(view.rangeAt(ALL, 12)), ["b=base", "c=1"]);
  assert.deepEqual(kvs(view.rangeAt(ALL, 13)), ["b=base", "c=2"]);
});

Deno.test("BatchView.leaseKeys() follows keys to other leases, off leases and away", () => {
  const view = newView();
  view.run(() => put(view, "c", { lease: 1n }));
  view.run(() => put(view, "a", { lease: 1n }));
  assert.deepEqual(kvs(view.leaseKeys(1n)), ["a=v", "b=base", "c=v"]);
  view.run(() => put(view, "b"));
  view.run(() => put(view, "c", { lease: 2n }));
  assert.deepEqual(kvs(view.leaseKeys(1n)), ["a=v"]);
  assert.deepEqual(kvs(view.leaseKeys(2n)), ["c=v"]);
  view.run(() => view.delete(view.get(key("a"))!));
  assert.deepEqual(kvs(view.leaseKeys(1n)), []);
});

Deno.test("BatchView.isChanged holds for changes of any kind, and not for reads", () => {
  const changes: Change[] = [
    (view) => put(view, "a"),
    (view) => view.setLease(2n, null),
    (view) => view.setRecord("r", null),
    (view) => view.compactRevision = 3,
    (view) => view.resumeLeases(),
    (view) => view.touch(),
  ];
  for (const change of changes) {
    const view = newView();
    view.run((running) => running.range(ALL));
    assert.ok(!view.isChanged);
    view.run(change);
    assert.ok(view.isChanged, String(change));
  }
});

Deno.test("BatchView fails loudly when a command looks at what it did not ask for", () => {
  const view = newView();
  assert.throws(() => view.get(key("unasked")), /did not ask/);
  assert.throws(() => view.range(span("a", "c")), /did not ask/);
  assert.throws(() => view.rangeAt(ALL, 6), /did not ask/);
  assert.throws(() => view.lease(9n), /did not ask/);
  assert.throws(() => view.leaseKeys(9n), /did not ask/);
  assert.throws(() => view.record("unasked"), /did not ask/);
});
