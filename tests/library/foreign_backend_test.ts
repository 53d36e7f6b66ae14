/** A server in a program with its store in the sandbox: somebody else's module by URL, and Rhino's own. */

import assert from "node:assert/strict";
import { RhinoServer } from "../../src/mod.ts";
import { hashOf, memoryBundle, serveModules } from "../sandbox/module_server.ts";
import { EtcdClient } from "../support/etcd_client.ts";

async function assertServes(options: Parameters<typeof RhinoServer.start>[0]): Promise<void> {
  await using server = await RhinoServer.start(options);
  using client = new EtcdClient(server.address);
  await client.kv.put({ key: "a", value: "1" });
  const { kvs } = await client.kv.range({ key: "a" });
  assert.deepEqual(kvs.map(({ value }) => [...value]), [[0x31]]);
}

Deno.test("RhinoServer takes somebody else's module by URL and hash, and no other", async () => {
  const text = await memoryBundle();
  await using modules = serveModules({ "/memory.js": text });
  const url = `${modules.url}/memory.js`;
  const endpoint = "other://";
  await assertServes({ endpoint, backends: { other: `${url}#${await hashOf(text)}` } });
  await assert.rejects(
    RhinoServer.start({ endpoint, backends: { other: `${url}#${await hashOf("another")}` } }),
    { name: "BackendError", kind: "unusable", message: /its hash is sha256-/ },
  );
});

Deno.test("RhinoServer runs Rhino's own backends in the sandbox too", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rhino-test-library-" });
  try {
    await assertServes({ endpoint: `${folder}/state.db`, sandbox: true });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
