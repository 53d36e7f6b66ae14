// Lock: taking turns with a lock that the server itself waits for.

import assert from "node:assert/strict";
import type { EtcdClient } from "../support/etcd_client.ts";
import { eventually } from "../support/polling.ts";
import { revisionOf, text } from "../support/readable.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";

/** Long enough that no test sees it end. */
const LONG_SECONDS = 3_600;

async function grant(client: EtcdClient, ID: bigint | number = 0): Promise<bigint> {
  return (await client.lease.leaseGrant({ ID, TTL: LONG_SECONDS })).ID;
}

async function keysBelow(client: EtcdClient, name: string): Promise<string[]> {
  const { kvs } = await client.kv.range({ key: `${name}/`, rangeEnd: `${name}0` });
  return kvs.map(({ key }) => text(key));
}

/** Resolves when that many stand in line. */
function inLine(client: EtcdClient, name: string, count: number): Promise<void> {
  return eventually(`${count} in line for ${name}`, async () => {
    return (await keysBelow(client, name)).length === count;
  });
}

/** How a call stands just now. */
function track(call: Promise<unknown>): { state: "waits" | "done" | "failed" } {
  const tracked: { state: "waits" | "done" | "failed" } = { state: "waits" };
  call.then(() => tracked.state = "done", () => tracked.state = "failed");
  return tracked;
}

serviceTest("Lock: its key is the name and the lease in hexadecimal", async (t) => {
  for (const ID of [0x1234_5678_9abc_def0n, 255n, -255n, -(2n ** 63n)]) {
    const name = t.key(`name of ${ID}`);
    const lease = await grant(t.client, ID);
    const locked = await t.client.lock.lock({ name, lease });
    assert.equal(text(locked.key), `${name}/${ID.toString(16)}`);
    const { kvs: [kv] } = await t.client.kv.range({ key: locked.key });
    assert.equal(kv?.lease, ID);
    assert.equal(kv?.value.length, 0);
    assert.equal(kv?.createRevision, revisionOf(locked));
    assert.ok((locked.header?.clusterId ?? 0n) > 0n);
    assert.ok((locked.header?.memberId ?? 0n) > 0n);
    assert.ok((locked.header?.raftTerm ?? 0n) > 0n);
  }
});

serviceTest("Lock: without a lease it gets one of 60 seconds", async (t) => {
  const { key } = await t.client.lock.lock({ name: t.key("a") });
  const ID = BigInt(`0x${text(key).slice(t.key("a/").length)}`);
  const { grantedTTL, TTL } = await t.client.lease.leaseTimeToLive({ ID });
  assert.equal(grantedTTL, 60n);
  assert.ok(TTL <= 60n && TTL > 50n, `${TTL}`);
  await t.client.lease.leaseRevoke({ ID });
  assert.deepEqual(await keysBelow(t.client, t.key("a")), []);
});

serviceTest("Lock: an empty name is one too", async (t) => {
  const lease = await grant(t.client);
  const { key } = await t.client.lock.lock({ lease });
  assert.equal(text(key), `/${lease.toString(16)}`);
  await t.client.lock.unlock({ key });
});

serviceTest("Lock: a name may hold any bytes", async (t) => {
  const lease = await grant(t.client);
  const name = new Uint8Array([0, 0xff, 0x2f, 0xc3]);
  const { key } = await t.client.lock.lock({ name, lease });
  assert.deepEqual(
    key,
    new Uint8Array([...name, ...new TextEncoder().encode(`/${lease.toString(16)}`)]),
  );
  await t.client.lock.unlock({ key });
});

serviceTest("Lock: the same lease has the same lock again", async (t) => {
  const name = t.key("a");
  const lease = await grant(t.client);
  const first = await t.client.lock.lock({ name, lease });
  const second = await t.client.lock.lock({ name, lease });
  assert.deepEqual(second.key, first.key);
  assert.equal(revisionOf(second), revisionOf(first));
});

serviceTest("Lock: waits for the one before, in the order of arrival", async (t) => {
  const { lock } = t.client;
  const name = t.key("a");
  const first = await lock.lock({ name, lease: await grant(t.client) });
  const second = lock.lock({ name, lease: await grant(t.client) });
  await inLine(t.client, name, 2);
  const third = lock.lock({ name, lease: await grant(t.client) });
  await inLine(t.client, name, 3);
  const [secondState, thirdState] = [track(second), track(third)];
  // Asked for while they wait.
  await t.client.kv.range({ key: name });
  assert.deepEqual([secondState.state, thirdState.state], ["waits", "waits"]);
  const unlocked = await lock.unlock({ key: first.key });
  const { key, header } = await second;
  assert.ok((header?.revision ?? 0n) >= revisionOf(unlocked));
  assert.equal(thirdState.state, "waits");
  await lock.unlock({ key });
  await lock.unlock({ key: (await third).key });
  assert.deepEqual(await keysBelow(t.client, name), []);
});

serviceTest("Lock: names do not stand in each other's way", async (t) => {
  const { lock } = t.client;
  const lease = await grant(t.client);
  await lock.lock({ name: t.key("a"), lease });
  for (const name of [t.key("a/b"), t.key("a0"), t.key("")]) {
    // But one below another is in its line, as in etcd.
    await lock.lock({ name, lease });
  }
  const below = lock.lock({ name: t.key("a"), lease: await grant(t.client) });
  await inLine(t.client, t.key("a"), 3);
  await t.client.lease.leaseRevoke({ ID: lease });
  await below;
});

serviceTest("Lock: one whose lease ends goes to the next", async (t) => {
  const name = t.key("a");
  const lease = await grant(t.client);
  await t.client.lock.lock({ name, lease });
  const second = t.client.lock.lock({ name, lease: await grant(t.client) });
  await inLine(t.client, name, 2);
  await t.client.lease.leaseRevoke({ ID: lease });
  await t.client.lock.unlock({ key: (await second).key });
});

serviceTest("Lock: whoever waits without a lease any more fails when the turn comes", async (t) => {
  const name = t.key("a");
  const first = await t.client.lock.lock({ name, lease: await grant(t.client) });
  const lease = await grant(t.client);
  const second = t.client.lock.lock({ name, lease });
  const failed = assertFails(second, [CODE.UNKNOWN, "mutex: session is expired"]);
  await inLine(t.client, name, 2);
  await t.client.lease.leaseRevoke({ ID: lease });
  await t.client.lock.unlock({ key: first.key });
  await failed;
});

serviceTest(
  "Lock: whoever leaves while waiting leaves the line, and the next one moves up",
  async (t) => {
    const name = t.key("a");
    const first = await t.client.lock.lock({ name, lease: await grant(t.client) });
    const lease = await grant(t.client);
    const leaving = t.client.lock.lock({ name, lease }, { timeoutMs: 500 });
    await assertFails(leaving, [CODE.DEADLINE_EXCEEDED, /./]);
    await inLine(t.client, name, 1);
    // The lease is the caller's, and stays.
    assert.ok((await t.client.lease.leaseTimeToLive({ ID: lease })).TTL > 0n);
    const third = t.client.lock.lock({ name, lease: await grant(t.client) });
    await inLine(t.client, name, 2);
    await t.client.lock.unlock({ key: first.key });
    await t.client.lock.unlock({ key: (await third).key });
  },
);

serviceTest("Lock: a lease that is not there fails, without a code of its own", async (t) => {
  await assertFails(t.client.lock.lock({ name: t.key("a"), lease: 99 }), [
    CODE.UNKNOWN,
    "etcdserver: requested lease not found",
  ]);
  assert.deepEqual(await keysBelow(t.client, t.key("a")), []);
});

serviceTest("Lock: unlocking deletes a key, whichever it is", async (t) => {
  const before = revisionOf(await t.client.kv.put({ key: t.key("a"), value: "1" }));
  const unlocked = await t.client.lock.unlock({ key: t.key("a") });
  assert.equal(revisionOf(unlocked), before + 1n);
  assert.equal((await t.client.kv.range({ key: t.key("a") })).count, 0n);
  assert.equal(revisionOf(await t.client.lock.unlock({ key: t.key("a") })), before + 1n);
  await assertFails(t.client.lock.unlock({}), [
    CODE.UNKNOWN,
    "etcdserver: key is not provided",
  ]);
});
