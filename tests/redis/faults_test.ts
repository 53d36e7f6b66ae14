/** Redis in trouble, and several servers on one store. */

import assert from "node:assert/strict";
import {
  assertFails,
  batchAt,
  bytes,
  history,
  putRow,
  range,
} from "../../backends/conformance/subject.ts";
import { type Backend, BackendError } from "../../backends/contract.ts";
import { eventually, put } from "../contract/fault_parts.ts";
import { openTcpLink } from "../support/tcp_link.ts";
import { redisTest } from "./redis_case.ts";

/** The longest that a call which is answered at once may take while Redis is silent, and some room. */
const SILENCE_MS_MAX = 9_000;

redisTest("connections that end while idle are noticed by nobody", {}, async ({ server, join }) => {
  const backend = await join();
  await put(backend, "a");
  await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  assert.equal((await range(backend)).kvs.length, 1);
  await put(backend, "b");
  assert.equal((await backend.head()).revision, 3);
});

redisTest("scripts that Redis has forgotten are sent again", {}, async ({ server, join }) => {
  const backend = await join();
  await put(backend, "a");
  await server.command("SCRIPT", "FLUSH", "SYNC");
  await put(backend, "b");
  assert.equal((await range(backend)).kvs.length, 2);
});

redisTest(
  "an append whose connection ends is indeterminate, and its outcome can be asked for",
  {},
  async ({ server, join }) => {
    const backend = await join();
    await put(backend, "a");
    const head = await backend.head();
    await server.command("CLIENT", "PAUSE", "60000", "WRITE");
    const batch = batchAt(head, { rows: [putRow(bytes("b"), { revision: 3 })] });
    const failure = assertFails(backend.append(batch), "indeterminate");
    await eventually(async () => {
      return /blocked_clients:[1-9]/.test(String(await server.command("INFO", "clients")));
    });
    await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await failure;
    await server.command("CLIENT", "UNPAUSE");
    assert.equal(await backend.outcome(batch.head), "unknown");
    await put(backend, "c");
    assert.equal(await backend.outcome(batch.head), "not-applied");
    assert.equal((await range(backend)).kvs.length, 2);
  },
);

redisTest(
  "an append whose answer is lost is indeterminate, and turns out to be applied",
  {},
  async ({ server, join }) => {
    const word = "the word after which nothing comes back";
    await using link = await openTcpLink(`127.0.0.1:${server.port}`);
    const url = `redis://127.0.0.1:${link.port}/`;
    const backend = await join({ url });
    const head = await backend.head();
    // Larger than what is on its way at once, so that the link is cut behind a part of it or behind all of it.
    const value = bytes(word.repeat(1_000));
    const batch = batchAt(head, { rows: [putRow(bytes("a"), { revision: 2, value })] });
    const other = await join();
    const ended = backend.append(batch).then(() => "done", (error) => error.kind);
    await eventually(async () => (await other.head()).index > 0);
    link.cut();
    assert.ok(["done", "indeterminate"].includes(await ended));
    await eventually(() => backend.outcome(batch.head).then((is) => is === "applied"));
  },
);

redisTest("a server that is down is unavailable, and is found again", {}, async (scene) => {
  const { server, join } = scene;
  const backend = await join();
  await put(backend, "a");
  const head = await backend.head();
  await server.kill();
  await assertFails(backend.head(), "unavailable");
  await assertFails(range(backend), "unavailable");
  const failure = await backend.append(batchAt(head)).catch((error: unknown) => error);
  assert.ok(failure instanceof BackendError);
  assert.ok(["unavailable", "indeterminate"].includes(failure.kind), failure.message);
  await server.start();
  await eventually(() => put(backend, "b").then(() => true, () => false));
  assert.equal((await range(backend)).kvs.length, 2);
});

redisTest(
  "a server that falls silent is unavailable in bounded time, and is found again",
  {},
  async ({ server, join }) => {
    const backend = await join();
    await put(backend, "a");
    const head = await backend.head();
    server.signal("SIGSTOP");
    const startMs = performance.now();
    const batch = batchAt(head, { rows: [putRow(bytes("b"), { revision: 3 })] });
    const calls = [
      assertFails(backend.head(), "unavailable"),
      assertFails(backend.append(batch), "indeterminate"),
    ];
    await Promise.all(calls);
    assert.ok(performance.now() - startMs < SILENCE_MS_MAX);
    server.signal("SIGCONT");
    await eventually(() => backend.head().then(() => true, () => false));
    // Redis may come to what lay there in the meantime.
    const outcome = await backend.outcome(batch.head);
    await eventually(() => put(backend, "c").then(() => true, () => false));
    const settled = await backend.outcome(batch.head);
    assert.ok(settled === "applied" || settled === "not-applied");
    if (outcome !== "unknown") assert.equal(settled, outcome);
    const keys = (await range(backend)).kvs.length;
    assert.equal(keys, settled === "applied" ? 3 : 2);
  },
);

redisTest("a replica is unavailable, for reads too", {}, async ({ server, join }) => {
  const backend = await join();
  await put(backend, "a");
  await server.command("REPLICAOF", "127.0.0.1", "1");
  await assertFails(backend.head(), "unavailable");
  await assertFails(put(backend, "b"), "unavailable");
  await server.command("REPLICAOF", "NO", "ONE");
  await eventually(() => put(backend, "c").then(() => true, () => false));
});

redisTest(
  "a server whose memory is used up is full, and is read and trimmed",
  { settings: { maxmemory: "20mb" } },
  async ({ server, join }) => {
    const backend = await join();
    const value = new Uint8Array(1_000_000);
    let failure: unknown;
    for (let revision = 2; failure === undefined && revision < 100; revision++) {
      const row = putRow(bytes("a"), { revision, value });
      await backend.append(batchAt(await backend.head(), { rows: [row] }))
        .catch((error: unknown) => failure = error);
    }
    assert.ok(failure instanceof BackendError && failure.kind === "full", `${failure}`);
    const head = await backend.head();
    assert.equal((await history(backend)).rows.at(-1)?.revision, head.revision);
    // The operator gives it some room.
    await server.command("CONFIG", "SET", "maxmemory", "21mb");
    await eventually(() =>
      backend.append(batchAt(head, { compactRevision: head.revision })).then(
        () => true,
        () => false,
      )
    );
    await server.command("CONFIG", "SET", "maxmemory", "10mb");
    while (!(await backend.trim({ upTo: head.revision, rowsMax: 5 })).done);
    assert.equal((await history(backend)).rows.length, 1);
    await put(backend, "b");
  },
);

redisTest("a store that was flushed away is corrupt, not empty", {}, async ({ server, join }) => {
  const backend = await join();
  await put(backend, "a");
  const head = await backend.head();
  await server.command("FLUSHALL");
  await assertFails(backend.head(), "corrupt");
  await assertFails(backend.append(batchAt(head)), "corrupt");
  await assertFails(range(backend), "corrupt");
});

redisTest(
  "of two servers one wins, the other is told, and learns of it",
  {},
  async ({ join }) => {
    for (const maxConnections of [1, 2, 5]) {
      const [one, two] = [await join({ maxConnections }), await join({ maxConnections })];
      const wakes = countWakes(two);
      await eventually(() => Promise.resolve(wakes.count > 0));
      const head = await one.head();
      const before = wakes.count;
      await one.append(batchAt(head));
      await assertFails(two.append(batchAt(head)), "conflict");
      await eventually(() => Promise.resolve(wakes.count > before));
      await wakes.end();
    }
  },
);

redisTest("changes() wakes when its connection breaks, and listens again", {}, async (scene) => {
  const { server, join } = scene;
  const [one, two] = [await join(), await join()];
  const wakes = countWakes(two);
  const isListening = async () => {
    const [, count] = await server.command("PUBSUB", "NUMSUB", "{rhino}:changes:0") as unknown[];
    return count === 1;
  };
  await eventually(isListening);
  let before = wakes.count;
  await server.command("CLIENT", "KILL", "TYPE", "pubsub");
  await eventually(() => Promise.resolve(wakes.count > before));
  await eventually(isListening);
  before = wakes.count;
  await put(one, "a");
  await eventually(() => Promise.resolve(wakes.count > before));
  await wakes.end();
});

function countWakes(backend: Backend): { readonly count: number; end(): Promise<void> } {
  const end = new AbortController();
  const wakes = {
    count: 0,
    async end() {
      end.abort();
      await watching;
    },
  };
  const watching = (async () => {
    for await (const _ of backend.changes(end.signal)) wakes.count++;
  })();
  return wakes;
}
