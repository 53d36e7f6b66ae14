/** The suite behind a pooler that lends a connection for one transaction: no statement may rely on what one before it left. */

import { open } from "../../backends/postgres/mod.ts";
import { missingFor } from "../support/databases/installed.ts";
import { PgBouncer } from "../support/databases/pgbouncer.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { testBackend } from "../../backends/conformance/suite.ts";

const isMissing = [missingFor("postgres"), missingFor("pgbouncer")].some((what) =>
  what !== undefined
);

let started: Promise<{ server: PostgresServer; pooler: PgBouncer }> | undefined;

async function start() {
  const server = await PostgresServer.start({ fsync: false, inMemory: true });
  const settings = { default_pool_size: "3" };
  return { server, pooler: await PgBouncer.start(server, { settings }) };
}

testBackend({
  name: "postgres behind PgBouncer",
  clock: "database",
  createStore: isMissing && Deno.env.get("CI") !== "true" ? undefined : async () => {
    started ??= start();
    const { server, pooler } = await started;
    const database = await server.createDatabase();
    const url = pooler.url(new URL(database.url).pathname.slice(1));
    return {
      open: (options) => open(url, options),
      remove: () => database.drop(),
    };
  },
});

Deno.test.afterAll(async () => {
  if (started === undefined) return;
  const { server, pooler } = await started;
  await pooler[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
