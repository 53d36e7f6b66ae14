import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Backend } from "../../backends/contract.ts";
import { Compactor } from "../compaction/compactor.ts";
import { EtcdError } from "../errors.ts";
import { RANGE_RESTARTS_MAX, SMALL_PAGE_ROWS } from "../limits.ts";
import { grantCommand } from "../lease/commands.ts";
import { compactCommand } from "../mvcc/commands.ts";
import type { Store } from "../mvcc/store.ts";
import { Disk, Engine, Gate, type Override } from "../mvcc/testing/engine.ts";
import type { ClusterFacts } from "./etcd_buckets.ts";
import { type Snapshot, Snapshotter } from "./snapshotter.ts";
import { type BoltContents, readBolt } from "./testing/bolt_reader.ts";

const FACTS: ClusterFacts = { term: 2, version: "3.7.0", members: [] };
const STAYS = new AbortController().signal;
const SHARED = { isShared: true };

/** A store with what makes snapshots of it. */
class Rig implements AsyncDisposable {
  readonly engine: Engine;
  readonly compactor: Compactor;
  readonly snapshotter: Snapshotter;
  readonly folder: string;

  private constructor(engine: Engine, folder: string) {
    this.engine = engine;
    this.folder = folder;
    this.compactor = new Compactor({
      store: engine.store,
      intervalMs: 0,
      retainMin: 0,
      batchSize: 100,
      now: () => engine.disk.nowMs,
      log() {},
    });
    this.snapshotter = new Snapshotter({
      store: engine.store,
      hold: () => this.compactor.hold(),
      facts: () => Promise.resolve(FACTS),
      folder: () => folder,
    });
  }

  static async open(
    { override, disk, isShared = false }: {
      override?: Override;
      disk?: Disk;
      isShared?: boolean;
    } = {},
  ): Promise<Rig> {
    const engine = await Engine.open(override, disk, { isShared });
    return new Rig(engine, await Deno.makeTempDir({ prefix: "rhino-test-" }));
  }

  get store(): Store {
    return this.engine.store;
  }

  async compact(revision: number): Promise<void> {
    await this.store.submit(compactCommand(revision, this.store.alarms));
  }

  async contents(): Promise<BoltContents> {
    using snapshot = await this.snapshotter.make(STAYS);
    return await contentsOf(snapshot);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compactor[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function contentsOf({ file }: Snapshot): Promise<BoltContents> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file.read(10_000)) pieces.push(piece);
  return readBolt(Buffer.concat(pieces));
}

function revisionsOf(contents: BoltContents): number[] {
  return (contents.get("key") ?? []).map(({ key }) => Number(key.readBigUInt64BE(0)));
}

function compactedOf(contents: BoltContents): number | undefined {
  const entry = contents.get("meta")?.find(({ key }) => key.toString() === "finishedCompactRev");
  return entry && Number(entry.value.readBigUInt64BE(0));
}

function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Writes one key again and again, so that there are so many pages of history; answers the newest revision. */
async function fillPages(engine: Engine, pages: number): Promise<number> {
  const puts = Array.from({ length: pages * SMALL_PAGE_ROWS }, () => engine.put("a", "1"));
  await Promise.all(puts);
  return engine.store.head.revision;
}

/** Does something behind each page of the history that is read, once it is told to. */
function behindPages(): { override: Override; act: (() => Promise<void>) | undefined } {
  const hook = {
    act: undefined as (() => Promise<void>) | undefined,
    override: (real: Backend) => ({
      async history(query: Parameters<Backend["history"]>[0]) {
        const page = await real.history(query);
        // Who follows the store wants previous values.
        if (!query.withPrev) await hook.act?.();
        return page;
      },
    }),
  };
  return hook;
}

Deno.test("Snapshotter.make() is of one moment, while others write, compact and trim", async () => {
  const hook = behindPages();
  await using rig = await Rig.open(hook);
  const last = await fillPages(rig.engine, 3);
  let compacted = 0;
  hook.act = async () => {
    // Making the checksum of a compaction reads the history too.
    if (compacted >= last) return;
    compacted += SMALL_PAGE_ROWS + 1;
    await rig.engine.put("b", "late");
    await rig.compact(compacted);
  };
  const contents = await rig.contents();
  hook.act = undefined;
  assert.deepEqual(revisionsOf(contents), span(2, last));
  assert.equal(compactedOf(contents), undefined);

  // What was held goes now, and the next one is of what is left.
  await rig.compactor.trimmed();
  const next = await rig.contents();
  assert.equal(compactedOf(next), compacted);
  assert.deepEqual(revisionsOf(next), [last, ...span(compacted, rig.store.head.revision)]);
});

Deno.test("Snapshotter.make() waits until what was compacted is gone", async () => {
  const gate = new Gate();
  const override: Override = (real) => ({
    async trim(query) {
      await gate.wait();
      return await real.trim(query);
    },
  });
  await using rig = await Rig.open({ override });
  await fillPages(rig.engine, 1);
  await rig.compact(100);
  await gate.reached;
  const made = rig.contents();
  gate.open();
  const contents = await made;
  assert.equal(compactedOf(contents), 100);
  assert.deepEqual(revisionsOf(contents), span(100, rig.store.head.revision));
});

Deno.test("Snapshotter.make() starts again when another server has compacted meanwhile", async () => {
  const disk = new Disk();
  const hook = behindPages();
  await using rig = await Rig.open({ ...hook, disk, ...SHARED });
  await using other = await Rig.open({ disk, ...SHARED });
  const last = await fillPages(rig.engine, 3);
  hook.act = async () => {
    hook.act = undefined;
    await other.compact(last - 5);
    await other.compactor.trimmed();
  };
  const contents = await rig.contents();
  assert.equal(compactedOf(contents), last - 5);
  assert.deepEqual(revisionsOf(contents), span(last - 5, last));
});

Deno.test("Snapshotter.make() gives up when it is overtaken again and again", async () => {
  const disk = new Disk();
  const hook = behindPages();
  await using rig = await Rig.open({ ...hook, disk, ...SHARED });
  await using other = await Rig.open({ disk, ...SHARED });
  await fillPages(rig.engine, 1);
  let compactions = 0;
  hook.act = async () => {
    await other.engine.put("a", "1");
    await other.compact(++compactions);
  };
  await assert.rejects(rig.snapshotter.make(STAYS), new EtcdError("timeout"));
  assert.ok(compactions <= RANGE_RESTARTS_MAX, `${compactions} compactions`);
  hook.act = undefined;
  assert.equal(compactedOf(await rig.contents()), compactions);
});

Deno.test("Snapshotter.make() starts again when the store has become another one", async () => {
  const hook = behindPages();
  await using rig = await Rig.open(hook);
  await fillPages(rig.engine, 1);
  let restart = () => {};
  const snapshotter = new Snapshotter({
    store: {
      backend: rig.store.backend,
      noticeHead() {},
      onRestart: (listener) => {
        const { head } = rig.store;
        restart = () => listener({ head, before: head, isOther: true });
      },
    },
    hold: () => rig.compactor.hold(),
    facts: () => Promise.resolve(FACTS),
    folder: () => rig.folder,
  });
  let reads = 0;
  hook.act = () => {
    if (reads++ === 0) restart();
    return Promise.resolve();
  };
  using snapshot = await snapshotter.make(STAYS);
  assert.ok(reads > 1);
  assert.equal(snapshot.revision, rig.store.head.revision);
});

Deno.test("Snapshotter.make() has leases and records of the same moment", async () => {
  let grants = 0;
  const hook: { grant?: () => Promise<unknown> } = {};
  const override: Override = (real) => ({
    async records(prefix) {
      // Between the leases and the records.
      if (grants > 0) {
        grants--;
        await hook.grant?.();
      }
      return await real.records(prefix);
    },
  });
  await using rig = await Rig.open({ override });
  let id = 0n;
  hook.grant = () => rig.store.submit(grantCommand({ id: ++id, ttl: 60 }, rig.store.alarms));
  await hook.grant();
  grants = 3;
  const contents = await rig.contents();
  assert.equal(contents.get("lease")?.length, 4);
});

Deno.test("Snapshotter.make() ends with its signal, and what it held is let go", async () => {
  const hook = behindPages();
  await using rig = await Rig.open(hook);
  await fillPages(rig.engine, 2);
  const leaving = new AbortController();
  const reason = new Error("gone");
  hook.act = () => {
    leaving.abort(reason);
    return Promise.resolve();
  };
  await assert.rejects(rig.snapshotter.make(leaving.signal), reason);
  hook.act = undefined;
  await rig.compact(50);
  await rig.compactor.trimmed();
  assert.deepEqual(revisionsOf(await rig.contents()), span(50, rig.store.head.revision));
});
