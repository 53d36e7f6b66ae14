/** Opening a store in PostgreSQL: what is made, by whom, and what an operator is told when it cannot be. */

import assert from "node:assert/strict";
import { type Backend, BackendError, type OpenOptions } from "../../backends/contract.ts";
import { open, schemaSql } from "../../backends/postgres/mod.ts";
import { missingFor } from "../support/databases/installed.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow, range } from "../../backends/conformance/subject.ts";

const ignore = missingFor("postgres") !== undefined && Deno.env.get("CI") !== "true";

async function withServer(check: (server: PostgresServer) => Promise<void>): Promise<void> {
  await using server = await PostgresServer.start({ fsync: false, inMemory: true });
  await check(server);
}

/** Opens what must not open, and answers what the operator is told. */
async function messageOf(url: string, options: Partial<OpenOptions> = {}): Promise<string> {
  const opening = open(url, { ...OPEN_OPTIONS, ...options });
  const error = await opening.then((backend) => backend.close(), (error: unknown) => error);
  assert.ok(error instanceof BackendError, `opened, or failed otherwise: ${error}`);
  assert.equal(error.kind, "unusable");
  assert.ok(!error.message.includes("\n"), "one line");
  assert.ok(!error.message.includes("rhino-test") && !error.message.includes("wrong-word"));
  return error.message;
}

async function close(backends: readonly Backend[]): Promise<void> {
  await Promise.all(backends.map((backend) => backend.close()));
}

Deno.test({
  name: "postgres: an operator is told in one line why the store cannot be opened",
  ignore,
  async fn() {
    await withServer(async (server) => {
      const { url } = await server.createDatabase();
      const closedPort = url.replace(/:\d+\//, ":1/");
      assert.match(
        await messageOf(closedPort),
        /^Cannot reach PostgreSQL at 127\.0\.0\.1:1: connection refused$/,
      );
      const nowhere = url.replace("127.0.0.1", "no-such-host.invalid");
      assert.match(
        await messageOf(nowhere),
        /^Cannot reach PostgreSQL at no-such-host\.invalid:\d+: /,
      );
      const wrong = url.replace("rhino-test", "wrong-word");
      assert.match(await messageOf(wrong), /refuses user "rhino": the password is wrong/);
      const stranger = url.replace("rhino:", "stranger:");
      assert.match(await messageOf(stranger), /refuses user "stranger"/);
      assert.match(
        await messageOf(url.replace(":rhino-test", "")),
        /wants a password for user "rhino"/,
      );
      assert.match(
        await messageOf(server.url("nothing")),
        /has no database "nothing": create it first/,
      );
      assert.match(await messageOf(`${url}?sslmode=require`), /does not support SSL/);
      assert.match(
        await messageOf(`${url}?sslmode=never`),
        /"sslmode" must be one of disable, prefer/,
      );
      assert.match(await messageOf("postgres://u:wrong-word%@h/d"), /the password holds a "%"/);
    });
  },
});

Deno.test({
  name: "postgres: tables are made only where that is allowed, and by whoever is allowed to",
  ignore,
  async fn() {
    await withServer(async (server) => {
      const { url } = await server.createDatabase();
      assert.match(
        await messageOf(url, { createSchema: false }),
        /tables are missing in .*run what --print-schema prints/,
      );
      // Where others own the schema.
      await server.query("CREATE DATABASE guarded");
      const guarded = server.url("guarded");
      assert.match(
        await messageOf(guarded),
        /Cannot make or use Rhino's tables in schema "public": permission denied/,
      );
      await queryPostgres(
        server.url("guarded", { user: "postgres" }),
        schemaSql(`${guarded}?schema=own`),
      );
      const store = `${guarded}?schema=own`;
      const backend = await open(store, { ...OPEN_OPTIONS, createSchema: false });
      await backend.append(
        batchAt(await backend.head(), { rows: [putRow(bytes("a"), { revision: 2 })] }),
      );
      await close([backend]);
      await server.query("REVOKE INSERT ON own.rhino_log FROM rhino", { database: "guarded" });
      assert.match(
        await messageOf(store),
        /may not read and write rhino_log: grant SELECT, INSERT/,
      );
    });
  },
});

Deno.test({
  name: "postgres: three servers that start at once make one store",
  ignore,
  async fn() {
    await withServer(async (server) => {
      const { url } = await server.createDatabase();
      const store = `${url}?schema=O'Neill "x"`;
      let id = 0n;
      const opening = [1, 2, 3].map(() => open(store, { ...OPEN_OPTIONS, randomId: () => ++id }));
      const backends = await Promise.all(opening);
      assert.equal(new Set(backends.map(({ clusterId }) => clusterId)).size, 1);
      const [first, , third] = backends;
      assert.ok(first !== undefined && third !== undefined);
      await first.append(
        batchAt(await first.head(), { rows: [putRow(bytes("a"), { revision: 2 })] }),
      );
      assert.equal((await range(third)).kvs.length, 1);
      await close(backends);
    });
  },
});

Deno.test({
  name: "postgres: a store of another version, or one that is not whole, is left alone",
  ignore,
  async fn() {
    await withServer(async (server) => {
      const { url } = await server.createDatabase();
      await close([await open(url, OPEN_OPTIONS)]);
      await queryPostgres(url, "UPDATE rhino_head SET schema_version = 99");
      assert.match(await messageOf(url), /schema version 99, and this Rhino knows version 1/);
      await queryPostgres(url, "UPDATE rhino_head SET schema_version = 1; DROP TABLE rhino_batch");
      assert.match(await messageOf(url), /tables are missing in .*rhino_batch/);
    });
  },
});

Deno.test({
  name: "postgres: a standby is passed over for a server that takes writes",
  ignore,
  async fn() {
    await withServer(async (primary) => {
      await using standby = await primary.startStandby();
      const { url } = await primary.createDatabase();
      const both = url.replace(
        `127.0.0.1:${primary.port}`,
        `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`,
      );
      const backend = await open(both, OPEN_OPTIONS);
      await backend.append(batchAt(await backend.head()));
      await close([backend]);
      const name = new URL(url).pathname.slice(1);
      // The standby has the database when it has the store.
      while (
        await standby.query(`SELECT count(*) FROM pg_database WHERE datname = '${name}'`) !== "1"
      );
      assert.match(await messageOf(standby.url(name)), /cannot be used: it is read-only/);
    });
  },
});
