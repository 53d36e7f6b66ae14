// `rhino check`: a sound store is told to be sound, also while servers write, and whatever is damaged in one shows.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { OPEN_OPTIONS } from "../../backends/conformance/subject.ts";
import { openBackend } from "../../backends/registry.ts";
import { checkStore } from "../../src/checking/check_store.ts";
import { runRhino, temporaryFolder } from "../cli/rhino_process.ts";
import { DATABASE_KINDS, sharedDatabase, whyNotShared } from "../cluster/database_kinds.ts";
import { pause } from "../support/polling.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { revisionOf } from "../support/readable.ts";
import { op } from "../support/txn_parts.ts";
import { check, checkOk, fill, Served, served } from "./migration_case.ts";

/** What is found in a copy of the store after it was damaged. */
async function findingsIn(path: string, sql: string): Promise<string[]> {
  const damaged = `${path}.damaged`;
  await Deno.copyFile(path, damaged);
  {
    using database = new DatabaseSync(damaged);
    database.exec(sql);
    assert.equal(database.prepare("SELECT changes() AS n").get()?.n === 0, false, sql);
  }
  const backend = await openBackend({ endpoint: damaged }, OPEN_OPTIONS);
  const findings: string[] = [];
  try {
    const facts = await checkStore(backend, {
      report() {},
      tell: (finding) => findings.push(finding),
    });
    assert.equal(facts.findings > 0, findings.length > 0);
  } finally {
    await backend.close();
  }
  for (const suffix of ["", "-lock"]) await Deno.remove(damaged + suffix);
  return findings;
}

/** The id of a row in the log is its revision and its place. */
const ID = (revision: number, sub = 0) => `${revision} * 2097152 + ${sub}`;
const NEWEST = `(SELECT id FROM current WHERE key = CAST('leased' AS BLOB))`;

/** Damage → what must be told of it. */
const DAMAGES: readonly (readonly [name: string, sql: string, found: RegExp])[] = [
  [
    "a row of the log is gone",
    `DELETE FROM log WHERE id = ${ID(120)}`,
    /revisions 120 to 120 are missing/,
  ],
  [
    "the newest row is gone",
    `DELETE FROM log WHERE id = (SELECT MAX(id) FROM log)`,
    /the log ends with revision \d+, the store with \d+/,
  ],
  [
    "a value is another one",
    `UPDATE log SET kv = CAST(substr(kv, 1, length(kv) - 1) || 'x' AS BLOB) WHERE id = ${NEWEST}`,
    /key "leased": the key's current version is another one/,
  ],
  [
    "a message is cut short",
    `UPDATE log SET kv = substr(kv, 1, length(kv) - 1) WHERE id = ${ID(120)}`,
    /revision 120\/0, .*its message/,
  ],
  [
    "a message is nonsense",
    `UPDATE log SET kv = x'ffffffffffff' WHERE id = ${ID(120)}`,
    /revision 120\/0, .*its message cannot be decoded/,
  ],
  [
    "a key is another one",
    `UPDATE log SET key = x'41' WHERE id = ${ID(120)}`,
    /revision 120\/0, key "A": its message is of another key/,
  ],
  [
    "a lease is another one",
    `UPDATE log SET lease = 5 WHERE id = ${ID(120)}`,
    /revision 120\/0, .*its message has lease 0, not 5/,
  ],
  [
    "a value begins elsewhere",
    `UPDATE log SET meta_size = meta_size - 1 WHERE id = ${ID(120)}`,
    /revision 120\/0, .*its message's value begins elsewhere/,
  ],
  [
    "a put is marked as deleted",
    `UPDATE log SET live = 0 WHERE id = ${NEWEST}`,
    /key "leased": it is marked as deleted, and its message is not/,
  ],
  [
    "a change has moved",
    `UPDATE log SET id = ${ID(120, 1)} WHERE id = ${ID(120)}`,
    /revision 120\/1, .*a change before it is missing/,
  ],
  [
    "a current key is gone",
    `DELETE FROM current WHERE key = CAST('leased' AS BLOB)`,
    /key "leased": the key lives, and is not current/,
  ],
  [
    "a current key is another one",
    `UPDATE current SET kv = CAST(substr(kv, 1, length(kv) - 1) || 'y' AS BLOB)
      WHERE key = CAST('leased' AS BLOB)`,
    /key "leased": the key's current version is another one/,
  ],
  [
    "an old current key is gone",
    `DELETE FROM current WHERE key = CAST('a' AS BLOB)`,
    /key "a": the key lives, and is not current/,
  ],
  [
    "an old current key is another one",
    `UPDATE current SET kv = CAST(substr(kv, 1, length(kv) - 1) || 'y' AS BLOB)
      WHERE key = CAST('a/' AS BLOB)`,
    /key "a\/": current at revision \d+, and another one in the log/,
  ],
  [
    "a key is current and not in the log",
    `DELETE FROM log WHERE key = CAST('a/' AS BLOB)`,
    /key "a\/": current at revision \d+, and not there in the log/,
  ],
  [
    "a lease is gone",
    `DELETE FROM lease WHERE id = 77`,
    /key "leased": attached to lease 77, which does not exist/,
  ],
  [
    "a lease has no time",
    `UPDATE lease SET ttl = 0 WHERE id = 77`,
    /lease 77: its time to live is 0 s/,
  ],
  [
    "an attachment is forgotten",
    `UPDATE current SET lease = 0 WHERE key = CAST('leased' AS BLOB)`,
    /lease 77: has 0 keys, and 1 are attached to it/,
  ],
  [
    "a user is nonsense",
    `UPDATE record SET value = x'ff' WHERE name = 'auth/user/root'`,
    /"auth\/user\/root"/,
  ],
  [
    "a role is gone",
    `DELETE FROM record WHERE name = 'auth/role/reader'`,
    /"auth\/user\/reader": it has the role "reader", which does not exist/,
  ],
  [
    "root is gone",
    `DELETE FROM record WHERE name = 'auth/user/root'`,
    /"auth\/enabled": authentication is on without a user root/,
  ],
  [
    "the head is ahead",
    `UPDATE head SET revision = revision + 1`,
    /the log ends with revision \d+, the store with \d+/,
  ],
  [
    "the compact revision is ahead",
    `UPDATE head SET compact_revision = revision + 1`,
    /the compact revision is \d+, the revision \d+/,
  ],
  [
    "the store is a half-done copy",
    `INSERT INTO record VALUES ('migration', CAST('elsewhere' AS BLOB))`,
    /"migration": the store is a half-done copy of elsewhere/,
  ],
];

Deno.test("check: finds whatever is damaged", async (t) => {
  await using folder = await temporaryFolder();
  const store = `${folder.path}/a.db`;
  await served(store, ({ client }) => fill(client));
  await checkOk(store);
  for (const [name, sql, found] of DAMAGES) {
    await t.step(name, async () => {
      const findings = await findingsIn(store, sql);
      assert.ok(findings.some((finding) => found.test(finding)), findings.join("\n") || "nothing");
    });
  }
});

Deno.test("check: versions that do not count up are found", async () => {
  await using folder = await temporaryFolder();
  const store = `${folder.path}/a.db`;
  await served(store, async ({ client }) => {
    for (const value of ["1", "2", "3"]) await client.kv.put({ key: "a", value });
  });
  // Revision 3 says version 7: the message's field 4.
  const findings = await findingsIn(
    store,
    `UPDATE log SET kv = CAST(substr(kv, 1, 8) || x'07' || substr(kv, 10) AS BLOB) WHERE id = ${
      ID(3)
    }`,
  );
  assert.match(findings.join("\n"), /revision 3\/0, key "a": its version is 7, and must be 2/);
  assert.match(findings.join("\n"), /revision 4\/0, key "a": its version is 3, and must be 8/);
});

Deno.test("check: a list whose frames do not fit its keys is found", async () => {
  await using folder = await temporaryFolder();
  const store = `${folder.path}/a.db`;
  await served(store, async ({ client }) => {
    for (let i = 0; i < 100; i++) await client.kv.put({ key: `k${i}`, value: "1" });
  });
  const findings = await findingsIn(
    store,
    `UPDATE current SET frame = x'1201' WHERE key = CAST('k50' AS BLOB)`,
  );
  assert.match(findings.join("\n"), /a page of a list is not packed as it should be/);
});

Deno.test("check: a store whose compact revision is ahead is not served either", async () => {
  await using folder = await temporaryFolder();
  const store = `${folder.path}/a.db`;
  await served(store, async ({ client }) => {
    await client.kv.put({ key: "a", value: "1" });
  });
  {
    using database = new DatabaseSync(store);
    database.exec("UPDATE head SET compact_revision = revision + 1");
  }
  const { code, stderr } = await runRhino({
    args: ["--endpoint", store, "--listen-address=127.0.0.1:0"],
  });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /Cannot serve the store: it is damaged, for the compact revision is 3, the revision 2;/,
  );
});

Deno.test("check: tells what is found on standard error, and ends with 1", async () => {
  await using folder = await temporaryFolder();
  const store = `${folder.path}/a.db`;
  await served(store, async ({ client }) => {
    for (let i = 0; i < 100; i++) await client.kv.put({ key: `k${i}`, value: "1" });
  });
  using database = new DatabaseSync(store);
  database.exec("UPDATE log SET lease = 3");
  database.close();
  const { code, stdout, stderr } = await check(store);
  assert.equal(code, 1);
  assert.match(stdout, /a\.db is not sound: 101 findings; 100 keys, /);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(lines.length, 51);
  assert.match(lines[0] ?? "", /^does not hold: revision 2\/0, key "k0": /);
  assert.match(lines.at(-1) ?? "", /further findings are only counted/);
});

Deno.test("check: what is no store is told in one line, and none is made", async () => {
  await using folder = await temporaryFolder();
  for (
    const [path, text] of [["nothing.db", /cannot read/], [
      "text",
      /is no store of Rhino's/,
    ]] as const
  ) {
    await Deno.writeTextFile(`${folder.path}/text`, "hello ".repeat(40));
    const { code, stdout, stderr } = await check(`${folder.path}/${path}`);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, text);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["text"]);
});

/** Writes, deletes, grants and compacts until it is told to stop. */
async function writeOn(client: EtcdClient, { signal }: AbortController): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    const ID = BigInt(round + 1);
    await client.lease.leaseGrant({ ID, TTL: 600 });
    const puts = Array.from({ length: 20 }, (_, index) => {
      return op.put({ key: `k/${(round * 7 + index) % 500}`, value: `${round}`, lease: ID });
    });
    const answer = await client.kv.txn({
      success: [...puts, op.deleteRange({ key: `k/${(round * 7 + 250) % 500}` })],
    });
    if (round % 10 === 9) {
      await client.lease.leaseRevoke({ ID: ID - 3n });
      await client.kv.compact({ revision: revisionOf(answer) - 5n });
    }
  }
}

for (const kind of DATABASE_KINDS) {
  const reason = whyNotShared(kind);
  Deno.test({
    name: `check: ${kind} beside a server that writes and compacts${
      reason ? ` (ignored: ${reason})` : ""
    }`,
    ignore: reason !== undefined,
    async fn() {
      await using cleanup = new AsyncDisposableStack();
      const database = await sharedDatabase(kind);
      cleanup.defer(() => database.drop());
      const server = cleanup.use(await Served.start(database.url));
      const stop = new AbortController();
      const writing = writeOn(server.client, stop);
      await pause(1_500);
      for (let round = 0; round < 3; round++) await checkOk(database.url);
      stop.abort();
      await writing;
      assert.doesNotMatch(await checkOk(database.url), /not compared|not known/);
    },
  });
}
