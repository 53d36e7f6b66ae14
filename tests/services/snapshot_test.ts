// Maintenance.Snapshot: the stream, and what the file in it holds. That etcd serves it is in tests/clients.

import assert from "node:assert/strict";
import { readBolt } from "../../src/snapshot/testing/bolt_reader.ts";
import { revisionOf } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";
import { op } from "../support/txn_parts.ts";
import { addUser, DENIED, enableAuth, FRESH, READ, signIn, USER_EMPTY } from "./auth_case.ts";
import { assertWhole, fileOf, historyOf, numberIn, snapshotOf } from "./snapshot_contents.ts";

serviceTest("Snapshot: of an empty store, has every bucket", { fresh: true }, async (t) => {
  const contents = await snapshotOf(t.client);
  assert.deepEqual([...contents.keys()], [
    "alarm",
    "auth",
    "authRoles",
    "authUsers",
    "cluster",
    "key",
    "lease",
    "members",
    "members_removed",
    "meta",
  ]);
  const entries = (bucket: string) => contents.get(bucket)?.map(({ key }) => key.toString());
  assert.deepEqual(entries("key"), []);
  assert.deepEqual(entries("lease"), []);
  assert.deepEqual(entries("auth"), ["authRevision"]);
  assert.equal(numberIn(contents, ["auth", "authRevision"]), 1);
  assert.deepEqual(entries("meta"), ["confState", "consistent_index", "storageVersion", "term"]);
  const { header, raftTerm } = await t.client.maintenance.status({});
  assert.equal(numberIn(contents, ["meta", "term"]), Number(raftTerm));
  assert.deepEqual(entries("members"), [header?.memberId.toString(16)]);
});

serviceTest("Snapshot: holds the history in order, also deletes", { fresh: true }, async (t) => {
  const { kv, lease } = t.client;
  const { ID } = await lease.leaseGrant({ ID: 7, TTL: 600 });
  await kv.put({ key: "a", value: "1" });
  await kv.put({ key: "a", value: "2", lease: ID });
  await kv.txn({
    success: [op.put({ key: "c" }), op.deleteRange({ key: "a" }), op.put({ key: "b" })],
  });
  const contents = await snapshotOf(t.client);
  const row = { isDelete: false, value: "", version: 1, lease: 0n };
  assert.deepEqual(historyOf(contents), [
    { ...row, revision: 2, sub: 0, key: "a", value: "1", create: 2, mod: 2 },
    { ...row, revision: 3, sub: 0, key: "a", value: "2", version: 2, create: 2, mod: 3, lease: 7n },
    { ...row, revision: 4, sub: 0, key: "c", create: 4, mod: 4 },
    { ...row, revision: 4, sub: 1, isDelete: true, key: "a", version: 0, create: 0, mod: 0 },
    { ...row, revision: 4, sub: 2, key: "b", create: 4, mod: 4 },
  ]);
  const [stored] = contents.get("lease") ?? [];
  assert.equal(stored?.key.toString("hex"), "0000000000000007");
  // leasepb.Lease: id and TTL.
  assert.equal(stored?.value.toString("hex"), "080710d804");
});

serviceTest("Snapshot: tells what was compacted, and holds what that left", {
  fresh: true,
}, async (t) => {
  const { kv } = t.client;
  for (const value of ["1", "2", "3"]) await kv.put({ key: "a", value });
  await kv.put({ key: "b" });
  await kv.deleteRange({ key: "b" });
  await kv.put({ key: "b" });
  await kv.compact({ revision: 6, physical: true });
  const contents = await snapshotOf(t.client);
  assert.equal(numberIn(contents, ["meta", "finishedCompactRev"]), 6);
  assert.equal(numberIn(contents, ["meta", "scheduledCompactRev"]), 6);
  const rows = historyOf(contents).map(({ revision, key, version }) => [revision, key, version]);
  assert.deepEqual(rows, [[4, "a", 3], [6, "b", 0], [7, "b", 1]]);
});

serviceTest("Snapshot: comes in blobs of 32 KiB that count down", { fresh: true }, async (t) => {
  for (let index = 0; index < 20; index++) {
    await t.client.kv.put({ key: `${index}`, value: new Uint8Array(50_000) });
  }
  const messages = await t.client.maintenance.snapshot({}).rest();
  assert.ok(messages.length > 30, `${messages.length} messages`);
  assert.equal(historyOf(readBolt(fileOf(messages))).length, 20);
});

serviceTest("Snapshot: is of one moment while others write and compact", {
  fresh: true,
}, async (t) => {
  const { kv } = t.client;
  const { header } = await kv.put({ key: "start" });
  const first = Number(header?.revision) + 1;
  let isOver = false;
  let newest = 0n;
  const write = async () => {
    // Ends with the last snapshot.
    for (let round = 0; !isOver; round++) {
      const value = `${round}`;
      const pair = ["x", "y"].map((key) => op.put({ key: `${key}${round % 50}`, value }));
      newest = revisionOf(await kv.txn({ success: pair }));
      if (round % 100 === 99) await kv.compact({ revision: newest - 20n });
    }
  };
  const writing = write();
  try {
    let before = 0;
    for (let count = 0; count < 10; count++) {
      const acknowledged = Number(newest);
      const contents = await snapshotOf(t.client);
      const last = assertWhole(contents, first);
      assert.ok(last >= acknowledged && last >= before, "it holds what was acknowledged before");
      before = last;
    }
  } finally {
    isOver = true;
    await writing;
  }
});

serviceTest("Snapshot: a client that goes away leaves the server as it was", async (t) => {
  for (let index = 0; index < 20; index++) {
    await t.client.kv.put({ key: t.key(`${index}`), value: new Uint8Array(500_000) });
  }
  for (let count = 0; count < 5; count++) {
    using stream = t.client.maintenance.snapshot({});
    await stream.next();
    stream.cancel();
    assert.equal((await stream.end()).code, CODE.CANCELLED);
  }
  assert.ok(historyOf(await snapshotOf(t.client)).length >= 20);
});

serviceTest("Snapshot: several clients at once all get one", async (t) => {
  await t.client.kv.put({ key: t.key("a"), value: new Uint8Array(500_000) });
  const all = await Promise.all(Array.from({ length: 8 }, () => snapshotOf(t.client)));
  for (const contents of all) assert.ok(contents.get("key")?.length !== 0);
});

serviceTest("Snapshot: only root may take one", FRESH, async (t) => {
  const { maintenance } = t.client;
  await addUser(t.client, { name: "reader", grants: [{ type: READ, key: "\0", rangeEnd: "\0" }] });
  const root = await enableAuth(t.client);
  const reader = await signIn(t.client, "reader", "reader");
  await assertFails(maintenance.snapshot({}, reader).rest(), DENIED);
  await assertFails(maintenance.snapshot({}).rest(), USER_EMPTY);
  const contents = await snapshotOf(t.client, root);
  const names = (bucket: string) => contents.get(bucket)?.map(({ key }) => key.toString());
  assert.deepEqual(names("auth"), ["authEnabled", "authRevision"]);
  assert.deepEqual(names("authUsers"), ["reader", "root"]);
  assert.deepEqual(names("authRoles"), ["reader"]);
});
