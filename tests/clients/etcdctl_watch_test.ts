// etcdctl watch in a process of its own.

import assert from "node:assert/strict";
import { WatchSession } from "../services/watch_session.ts";
import { startEndpoint } from "../support/endpoint.ts";
import type { Etcdctl } from "./etcdctl.ts";
import { testEtcdctl } from "./etcdctl_target.ts";

interface RevisionJson {
  readonly header: { readonly revision: number };
}

async function revision(ctl: Etcdctl): Promise<number> {
  return (await ctl.json<RevisionJson>(["get", "any"])).header.revision;
}

testEtcdctl("watch: --rev gives the past, then what comes", async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  await ctl.ok(["put", "watch/key", "1"]);
  await ctl.ok(["put", "watch/other", "no"]);
  await ctl.ok(["del", "watch/key"]);
  await using watch = ctl.spawn(["watch", "watch/key", `--rev=${start}`]);
  assert.deepEqual(await watch.lines(3), ["PUT", "watch/key", "1"]);
  assert.deepEqual(await watch.lines(3), ["DELETE", "watch/key", ""]);
  await ctl.ok(["put", "watch/key", "live"]);
  assert.deepEqual(await watch.lines(3), ["PUT", "watch/key", "live"]);
  assert.ok(watch.silent);
});

testEtcdctl("watch: --prefix and --prev-kv", async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  await using watch = ctl.spawn(["watch", "pre/", "--prefix", "--prev-kv", `--rev=${start}`]);
  await ctl.ok(["put", "pre", "no"]);
  await ctl.ok(["put", "pre/a", "1"]);
  await ctl.ok(["put", "pre/a", "2"]);
  await ctl.ok(["put", "pre0", "no"]);
  await ctl.ok(["del", "pre/a"]);
  // An event that had no previous value prints none.
  assert.deepEqual(await watch.lines(3), ["PUT", "pre/a", "1"]);
  assert.deepEqual(await watch.lines(5), ["PUT", "pre/a", "1", "pre/a", "2"]);
  assert.deepEqual(await watch.lines(5), ["DELETE", "pre/a", "2", "pre/a", ""]);
});

testEtcdctl("watch: a prefix of nothing sees every key", { fresh: true }, async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  await ctl.ok(["put", "all/a", "1"]);
  await ctl.ok(["put", "ALL", "2"]);
  await using watch = ctl.spawn(["watch", "", "--prefix", `--rev=${start}`]);
  assert.deepEqual(await watch.lines(6), ["PUT", "all/a", "1", "PUT", "ALL", "2"]);
});

testEtcdctl("watch: a range ends before its end", async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  for (const key of ["span/a", "span/b", "span/c"]) await ctl.ok(["put", key, key]);
  await using watch = ctl.spawn(["watch", "span/a", "span/c", `--rev=${start}`]);
  assert.deepEqual(await watch.lines(6), ["PUT", "span/a", "span/a", "PUT", "span/b", "span/b"]);
  await ctl.ok(["put", "span/c", "no"]);
  await ctl.ok(["put", "span/a", "last"]);
  assert.deepEqual(await watch.lines(3), ["PUT", "span/a", "last"]);
});

testEtcdctl("watch: interactive takes several watches and asks for progress", async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  await using watch = ctl.spawn(["watch", "-i"]);
  await watch.write(`watch one --rev=${start}\n`);
  await watch.write(`watch many/ --prefix --rev=${start}\n`);
  await ctl.ok(["put", "one", "1"]);
  assert.deepEqual(await watch.lines(3), ["PUT", "one", "1"]);
  await ctl.ok(["put", "many/a", "2"]);
  assert.deepEqual(await watch.lines(3), ["PUT", "many/a", "2"]);
  const newest = await revision(ctl);
  // A server may stay silent while a watch has not caught up, so this asks until it answers.
  let answered = false;
  const answer = watch.line().finally(() => answered = true);
  while (!answered) {
    await watch.write("progress\n");
    await revision(ctl);
  }
  const [, notified] = /^progress notify: (\d+)$/.exec(await answer) ?? [];
  assert.equal(Number(notified), newest);
});

testEtcdctl("watch: -w json gives whole responses", async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  await ctl.ok(["put", "json/key", "value"]);
  await using watch = ctl.spawn(["watch", "json/key", `--rev=${start}`, "-w", "json"]);
  const response = JSON.parse(await watch.line());
  assert.equal(response.Header.revision >= start, true);
  assert.equal(response.CompactRevision, 0);
  assert.equal(response.Canceled, false);
  assert.equal(response.Created, false);
  assert.equal(response.Events.length, 1);
  assert.equal(atob(response.Events[0].kv.key), "json/key");
  assert.equal(atob(response.Events[0].kv.value), "value");
  assert.equal(response.Events[0].kv.mod_revision, start);
});

testEtcdctl("watch: runs a command for each event", async ({ ctl }) => {
  const start = await revision(ctl) + 1;
  await ctl.ok(["put", "exec/key", "value"]);
  await using watch = ctl.spawn(
    ["watch", "exec/key", `--rev=${start}`, "--", "sh", "-c", "echo $ETCD_WATCH_KEY"],
  );
  assert.deepEqual(await watch.lines(4), ["PUT", "exec/key", "value", '"exec/key"']);
});

testEtcdctl(
  "watch: a compacted start ends it with the reason",
  { fresh: true },
  async ({ ctl }) => {
    for (const value of ["1", "2", "3"]) await ctl.ok(["put", "old/key", value]);
    await ctl.ok(["compaction", `${await revision(ctl)}`]);
    await using watch = ctl.spawn(["watch", "old/key", "--rev=2"]);
    assert.notEqual(await watch.end(), 0);
    assert.match(watch.stderr, /etcdserver: mvcc: required revision has been compacted/);
  },
);

testEtcdctl(
  "watch: goes on after the server has restarted",
  { fresh: true, skips: { memory: "memory forgets at the end of the process" } },
  async ({ ctl, endpoint }) => {
    const start = await revision(ctl) + 1;
    await ctl.ok(["put", "again/key", "before"]);
    await using watch = ctl.spawn(["watch", "again/key", `--rev=${start}`]);
    assert.deepEqual(await watch.lines(3), ["PUT", "again/key", "before"]);
    await endpoint.restart();
    await ctl.ok(["put", "again/key", "after"]);
    assert.deepEqual(await watch.lines(3), ["PUT", "again/key", "after"]);
    assert.ok(watch.silent);
  },
);

testEtcdctl("make-mirror: copies what is there and what comes", { fresh: true }, async (t) => {
  await using copy = await startEndpoint(t.target);
  using session = new WatchSession(copy.client);
  const id = await session.create({ key: "mirror/", rangeEnd: "mirror0" });
  await t.ctl.ok(["put", "mirror/old", "1"]);
  await t.ctl.ok(["put", "other", "no"]);
  await using mirror = t.ctl.spawn(
    ["make-mirror", `http://${copy.address}`, "--prefix", "mirror/"],
  );
  assert.deepEqual((await session.events(id, 1)).map(({ key }) => key), ["mirror/old"]);
  await t.ctl.ok(["put", "mirror/new", "2"]);
  await t.ctl.ok(["del", "mirror/old"]);
  const seen = (await session.events(id, 2)).map(({ type, key }) => [type, key]);
  assert.deepEqual(seen, [["put", "mirror/new"], ["delete", "mirror/old"]]);
  assert.equal((await copy.client.kv.range({ key: "other" })).count, 0n);
  assert.equal(mirror.stderr, "");
});
