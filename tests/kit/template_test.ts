/**
 * The template keeps what it acknowledged when its store falls over, and tells what it cannot know. That it passes the
 * conformance suite is tested beside it.
 */

import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import {
  assertFails,
  batchAt,
  bytes,
  OPEN_OPTIONS,
  putRow,
  range,
} from "../../backends/conformance/subject.ts";
import type { Backend } from "../../backends/contract.ts";
import { open } from "../../examples/backend-template/mod.ts";
import { serveShelves } from "../../examples/backend-template/shelf_server.ts";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { freePort } from "../support/free_port.ts";

async function nextBatch(backend: Backend) {
  const head = await backend.head();
  const row = putRow(bytes(`key ${head.revision}`), { revision: head.revision + 1 });
  return batchAt(head, { rows: [row] });
}

Deno.test("the template: what was acknowledged is there after the store was started again", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/shelf.log`;
  const port = await freePort();
  const endpoint = `shelf://127.0.0.1:${port}/kept`;
  const server = serveShelves({ port, path });
  const backend = await open(endpoint, OPEN_OPTIONS);
  const batch = await nextBatch(backend);
  await backend.append(batch);
  await server.shutdown();

  await assertFails(backend.head(), "unavailable", "head() without a store");
  await assertFails(backend.append(batchAt(batch.head)), "unavailable", "append() without a store");
  await assertFails(open(endpoint, OPEN_OPTIONS), "unusable", "open() without a store");

  // What a crash left of a line that was never acknowledged.
  await Deno.writeTextFile(path, '["kept",[["!h",', { append: true });
  const again = serveShelves({ port, path });
  assert.deepEqual(await backend.head(), batch.head);
  assert.equal((await range(backend)).kvs.length, 1);
  await backend.append(await nextBatch(backend));
  await backend.close();
  await again.shutdown();
});

Deno.test("the template: a lost answer is indeterminate, and outcome() tells what became of it", async () => {
  const server = serveShelves({ port: 0 });
  await using link = await openLossyLink(server.addr.port);
  const backend = await open(`shelf://127.0.0.1:${link.port}/lost`, OPEN_OPTIONS);
  const batch = await nextBatch(backend);
  link.loseAnswers({ to: "/commit", times: Infinity });
  await assertFails(backend.append(batch), "indeterminate", "append() whose answer is lost");
  link.loseAnswers({ to: "/commit", times: 0 });
  assert.equal(await backend.outcome(batch.head), "applied");
  await backend.close();
  await server.shutdown();
});

Deno.test("the template: what is sent twice, for its first answer was lost, is applied once", async () => {
  const server = serveShelves({ port: 0 });
  await using link = await openLossyLink(server.addr.port);
  const backend = await open(`shelf://127.0.0.1:${link.port}/twice`, OPEN_OPTIONS);
  const batch = await nextBatch(backend);
  link.loseAnswers({ to: "/commit", times: 1 });
  await backend.append(batch);
  assert.deepEqual(await backend.head(), batch.head);
  await backend.close();
  await server.shutdown();
});

Deno.test("the template becomes one file that needs nothing else", async () => {
  await using folder = await temporaryFolder();
  const output = `${folder.path}/shelf.js`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "-o", output, "examples/backend-template/mod.ts"],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const text = await Deno.readTextFile(output);
  const imports = [...text.matchAll(/^import .* from "(.*)";$/gm)].map(([, from]) => from);
  assert.deepEqual(imports.filter((from) => !from?.startsWith("node:")), []);
  const module = await import(`data:text/javascript;base64,${bytes(text).toBase64()}`);
  assert.equal(module.contractVersion, 1);
});

/** A link that passes everything on, but breaks the connection instead of giving back some answers. */
async function openLossyLink(port: number) {
  let losing = { to: "", times: 0 };
  const server = createServer((inward) => {
    const outward = connect(port, "127.0.0.1");
    let isLost = false;
    inward.on("data", (chunk) => {
      if (losing.times > 0 && chunk.toString("latin1").includes(losing.to)) {
        isLost = true;
        losing.times--;
      }
      outward.write(chunk);
    });
    outward.on("data", (chunk) => isLost ? inward.destroy() : inward.write(chunk));
    for (const [from, to] of [[inward, outward], [outward, inward]] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    loseAnswers: (what: { to: string; times: number }) => void (losing = { ...what }),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
