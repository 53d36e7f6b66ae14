// etcdctl's locks and elections, which it makes itself, in one line with those that the server makes.

import assert from "node:assert/strict";
import { eventually } from "../support/polling.ts";
import { text } from "../support/readable.ts";
import { testEtcdctl } from "./etcdctl_target.ts";

testEtcdctl("lock: stands in one line with the server's locks", async ({ ctl, client, key }) => {
  const name = key("a");
  const first = await client.lock.lock({ name });
  await using holder = ctl.spawn(["lock", name]);
  await eventually("etcdctl stands in line", async () => {
    return (await client.kv.range({ key: `${name}/`, rangeEnd: `${name}0` })).count === 2n;
  });
  await client.lock.unlock({ key: first.key });
  const theirs = await holder.line();
  assert.match(theirs, new RegExp(`^${name}/[0-9a-f]+$`));
  const third = client.lock.lock({ name });
  assert.equal(await holder.interrupt(), 0);
  await client.lock.unlock({ key: (await third).key });
});

testEtcdctl(
  "elect: stands in one line with the server's candidates",
  async ({ ctl, client, key }) => {
    const name = key("a");
    const { leader } = await client.election.campaign({ name, value: "server" });
    await using listener = ctl.spawn(["elect", "--listen", name]);
    assert.deepEqual(await listener.lines(2), [text(leader?.key ?? new Uint8Array()), "server"]);
    using observer = client.election.observe({ name });
    assert.equal(text((await observer.next()).kv?.value ?? new Uint8Array()), "server");
    await using candidate = ctl.spawn(["elect", name, "ctl"]);
    await eventually("etcdctl stands in line", async () => {
      return (await client.kv.range({ key: `${name}/`, rangeEnd: `${name}0` })).count === 2n;
    });
    await client.election.resign({ leader });
    const [theirs] = await candidate.lines(2);
    assert.deepEqual(await listener.lines(2), [theirs, "ctl"]);
    const told = await observer.next();
    assert.deepEqual([
      text(told.kv?.key ?? new Uint8Array()),
      text(told.kv?.value ?? new Uint8Array()),
    ], [
      theirs,
      "ctl",
    ]);
  },
);
