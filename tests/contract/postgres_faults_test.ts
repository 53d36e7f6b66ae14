/** PostgreSQL in trouble, and several servers on one store. */

import assert from "node:assert/strict";
import { eventually, put } from "./fault_parts.ts";
import { type Backend, BackendError, type OpenOptions } from "../../backends/contract.ts";
import { open } from "../../backends/postgres/mod.ts";
import { missingFor } from "../support/databases/installed.ts";
import { PgBouncer } from "../support/databases/pgbouncer.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import {
  assertFails,
  batchAt,
  bytes,
  OPEN_OPTIONS,
  putRow,
  range,
  tombstoneRow,
} from "../../backends/conformance/subject.ts";

interface Scene {
  readonly server: PostgresServer;
  readonly url: string;
  /** Opens the store; it is closed after the test. */
  join(options?: Partial<OpenOptions> & { readonly url?: string }): Promise<Backend>;
}

function faultTest(
  name: string,
  check: (scene: Scene) => Promise<void>,
  { needs = ["postgres"] }: { readonly needs?: readonly ("postgres" | "pgbouncer")[] } = {},
): void {
  const isMissing = needs.some((what) => missingFor(what) !== undefined);
  Deno.test({
    name: `postgres: ${name}`,
    ignore: isMissing && Deno.env.get("CI") !== "true",
    async fn() {
      await using server = await PostgresServer.start({ fsync: false, inMemory: true });
      const { url } = await server.createDatabase();
      const joined: Backend[] = [];
      const scene: Scene = {
        server,
        url,
        async join({ url: other = url, ...options } = {}) {
          const backend = await open(other, { ...OPEN_OPTIONS, ...options });
          joined.push(backend);
          return backend;
        },
      };
      try {
        await check(scene);
      } finally {
        await Promise.all(joined.map((backend) => backend.close()));
      }
    },
  });
}

/** Ends the connections of Rhino in the database. */
const TERMINATE = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE application_name = 'rhino' AND datname = current_database()`;
const COUNT_WAITING = `SELECT count(*) FROM pg_stat_activity
  WHERE application_name = 'rhino' AND wait_event_type = 'Lock'`;

faultTest("connections that were ended while idle are noticed by nobody", async ({ url, join }) => {
  const backend = await join();
  await put(backend, "a");
  await range(backend);
  assert.notEqual(await queryPostgres(url, TERMINATE), "0");
  assert.equal((await range(backend)).kvs.length, 1);
  await put(backend, "b");
  assert.equal((await backend.head()).revision, 3);
});

faultTest(
  "an append whose connection ends is indeterminate, and its outcome can be asked for",
  async ({
    server,
    url,
    join,
  }) => {
    const backend = await join();
    await put(backend, "a");
    const head = await backend.head();
    const lock = queryPostgres(
      url,
      "BEGIN; SELECT FROM rhino_head FOR UPDATE; SELECT pg_sleep(3); COMMIT",
    );
    const lockHeld = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await eventually(async () => await server.query(lockHeld) === "1");
    const batch = batchAt(head, { rows: [putRow(bytes("b"), { revision: 3 })] });
    const failure = assertFails(backend.append(batch), "indeterminate");
    await eventually(async () => await server.query(COUNT_WAITING) === "1");
    await queryPostgres(url, TERMINATE);
    await failure;
    assert.equal(await backend.outcome(batch.head), "unknown");
    await lock;
    await put(backend, "c");
    assert.equal(await backend.outcome(batch.head), "not-applied");
    assert.equal((await range(backend)).kvs.length, 2);
  },
);

faultTest(
  "an append that a synchronous replica did not confirm is indeterminate",
  async ({ server, join }) => {
    await using standby = await server.startStandby({ synchronous: true });
    const backend = await join();
    await put(backend, "a");
    await standby.stop("immediate");
    const head = await backend.head();
    const batch = batchAt(head, { rows: [putRow(bytes("b"), { revision: 3 })] });
    const failure = assertFails(backend.append(batch), "indeterminate");
    const waiting =
      "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'rhino'";
    await eventually(async () => await server.query(`SELECT count(*) ${waiting}`) === "1");
    // Nobody sees it before it is safe.
    assert.deepEqual(await backend.head(), head);
    // Then PostgreSQL says that it is done, with a warning that it may not be.
    await server.query(`SELECT pg_cancel_backend(pid) ${waiting}`);
    await failure;
    assert.equal(await backend.outcome(batch.head), "applied");
  },
);

faultTest("a server that is down is unavailable, and is found again", async ({ server, join }) => {
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
  assert.equal((await range(backend)).kvs.length, 2);
});

faultTest("a server that has become read-only is unavailable", async ({ server, join }) => {
  const backend = await join();
  await put(backend, "a");
  const set = async (value: string) => {
    await server.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await server.query("SELECT pg_reload_conf()");
  };
  await set("on");
  await eventually(() =>
    put(backend, "b").then(() => false, (error) => error.kind === "unavailable")
  );
  await set("off");
  await eventually(() => put(backend, "c").then(() => true, () => false));
});

faultTest("of two servers one wins, the other is told, and learns of it", async ({ join }) => {
  for (const maxConnections of [2, 5]) {
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

faultTest(
  "changes() wakes when its connection breaks, and listens again",
  async ({ url, join }) => {
    const [one, two] = [await join(), await join()];
    const end = new AbortController();
    let wakes = 0;
    const watching = (async () => {
      for await (const _ of two.changes(end.signal)) wakes++;
    })();
    const listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'";
    await eventually(async () => await queryPostgres(url, listening) === "1");
    let before = wakes;
    await queryPostgres(url, TERMINATE);
    await eventually(() => Promise.resolve(wakes > before));
    before = wakes;
    await put(one, "a");
    await eventually(() => Promise.resolve(wakes > before));
    await eventually(async () => await queryPostgres(url, listening) === "1");
    end.abort();
    await watching;
  },
);

faultTest(
  "during a server's turn no other appends, and turns come one after the other",
  async ({ server, join }) => {
    const [one, two] = [await join(), await join()];
    const turn = await one.turn?.();
    assert.ok(turn !== undefined);
    let isTwosTurn = false;
    const other = two.turn?.().then((turn) => {
      isTwosTurn = true;
      return turn;
    });
    const head = await one.head();
    const racing = assertFails(two.append(batchAt(head)), "conflict");
    await eventually(async () => await server.query(COUNT_WAITING) === "1");
    assert.ok(!isTwosTurn);
    await turn.append(batchAt(head, { rows: [putRow(bytes("a"), { revision: 2 })] }));
    const second = await other;
    await second?.release();
    await racing;
    await put(two, "b");
    assert.equal((await range(one)).kvs.length, 2);
  },
);

faultTest("a turn ends with the server that has it", async ({ url, join }) => {
  const [one, two] = [await join(), await join()];
  const turn = await one.turn?.();
  const head = await one.head();
  await queryPostgres(url, `${TERMINATE} AND state = 'idle in transaction'`);
  await put(two, "a");
  const late = await turn?.append(batchAt(head)).catch((error: unknown) => error);
  assert.ok(late instanceof BackendError && late.kind !== "conflict");
  assert.equal(await one.outcome(batchAt(head).head), "not-applied");
  await put(one, "b");
});

faultTest(
  "the lease clock stands in a gap between appends, and behind a batch that resumes leases",
  async ({
    join,
  }) => {
    const sleep = () => new Promise((resolve) => setTimeout(resolve, 1_000));
    const remaining = async (backend: Backend) =>
      (await backend.leases(1)).leases[0]?.remainingMs ?? 0;
    const leases = [{ id: 1n, state: { ttl: 60, remainingMs: 60_000 } }];
    for (const resumesLeases of [false, true]) {
      const backend = await join({ leaseGapMs: resumesLeases ? 60_000 : 200 });
      const first = batchAt(await backend.head(), { leases });
      await backend.append(first);
      await sleep();
      if (!resumesLeases) assert.equal(await remaining(backend), 60_000);
      await backend.append(batchAt(first.head, { resumesLeases }));
      const left = await remaining(backend);
      assert.ok(left > 59_200 && left <= 60_000, `${left} ms are left`);
    }
  },
);

faultTest("the longest key fits into every index", async ({ join }) => {
  const backend = await join();
  // Random, for PostgreSQL compresses what it can before it counts.
  const key = crypto.getRandomValues(new Uint8Array(backend.capabilities.keySizeMax));
  const head = await backend.head();
  const row = putRow(key, { revision: 2, lease: 5n });
  const first = batchAt(head, { rows: [row] });
  await backend.append(first);
  assert.equal((await range(backend, { start: key })).kvs.length, 1);
  await backend.append(batchAt(first.head, { rows: [tombstoneRow(key, { revision: 3 })] }));
  assert.equal((await range(backend, { start: key })).kvs.length, 0);
  assert.equal((await range(backend, { start: key, revision: 2 })).kvs.length, 1);
});

faultTest("behind PgBouncer changes come by asking, or by listening to the server itself", async ({
  server,
  url,
  join,
}) => {
  await using pooler = await PgBouncer.start(server);
  const pooled = pooler.url(new URL(url).pathname.slice(1));
  const said: string[] = [];
  const log = (_level: string, message: string) => void said.push(message);
  for (const target of [pooled, `${pooled}?listen_host=127.0.0.1:${server.port}`]) {
    const [one, two] = [await join({ url: target }), await join({ url: target, log })];
    const end = new AbortController();
    let wakes = 0;
    const watching = (async () => {
      for await (const _ of two.changes(end.signal)) wakes++;
    })();
    await eventually(() => Promise.resolve(said.length > 0));
    const before = wakes;
    await put(one, "a");
    await eventually(() => Promise.resolve(wakes > before));
    end.abort();
    await watching;
    assert.match(said.splice(0).join(), target === pooled ? /are polled for/ : /are notified/);
  }
}, { needs: ["postgres", "pgbouncer"] });
