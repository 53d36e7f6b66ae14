/** `rhino conformance`: what it prints, how it ends, and that it touches no store but a new one. */

import assert from "node:assert/strict";
import { FACTS } from "../../backends/conformance/facts.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow } from "../../backends/conformance/subject.ts";
import type { BackendModule } from "../../backends/contract.ts";
import { open as openSqlite } from "../../backends/sqlite/mod.ts";
import * as mysql from "../../backends/mysql/mod.ts";
import * as postgres from "../../backends/postgres/mod.ts";
import { type RunResult, runRhino, temporaryFolder } from "../cli/rhino_process.ts";
import { connectionTo, queryMariadb } from "../support/databases/mariadb_client.ts";
import {
  mysqlDatabase,
  postgresDatabase,
  whyNoMysql,
  whyNoPostgres,
} from "../support/databases/shared_database.ts";
import { queryPostgres } from "../support/databases/postgres_client.ts";

/** All facts, on a busy machine. */
const RUN_MS_MAX = 300_000;

function conformance(...args: string[]): Promise<RunResult> {
  return runRhino({ args: ["conformance", ...args], msMax: RUN_MS_MAX });
}

function lastLine({ stdout }: RunResult): string {
  return stdout.trimEnd().split("\n").at(-1) ?? "";
}

Deno.test("conformance of memory:// ends well, and says what it could not try", async () => {
  const result = await conformance("memory://");
  assert.equal(result.code, 0, result.stdout + result.stderr);
  const [, passed, skipped] = /^(\d+) passed, 0 failed, (\d+) skipped: /.exec(lastLine(result)) ??
    [];
  assert.equal(Number(passed) + Number(skipped), FACTS.length);
  assert.ok(Number(passed) >= 43, lastLine(result));
  assert.match(result.stdout, /^Conformance of memory:\/\/ to version 1 of the contract\n\n/);
  assert.match(result.stdout, /^ok {7}append\(\) takes high revisions \(\d+ ms\)$/m);
  assert.match(
    result.stdout,
    /^skipped {2}reopening finds the same store\n {9}not tried to its end/m,
  );
});

Deno.test("conformance of a SQLite file ends well, and leaves nothing behind", async () => {
  await using folder = await temporaryFolder();
  const result = await conformance(`${folder.path}/state.db`);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  const others = FACTS.filter(({ needsOthers }) => needsOthers === true).length;
  assert.equal(
    lastLine(result),
    `${FACTS.length - others} passed, 0 failed, ${others} skipped: ` +
      "the backend keeps the contract in all that was tried",
  );
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("conformance refuses a store in which something was written", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/state.db`;
  const backend = await openSqlite(path, OPEN_OPTIONS);
  await backend.append(
    batchAt(await backend.head(), { rows: [putRow(bytes("a"), { revision: 2 })] }),
  );
  await backend.close();
  const before = await Deno.readFile(path);
  const { code, stdout, stderr } = await conformance(path);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    "Cannot run rhino conformance: the store is not new: it stands at revision 2. " +
      "Nothing was changed; name a store that is not there yet\n",
  );
  assert.deepEqual(await Deno.readFile(path), before);
});

Deno.test("conformance leaves a file alone that is no store", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/letter.txt`;
  const text = "Dear reader, ".repeat(1_000);
  await Deno.writeTextFile(path, text);
  const { code, stderr } = await conformance(path);
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot run rhino conformance: Cannot open ".*letter.txt": .*\n$/);
  assert.equal(await Deno.readTextFile(path), text);
});

Deno.test("conformance refuses a store that a server has open", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/state.db`;
  const backend = await openSqlite(path, OPEN_OPTIONS);
  const { code, stderr } = await conformance(path);
  await backend.close();
  assert.equal(code, 1);
  assert.match(stderr, /it is in use by another Rhino server/);
});

Deno.test("conformance tries the facts that --filter names, and answers --json for machines", async () => {
  const args = ["memory://", "--name", "other", "--filter", "leases()", "--json", "--seed=5"];
  const { code, stdout } = await conformance(...args);
  assert.equal(code, 0);
  const { facts, ...report } = JSON.parse(stdout);
  assert.deepEqual(report, {
    endpoint: "memory://",
    contractVersion: 1,
    passed: 1,
    failed: 0,
    skipped: 0,
  });
  assert.equal(
    facts[0].name,
    "leases() puts those that expire first in front and stops at its limit",
  );
  assert.equal(facts[0].status, "ok");

  const nothing = await conformance("memory://", "--filter", "no such fact");
  assert.equal(nothing.code, 1);
  assert.equal(lastLine(nothing), "0 passed, 0 failed, 0 skipped: nothing was tried");
});

Deno.test("conformance wants an endpoint that it knows, and a seed that is a number", async () => {
  for (
    const [args, message] of [
      [[], "Cannot start: ENDPOINT is missing"],
      [["redis://x"], 'Cannot run rhino conformance: Cannot open backend: unknown scheme "redis:"'],
      [["memory://", "--seed=x"], 'Cannot run rhino conformance: --seed is "x": expected a number'],
    ] as const
  ) {
    const { code, stderr } = await conformance(...args);
    assert.notEqual(code, 0);
    assert.ok(stderr.startsWith(message), stderr);
  }
});

interface DatabaseKind {
  readonly name: string;
  readonly whyNot: string | undefined;
  readonly module: BackendModule;
  create(): Promise<{ readonly url: string; drop(): Promise<void> }>;
  /** Makes a table of somebody else. */
  prepare(url: string): Promise<unknown>;
  /** Names of all tables and views, one a line. */
  tables(url: string): Promise<string>;
}

const TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = ";

const DATABASES: readonly DatabaseKind[] = [
  {
    name: "postgres",
    whyNot: whyNoPostgres(),
    module: postgres,
    create: postgresDatabase,
    prepare: (url) => queryPostgres(url, "CREATE TABLE public.letters (id int)"),
    tables: (url) => queryPostgres(url, `${TABLES}'public'`),
  },
  {
    name: "mysql",
    whyNot: whyNoMysql(),
    module: mysql,
    create: mysqlDatabase,
    prepare: (url) => queryMariadb(connectionTo(url), "CREATE TABLE letters (id int)"),
    tables: (url) => queryMariadb(connectionTo(url), `${TABLES}DATABASE()`),
  },
];

for (const { name, whyNot, module, create, prepare, tables } of DATABASES) {
  Deno.test({
    name: `conformance of ${name} ends well, and removes its own tables only`,
    ignore: whyNot !== undefined,
    async fn() {
      const { url, drop } = await create();
      try {
        await prepare(url);
        const result = await conformance(url);
        assert.equal(result.code, 0, result.stdout + result.stderr);
        assert.equal(
          lastLine(result),
          `${
            FACTS.length - 3
          } passed, 0 failed, 3 skipped: the backend keeps the contract in all that was tried`,
        );
        assert.match(result.stdout, /the store goes by a clock of its own/);
        assert.equal((await tables(url)).trim(), "letters");
      } finally {
        await drop();
      }
    },
  });

  Deno.test({
    name: `conformance of ${name} refuses a store that a server has open`,
    ignore: whyNot !== undefined,
    async fn() {
      const { url, drop } = await create();
      const backend = await module.open(url, OPEN_OPTIONS);
      try {
        await backend.announce({ id: 77n, info: bytes("server") }, 60_000);
        const { code, stderr } = await conformance(url);
        assert.equal(code, 1);
        assert.match(stderr, /another server has the store open \(member 4d\)/);
        assert.equal((await backend.head()).index, 0);
      } finally {
        await backend.close();
        await drop();
      }
    },
  });
}
