/** MariaDB in trouble, and several servers on one store. */

import assert from "node:assert/strict";
import { eventually, put } from "./fault_parts.ts";
import { type Backend, BackendError, type OpenOptions } from "../../backends/contract.ts";
import { open } from "../../backends/mysql/mod.ts";
import { missingFor } from "../support/databases/installed.ts";
import { MariadbServer } from "../support/databases/mariadb_server.ts";
import {
  assertFails,
  assertSameBytes,
  batchAt,
  bytes,
  OPEN_OPTIONS,
  putRow,
  range,
} from "../../backends/conformance/subject.ts";

interface Scene {
  readonly server: MariadbServer;
  readonly database: string;
  /** Opens the store; it is closed after the test. */
  join(options?: Partial<OpenOptions>): Promise<Backend>;
}

/** All have one server, and each a database of its own. */
const FACTS: (readonly [name: string, check: (scene: Scene) => Promise<void>])[] = [];

function fact(name: string, check: (scene: Scene) => Promise<void>): void {
  FACTS.push([name, check]);
}

async function checkFact(server: MariadbServer, check: (scene: Scene) => Promise<void>) {
  const { url } = await server.createDatabase();
  const joined: Backend[] = [];
  try {
    await check({
      server,
      database: new URL(url).pathname.slice(1),
      async join(options = {}) {
        const backend = await open(url, { ...OPEN_OPTIONS, ...options });
        joined.push(backend);
        return backend;
      },
    });
  } finally {
    await Promise.all(joined.map((backend) => backend.close()));
  }
}

/** Ends the connections of Rhino. */
async function killAll(server: MariadbServer): Promise<void> {
  assert.notEqual(await server.query("SHOW PROCESSLIST"), "");
  await server.query("KILL CONNECTION USER rhino");
}

/** Holds a row for a while; settles when it is let go of. */
function hold({ server, database }: Scene, table: string, seconds: number): Promise<string> {
  return server.query(
    `START TRANSACTION; SELECT * FROM ${table} FOR UPDATE; DO SLEEP(${seconds}); COMMIT`,
    { database },
  );
}

async function hasProcess(server: MariadbServer, like: string): Promise<boolean> {
  const count = `SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '${like}'`;
  return await server.query(count) !== "0";
}

fact("connections that were ended while idle are noticed by nobody", async (scene) => {
  const backend = await scene.join();
  await put(backend, "a");
  await range(backend);
  await killAll(scene.server);
  assert.equal((await range(backend)).kvs.length, 1);
  await put(backend, "b");
  assert.equal((await backend.head()).revision, 3);
});

fact(
  "an append whose connection ends is indeterminate, and its outcome can be asked for",
  async (scene) => {
    const backend = await scene.join();
    await put(backend, "a");
    const head = await backend.head();
    const lock = hold(scene, "rhino_head", 2);
    await eventually(() => hasProcess(scene.server, "DO SLEEP%"));
    const batch = batchAt(head, { rows: [putRow(bytes("b"), { revision: 3 })] });
    const failure = assertFails(backend.append(batch), "indeterminate");
    await eventually(() => hasProcess(scene.server, "UPDATE rhino_head%"));
    await killAll(scene.server);
    await failure;
    assert.equal(await backend.outcome(batch.head), "unknown");
    await lock;
    await put(backend, "c");
    assert.equal(await backend.outcome(batch.head), "not-applied");
    assert.equal((await range(backend)).kvs.length, 2);
  },
);

fact("a server that is down is unavailable, and is found again", async ({ server, join }) => {
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
  await eventually(() => backend.head().then(() => true, () => false));
  await put(backend, "b");
  assert.ok((await range(backend)).kvs.length > 0);
});

fact("a server that has become read-only is unavailable", async ({ server, join }) => {
  const backend = await join();
  await put(backend, "a");
  await server.query("SET GLOBAL read_only = ON");
  for (let attempt = 0; attempt < 2; attempt++) await assertFails(put(backend, "b"), "unavailable");
  await server.query("SET GLOBAL read_only = OFF");
  await eventually(() => put(backend, "c").then(() => true, () => false));
});

fact("of two servers one wins, the other is told, and learns of it", async ({ join }) => {
  for (const maxConnections of [1, 2, 5]) {
    const [one, two] = [await join({ maxConnections }), await join({ maxConnections })];
    const end = new AbortController();
    let wakes = 0;
    const watching = (async () => {
      for await (const _ of two.changes(end.signal)) wakes++;
    })();
    await eventually(() => Promise.resolve(wakes > 0));
    const head = await one.head();
    const before = wakes;
    await one.append(batchAt(head));
    await assertFails(two.append(batchAt(head)), "conflict");
    await eventually(() => Promise.resolve(wakes > before));
    end.abort();
    await watching;
  }
});

fact("a lost race leaves nothing locked", async ({ join, server }) => {
  const [one, two] = [await join(), await join()];
  const head = await one.head();
  await one.append(batchAt(head));
  await assertFails(two.append(batchAt(head)), "conflict");
  await put(one, "a");
  assert.equal(await server.query("SELECT COUNT(*) FROM information_schema.innodb_trx"), "0");
});

fact(
  "during a server's turn no other appends, and turns come one after the other",
  async ({ join }) => {
    const [one, two] = [await join(), await join()];
    const turn = await one.turn?.();
    assert.ok(turn !== undefined);
    let isAppending = false;
    const other = two.turn?.().then((turn) => {
      assert.ok(isAppending);
      return turn;
    });
    const head = await one.head();
    isAppending = true;
    await turn.append(batchAt(head, { rows: [putRow(bytes("a"), { revision: 2 })] }));
    const second = await other;
    await assertFails(second?.append(batchAt(head)) ?? Promise.resolve(), "conflict");
    await assertFails(second?.append(batchAt(head)) ?? Promise.resolve(), "unavailable");
    await second?.release();
    const third = await one.turn?.();
    await third?.release();
    await put(two, "b");
    assert.equal((await range(one)).kvs.length, 2);
  },
);

fact("a turn ends with the server that has it", async ({ server, join }) => {
  const [one, two] = [await join(), await join()];
  const turn = await one.turn?.();
  const head = await one.head();
  await killAll(server);
  await put(two, "a");
  const late = await turn?.append(batchAt(head)).catch((error: unknown) => error);
  assert.ok(late instanceof BackendError && late.kind !== "conflict");
  await put(one, "b");
  // A backend that is closed lets go of its turn.
  await one.turn?.();
  await one.close();
  await put(two, "c");
});

fact(
  "a batch larger than a packet goes in parts, and a row larger than one is refused",
  async ({ join }) => {
    const [one, two] = [await join(), await join()];
    const value = (size: number, fill: number) => new Uint8Array(size).fill(fill);
    const rows = Array.from(
      { length: 20 },
      (_, sub) =>
        putRow(bytes(`k${100 + sub}`), { revision: 2, sub, value: value(1_500_000, sub) }),
    );
    const base = await one.head();
    await one.append(batchAt(base, { rows }));
    const page = await range(two);
    assertSameBytes(
      page.kvs.map((kv) => kv.subarray(0, 200)),
      rows.map(({ kv }) => kv.subarray(0, 200)),
    );
    const head = await one.head();
    const stale = batchAt(base, { rows: rows.map((row) => ({ ...row, revision: 3 })) });
    await assertFails(two.append(stale), "conflict");
    const large = putRow(bytes("large"), { revision: 3, value: value(9_000_000, 1) });
    await assertFails(one.append(batchAt(head, { rows: [large] })), "full");
    const turn = await one.turn?.();
    await assertFails(turn?.append(batchAt(head, { rows: [large] })) ?? Promise.resolve(), "full");
    await put(two, "small");
    assert.equal((await one.count({ start: bytes(""), end: null, revision: 0 })).count, 21);
  },
);

fact("one server trims at a time", async (scene) => {
  const { server, join } = scene;
  const [one, two] = [await join(), await join()];
  const rows = [2, 3, 4].map((revision) => putRow(bytes("a"), { revision }));
  await one.append(batchAt(await one.head(), { rows }));
  const head = await one.head();
  await one.append(batchAt(head, { compactRevision: 4 }));
  const held = hold(scene, "rhino_trim", 1);
  await eventually(() => hasProcess(server, "DO SLEEP%"));
  const busy = { removed: 0, done: false, isBusy: true };
  assert.deepEqual(await two.trim({ upTo: 9, rowsMax: 9 }), busy);
  await held;
  assert.deepEqual(await two.trim({ upTo: 9, rowsMax: 9 }), {
    removed: 2,
    done: true,
    isBusy: false,
  });
});

Deno.test({
  name: "mysql: in trouble",
  ignore: missingFor("mysql") !== undefined && Deno.env.get("CI") !== "true",
  async fn(t) {
    // Commits survive the end of the process, though not of the machine.
    await using server = await MariadbServer.start({ flushLogAtCommit: 2 });
    for (const [name, check] of FACTS) await t.step(name, () => checkFact(server, check));
  },
});
