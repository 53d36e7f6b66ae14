// etcdctl's leases, and the locks and elections that it builds on them.

import assert from "node:assert/strict";
import type { Etcdctl } from "./etcdctl.ts";
import { testEtcdctl } from "./etcdctl_target.ts";

async function grant(ctl: Etcdctl, ttlSeconds: number): Promise<string> {
  const output = await ctl.ok(["lease", "grant", `${ttlSeconds}`]);
  const [, id] = new RegExp(`^lease ([0-9a-f]{16}) granted with TTL\\(${ttlSeconds}s\\)$`, "m")
    .exec(output) ?? [];
  assert.ok(id, output);
  return id;
}

testEtcdctl("lease: grant, put, timetolive, revoke", async ({ ctl }) => {
  const id = await grant(ctl, 600);
  await ctl.ok(["put", "lease/b", "2", `--lease=${id}`]);
  await ctl.ok(["put", "lease/a", "1", `--lease=${id}`]);
  assert.match(
    await ctl.ok(["lease", "timetolive", id]),
    new RegExp(`^lease ${id} granted with TTL\\(600s\\), remaining\\(\\d+s\\)$`, "m"),
  );
  const withKeys = await ctl.ok(["lease", "timetolive", id, "--keys"]);
  assert.match(withKeys, /attached keys\(\[.*lease\/a.*\]\)/);
  assert.match(withKeys, /attached keys\(\[.*lease\/b.*\]\)/);
  assert.equal(await ctl.ok(["lease", "revoke", id]), `lease ${id} revoked\n`);
  assert.equal(await ctl.ok(["get", "lease/", "--prefix"]), "");
  assert.equal(await ctl.ok(["lease", "timetolive", id]), `lease ${id} already expired\n`);
});

testEtcdctl("lease: list names every lease", { fresh: true }, async ({ ctl }) => {
  assert.equal(await ctl.ok(["lease", "list"]), "found 0 leases\n");
  const ids = [await grant(ctl, 500), await grant(ctl, 600)];
  assert.equal(await ctl.ok(["lease", "list"]), `found 2 leases\n${ids.join("\n")}\n`);
});

testEtcdctl("lease: put --ignore-lease keeps it, a plain put leaves it", async ({ ctl }) => {
  const id = await grant(ctl, 600);
  await ctl.ok(["put", "keep/key", "1", `--lease=${id}`]);
  await ctl.ok(["put", "keep/key", "2", "--ignore-lease"]);
  assert.match(await ctl.ok(["lease", "timetolive", id, "--keys"]), /\[keep\/key\]/);
  await ctl.ok(["put", "keep/key", "3"]);
  assert.match(await ctl.ok(["lease", "timetolive", id, "--keys"]), /attached keys\(\[\]\)/);
});

testEtcdctl("lease: what does not exist is an error, or has expired", async ({ ctl }) => {
  assert.match(
    await ctl.fails(["lease", "revoke", "1234"]),
    /etcdserver: requested lease not found/,
  );
  assert.match(
    await ctl.fails(["put", "lease/none", "1", "--lease=1234"]),
    /etcdserver: requested lease not found/,
  );
  assert.equal(
    await ctl.ok(["lease", "timetolive", "1234"]),
    "lease 0000000000001234 already expired\n",
  );
  assert.equal(
    await ctl.ok(["lease", "keep-alive", "1234"]),
    "lease 0000000000001234 expired or revoked.\n",
  );
});

testEtcdctl("lease: keep-alive renews until it is stopped", async ({ ctl }) => {
  const id = await grant(ctl, 3);
  await ctl.ok(["put", "alive/key", "1", `--lease=${id}`]);
  assert.equal(
    await ctl.ok(["lease", "keep-alive", "--once", id]),
    `lease ${id} keepalived with TTL(3)\n`,
  );
  await using keepAlive = ctl.spawn(["lease", "keep-alive", id]);
  // Renewed every second: after five the lease has outlived its time to live.
  for (const line of await keepAlive.lines(5)) {
    assert.equal(line, `lease ${id} keepalived with TTL(3)`);
  }
  assert.equal(await ctl.ok(["get", "alive/key", "--print-value-only"]), "1\n");
  await ctl.ok(["lease", "revoke", id]);
  assert.equal(await keepAlive.line(), `lease ${id} expired or revoked.`);
});

testEtcdctl("lock: the second contender gets it when the first lets go", async ({ ctl }) => {
  await using first = ctl.spawn(["lock", "lock/name"]);
  const [firstKey] = await first.lines(2);
  assert.match(firstKey ?? "", /^lock\/name\/[0-9a-f]+$/);
  await using second = ctl.spawn(["lock", "lock/name"]);
  await waitForKeys(ctl, "lock/name/", 2);
  assert.ok(second.silent);
  assert.equal(await first.interrupt(), 0);
  const [secondKey] = await second.lines(2);
  assert.match(secondKey ?? "", /^lock\/name\/[0-9a-f]+$/);
  assert.notEqual(secondKey, firstKey);
  assert.equal(await second.interrupt(), 0);
  assert.equal(await ctl.ok(["get", "lock/name", "--prefix"]), "");
});

testEtcdctl("lock: a contender that dies loses it with its lease", async ({ ctl }) => {
  await using first = ctl.spawn(["lock", "dead/name", "--ttl=2"]);
  await first.lines(2);
  await using second = ctl.spawn(["lock", "dead/name"]);
  await waitForKeys(ctl, "dead/name/", 2);
  await first.kill();
  const [key] = await second.lines(2);
  assert.match(key ?? "", /^dead\/name\/[0-9a-f]+$/);
  assert.equal(await second.interrupt(), 0);
});

testEtcdctl("lock: runs a command while holding it", async ({ ctl }) => {
  const output = await ctl.ok(["lock", "run/name", "--", "sh", "-c", "echo $ETCD_LOCK_KEY"]);
  assert.match(output, /^run\/name\/[0-9a-f]+\n$/);
  const { code } = await ctl.run(["lock", "run/name", "--", "sh", "-c", "exit 7"]);
  assert.equal(code, 7);
  assert.equal(await ctl.ok(["get", "run/name", "--prefix"]), "");
});

testEtcdctl("elect: leaders follow one another and observers see each", async ({ ctl }) => {
  await using observer = ctl.spawn(["elect", "-l", "elect/name"]);
  await using first = ctl.spawn(["elect", "elect/name", "first"]);
  const [key, proposal] = await first.lines(2);
  assert.match(key ?? "", /^elect\/name\/[0-9a-f]+$/);
  assert.equal(proposal, "first");
  assert.deepEqual(await observer.lines(2), [key, "first"]);
  await using second = ctl.spawn(["elect", "elect/name", "second"]);
  await waitForKeys(ctl, "elect/name/", 2);
  assert.ok(second.silent);
  assert.equal(await first.interrupt(), 0);
  assert.equal((await second.lines(2))[1], "second");
  assert.equal((await observer.lines(2))[1], "second");
  assert.equal(await second.interrupt(), 0);
});

/** Waits until the prefix has so many keys; each look is a round trip, and their number is bounded. */
async function waitForKeys(ctl: Etcdctl, prefix: string, count: number): Promise<void> {
  for (let look = 0; look < 500; look++) {
    const keys = await ctl.ok(["get", prefix, "--prefix", "--keys-only"]);
    if (keys.split("\n").filter((line) => line !== "").length === count) return;
  }
  assert.fail(`${prefix} never had ${count} keys`);
}
