/** What servers that nobody uses ask of their database, counted by the database. */

import assert from "node:assert/strict";
import { MariadbServer } from "../support/databases/mariadb_server.ts";
import { PostgresServer } from "../support/databases/postgres_server.ts";
import { pause } from "../support/polling.ts";
import { ownDatabaseTest } from "./cluster_case.ts";
import { DATABASE_KINDS, type DatabaseKind } from "./database_kinds.ts";
import type { DatabaseServer } from "./database_server.ts";
import { Servers } from "./servers.ts";

/** After a change a server asks often at first. */
const SETTLED_MS = 4_000;
const COUNTED_S = 10;

interface Counting {
  start(): Promise<DatabaseServer>;
  /** Statements that the database was asked so far. */
  count(database: DatabaseServer): Promise<number>;
  /** Twice what one server at rest asks in a second, and some for the counting. */
  readonly expectedMax: number;
}

const COUNTINGS: Readonly<Record<DatabaseKind, Counting>> = {
  postgres: {
    async start() {
      const settings = { shared_preload_libraries: "pg_stat_statements" };
      const database = await PostgresServer.start({ settings });
      await database.query("CREATE EXTENSION pg_stat_statements");
      return database;
    },
    async count(database) {
      return Number(await database.query("SELECT sum(calls) FROM pg_stat_statements"));
    },
    // An announcement every 5 s and a ping every 10 s.
    expectedMax: 0.3 * 2 * COUNTED_S + 5,
  },
  mysql: {
    start: () => MariadbServer.start(),
    async count(database) {
      const answer = await database.query("SHOW GLOBAL STATUS LIKE 'Questions'");
      return Number(answer.match(/\d+/)?.[0]);
    },
    // A look at the head twice a second, and an announcement of six statements every 5 s.
    expectedMax: 3.2 * 2 * COUNTED_S + 12,
  },
};

for (const kind of DATABASE_KINDS) {
  ownDatabaseTest(
    `Cluster on ${kind}: two idle servers cost the database next to nothing`,
    { needs: [kind] },
    async () => {
      const { start, count, expectedMax } = COUNTINGS[kind];
      await using database = await start();
      const { url } = await database.createDatabase();
      await using servers = await Servers.start({ kind, urls: [url, url] });
      await servers.client(0).kv.put({ key: "k", value: "1" });
      await pause(SETTLED_MS);
      const before = await count(database);
      await pause(COUNTED_S * 1_000);
      const asked = await count(database) - before;
      assert.ok(asked > 0 && asked <= expectedMax, `${asked} statements in ${COUNTED_S} s`);
    },
  );
}
