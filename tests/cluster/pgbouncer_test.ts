/**
 * PgBouncer between the servers and PostgreSQL, lending a connection for a transaction at a time: nothing may rest on a
 * connection's state, and the pooler's own connections may go at any moment.
 *
 * | to repeat      | command                                                         |
 * | -------------- | --------------------------------------------------------------- |
 * | the same calls | `RHINO_SEED=<seed in the test's name> deno test -A <this file>` |
 */

import { Random, seedOfRun } from "../model/random.ts";
import { PgBouncer } from "../support/databases/pgbouncer.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { CODE, RpcError } from "../support/rpc_error.ts";
import { ownDatabaseTest } from "./cluster_case.ts";
import { pause } from "../support/polling.ts";
import { assertFreshReads, assertSerializable } from "./serializable.ts";
import { Servers } from "./servers.ts";

const SEED = seedOfRun();
const NEEDS = { needs: ["postgres", "pgbouncer"] } as const;
const CUT_PAUSE_MS = 100;

interface Pooled extends AsyncDisposable {
  readonly database: PostgresServer;
  /** Of the database that the servers use. */
  readonly name: string;
  readonly servers: Servers;
}

/** Fewer connections to PostgreSQL than the servers have to the pooler, so that they do share. */
async function startPooled(): Promise<Pooled> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await PostgresServer.start({ fsync: false, inMemory: true }));
  const name = new URL((await database.createDatabase()).url).pathname.slice(1);
  const settings = { default_pool_size: "6" };
  const bouncer = stack.use(await PgBouncer.start(database, { poolMode: "transaction", settings }));
  const url = bouncer.url(name);
  const servers = stack.use(await Servers.start({ kind: "postgres", urls: [url, url, url] }));
  const all = stack.move();
  return { database, name, servers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

ownDatabaseTest(
  `Cluster on pgbouncer: clients of three servers are strictly serializable (RHINO_SEED=${SEED})`,
  NEEDS,
  async () => {
    await using pooled = await startPooled();
    const { servers } = pooled;
    await servers.explain(async () => {
      await assertSerializable(servers, { seed: SEED });
      await assertFreshReads(servers, "fresh");
    });
  },
);

ownDatabaseTest(
  `Cluster on pgbouncer: so they are while the pooler's connections are cut (RHINO_SEED=${SEED})`,
  NEEDS,
  async () => {
    await using pooled = await startPooled();
    const { servers } = pooled;
    const stop = new AbortController();
    const cutting = cutConnections(pooled, stop.signal);
    try {
      await servers.explain(() =>
        assertSerializable(servers, { seed: SEED + 1, tolerates: isUnavailable })
      );
    } finally {
      stop.abort();
      await cutting;
    }
  },
);

function isUnavailable(error: unknown): boolean {
  return error instanceof RpcError && error.code === CODE.UNAVAILABLE;
}

async function cutConnections({ database, name }: Pooled, signal: AbortSignal): Promise<void> {
  const random = new Random(SEED);
  while (!signal.aborted) {
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' ORDER BY random() LIMIT 1`,
    );
    await pause(random.int(0, CUT_PAUSE_MS));
  }
}
