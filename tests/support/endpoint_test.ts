import assert from "node:assert/strict";
import { startEndpoint } from "./endpoint.ts";
import { assertFails, CODE } from "./rpc_error.ts";
import { serviceTest } from "./service_case.ts";

serviceTest("endpoint: data outlives a restart and a kill", {
  fresh: true,
  skips: { memory: "the memory backend keeps nothing" },
}, async ({ client: { kv }, endpoint }) => {
  await kv.put({ key: "a", value: "1" });
  const firstPid = endpoint.pid;
  await endpoint.restart();
  assert.notEqual(endpoint.pid, firstPid);
  await kv.put({ key: "b", value: "2" });
  await endpoint.kill();
  await endpoint.restart();
  const all = await kv.range({ key: "\0", rangeEnd: "\0" });
  assert.equal(all.count, 2n);
});

serviceTest("endpoint: stop ends the server in good order", { fresh: true }, async (t) => {
  // etcd ends by the very signal it was sent.
  assert.equal(await t.endpoint.stop(), t.target === "etcd" ? 143 : 0);
  await assertFails(t.client.kv.put({ key: "a" }), [CODE.UNAVAILABLE, /.*/]);
});

serviceTest("endpoint: a server that cannot start shows what it said", async ({ target }) => {
  await assert.rejects(
    startEndpoint(target, { flags: ["--no-such-flag"] }),
    /Cannot start the server: the server ended with code [^0][\s\S]*no-such-flag/,
  );
});

serviceTest("endpoint: streams send and receive", async ({ client: { kv, watch }, key }) => {
  using stream = watch.watch();
  stream.send({ requestUnion: { case: "createRequest", value: { key: key("a") } } });
  assert.equal((await stream.next()).created, true);
  await kv.put({ key: key("a"), value: "1" });
  assert.equal((await stream.next()).events.length, 1);
  stream.cancel();
  assert.equal((await stream.end()).code, CODE.CANCELLED);
});
