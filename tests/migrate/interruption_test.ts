// What goes wrong on the way: a copy that is not whole is never taken for one, and nothing that was there is changed.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { DatabaseSync } from "node:sqlite";
import { Etcdctl } from "../clients/etcdctl.ts";
import { SavedSnapshot } from "../clients/restored_etcd.ts";
import { cleanEnv, runRhino, temporaryFolder } from "../cli/rhino_process.ts";
import { DATABASE_KINDS, sharedDatabase, whyNotShared } from "../cluster/database_kinds.ts";
import { startEndpoint } from "../support/endpoint.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { oracleTools, whyNoOracle } from "../support/oracle.ts";
import { pause } from "../support/polling.ts";
import { denoArgs } from "../support/rhino_command.ts";
import { op } from "../support/txn_parts.ts";
import {
  check,
  checkOk,
  fill,
  migrateFails,
  migrateOk,
  served,
  stateOf,
} from "./migration_case.ts";

/** Enough for some ten batches. */
const TXNS = 320;
const HALF_DONE = /half-done copy of the store .*a\.db/;

async function fillMuch({ kv }: EtcdClient): Promise<void> {
  for (let txn = 0; txn < TXNS; txn++) {
    const puts = Array.from({ length: 120 }, (_, index) => {
      return op.put({ key: `${txn}/${index}`, value: "x".repeat(500) });
    });
    await kv.txn({ success: puts });
  }
}

/** `rhino migrate`, killed when this much of the history is in the copy. */
async function killAt(from: string, to: string, revision: number): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: denoArgs(["migrate", from, to]),
    env: cleanEnv(),
    clearEnv: true,
    stdout: "null",
    stderr: "null",
  }).spawn();
  let hasEnded = false;
  const status = child.status.then((status) => {
    hasEnded = true;
    return status;
  });
  while (!hasEnded && revisionIn(to) < revision) await pause(2);
  if (!hasEnded) child.kill("SIGKILL");
  return (await status).signal === "SIGKILL";
}

/** As another process sees it; -1 if there is nothing yet. */
function revisionIn(path: string): number {
  try {
    using database = new DatabaseSync(path, { readOnly: true });
    const row = database.prepare("SELECT idx, revision FROM head").get();
    return row === undefined || row.idx === 0 ? -1 : Number(row.revision);
  } catch {
    return -1;
  }
}

Deno.test("migrate: a killed copy is not served, not copied, and made anew", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
  await served(from, ({ client }) => fillMuch(client));
  for (const revision of [1, 40, TXNS - 40]) {
    assert.ok(await killAt(from, to, revision), "it was killed before it had ended");
    const start = await runRhino({ args: ["--endpoint", to, "--listen-address=127.0.0.1:0"] });
    assert.equal(start.code, 1);
    assert.match(start.stderr, HALF_DONE);
    assert.match(start.stderr, /Cannot serve the store: it is .*; run rhino migrate again/);
    const { code, stderr } = await check(to);
    assert.equal(code, 1);
    assert.match(stderr, HALF_DONE);
    assert.match(await migrateFails(to, `${folder.path}/c.db`), HALF_DONE);
  }
  await migrateOk(from, to);
  const [sound, again] = [await checkOk(from), await checkOk(to)];
  assert.equal(again.replaceAll(to, from), sound);
});

Deno.test("migrate: a store that is not empty is not touched", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
  await served(from, async ({ client }) => void await client.kv.put({ key: "a" }));
  await served(to, ({ client }) => fill(client));
  const before = await checkOk(to);
  assert.match(await migrateFails(from, to), /is not empty, and nothing was changed/);
  assert.equal(await checkOk(to), before);
  // A server that was merely started there has left its mark too.
  await served(`${folder.path}/c.db`, () => Promise.resolve());
  assert.match(await migrateFails(from, `${folder.path}/c.db`), /is not empty/);
});

Deno.test("migrate: a store that is being served is told in one line, at either end", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
  await served(to, () => Promise.resolve());
  await served(from, async () => {
    assert.match(await migrateFails(from, `${folder.path}/c.db`), /a\.db.*in use/);
    assert.match(await migrateFails(to, from), /a\.db.*in use/);
  });
});

Deno.test("migrate: what is no source is told in one line, and no store is made", async () => {
  await using folder = await temporaryFolder();
  const { path } = folder;
  const to = `${path}/new.db`;
  await Deno.writeTextFile(`${path}/text`, "hello\n".repeat(100));
  await Deno.writeFile(`${path}/empty`, new Uint8Array(0));
  using database = new DatabaseSync(`${path}/other.db`);
  database.exec("CREATE TABLE t (a)");
  const bolt = Buffer.alloc(1_024);
  bolt.writeUInt32LE(0xed0cdaed, 16);
  await Deno.writeFile(`${path}/bolt`, bolt);
  for (
    const [from, expected] of [
      [`${path}/text`, /is neither a snapshot of etcd nor a database of SQLite/],
      [`${path}/empty`, /is neither a snapshot of etcd nor a database of SQLite/],
      [`${path}/other.db`, /is a SQLite database, but neither Rhino's nor kine's/],
      [`${path}/bolt`, /no sound snapshot of etcd: it has no header/],
      [`${path}/nothing`, /cannot read .*nothing.*No such file|cannot read .*ENOENT/],
      [path, /it is a folder/],
      ["postgres://u:secret@127.0.0.1:1/d", /cannot open postgres:\/\/u:xxxxx@.*refused/],
      ["mysql://u:secret@127.0.0.1:1/d", /cannot open mysql:\/\/u:xxxxx@.*refused/],
      ["nothing://x", /unknown scheme "nothing:"/],
    ] as const
  ) {
    const text = await migrateFails(from, to);
    assert.match(text, expected);
    assert.doesNotMatch(text, /secret/);
  }
  const usage = [["migrate"], ["migrate", "memory:", to], ["migrate", to, "memory:"], [
    "migrate",
    `${path}/text`,
    to,
    "--source=x",
  ]];
  for (const args of usage) {
    const { code, stderr } = await runRhino({ args });
    assert.equal(code, 2, stderr);
  }
  assert.ok(![...Deno.readDirSync(path)].some(({ name }) => name.startsWith("new.db")));
});

const noOracle = await whyNoOracle();
Deno.test({
  name: `migrate: a damaged snapshot is refused${noOracle ? ` (ignored: ${noOracle})` : ""}`,
  ignore: noOracle !== undefined,
  async fn() {
    await using folder = await temporaryFolder();
    await using etcd = await startEndpoint("etcd");
    for (let i = 0; i < 200; i++) await etcd.client.kv.put({ key: `k${i}`, value: "x".repeat(i) });
    const { etcdctl } = await oracleTools();
    await using saved = await SavedSnapshot.save(new Etcdctl(etcdctl, `http://${etcd.address}`));
    const whole = await Deno.readFile(saved.path);
    const to = `${folder.path}/a.db`;
    const fails = async (bytes: Uint8Array) => {
      await Deno.writeFile(`${folder.path}/damaged`, bytes);
      return await migrateFails(`${folder.path}/damaged`, to);
    };
    assert.match(await fails(whole.subarray(0, whole.length - 100)), /no whole snapshot/);
    assert.match(await fails(whole.subarray(0, whole.length - 32 - 4_096)), /it was cut short/);
    const flipped = whole.slice();
    flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 1;
    assert.match(await fails(flipped), /its checksum is not that of its contents/);
    await migrateOk(saved.path, to);
  },
});

Deno.test({
  name: "migrate: a full disk is told in one line, and what is there stays marked",
  // A limit on the size of files stands for a disk that is full.
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await temporaryFolder();
    const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
    await served(from, ({ client }) => fillMuch(client));
    const command = [Deno.execPath(), ...denoArgs(["migrate", from, to])];
    const { code, stderr } = await new Deno.Command("bash", {
      // In units of 1,024 bytes; the signal would end the process before it could tell.
      args: ["-c", `trap '' XFSZ; ulimit -f 8192; exec "$@"`, "bash", ...command],
      env: cleanEnv(),
      clearEnv: true,
      stdout: "null",
    }).output();
    const text = new TextDecoder().decode(stderr);
    assert.equal(code, 1, text);
    assert.match(text, /Cannot run rhino migrate: .*(full|disk|too large)/i);
    assert.match((await check(to)).stderr, HALF_DONE);
    await migrateOk(from, to);
  },
});

Deno.test("migrate: a half-done copy does not hide behind a store that was there", async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/a.db`, `${folder.path}/b.db`];
  await served(from, ({ client }) => fill(client));
  const before = await served(from, ({ client }) => stateOf(client));
  await migrateOk(from, to);
  // Once whole, it is a store like any other: it is not removed for another copy.
  assert.match(await migrateFails(from, to), /is not empty, and nothing was changed/);
  assert.deepEqual(await served(to, ({ client }) => stateOf(client)), before);
});

for (const kind of DATABASE_KINDS) {
  const reason = whyNotShared(kind);
  Deno.test({
    name: `migrate: a key that ${kind} does not take is told, and what is there is made anew${
      reason ? ` (ignored: ${reason})` : ""
    }`,
    ignore: reason !== undefined,
    async fn() {
      await using folder = await temporaryFolder();
      await using cleanup = new AsyncDisposableStack();
      const database = await sharedDatabase(kind);
      cleanup.defer(() => database.drop());
      const [long, other] = [`${folder.path}/long.db`, `${folder.path}/other.db`];
      await served(long, async ({ client }) => {
        await client.kv.put({ key: "a" });
        await client.kv.put({ key: "k".repeat(5_000) });
      });
      await served(other, ({ client }) => fill(client));
      assert.match(
        await migrateFails(long, database.url),
        /revision 3 has a key of 5000 bytes, and the store takes \d+ at most/,
      );
      const flags = ["--listen-address=127.0.0.1:0", "--endpoint", database.url];
      assert.match(
        (await runRhino({ args: flags })).stderr,
        /half-done copy of the store .*long\.db/,
      );
      await migrateOk(other, database.url);
      await checkOk(database.url);
    },
  });
}
