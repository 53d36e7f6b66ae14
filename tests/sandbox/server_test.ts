/** A server whose backend is somebody else's: it outlives what the backend does, and its clients are told in time. */

import assert from "node:assert/strict";
import { GRPC } from "../../src/errors.ts";
import { RhinoProcess, temporaryFolder } from "../cli/rhino_process.ts";
import { EtcdClient } from "../support/etcd_client.ts";
import { eventually } from "../support/polling.ts";
import { revisionOf, valuesOf } from "../support/readable.ts";
import { keepBatches, type KeptPlace } from "./kept_batches.ts";
import { memoryBundle, serveModules } from "./module_server.ts";

function startOn(place: KeptPlace): RhinoProcess {
  return new RhinoProcess({
    args: [
      "--listen-address=127.0.0.1:0",
      `--endpoint=${place.endpoint}`,
      `--backend=kept=${place.backend.url}`,
    ],
  });
}

/** On the module of that name. */
function startOnModule(name: string, url: string): RhinoProcess {
  return new RhinoProcess({
    args: [
      "--listen-address=127.0.0.1:0",
      `--endpoint=${name}:`,
      `--backend=${name}=${url}/${name}.js`,
    ],
  });
}

async function put(client: EtcdClient, key: string, value: string): Promise<boolean> {
  try {
    await client.kv.put({ key, value });
    return true;
  } catch (error) {
    assert.equal((error as { code?: number }).code, GRPC.UNAVAILABLE, String(error));
    return false;
  }
}

async function valueOf(client: EtcdClient, key: string): Promise<string | undefined> {
  return valuesOf(await client.kv.range({ key }))[0];
}

Deno.test("a server outlives its backend: calls end as Unavailable, and nothing acknowledged is lost", async () => {
  await using place = keepBatches();
  await using rhino = startOn(place);
  using client = new EtcdClient(await rhino.address());
  assert.ok(await put(client, "a", "1"));
  place.fault = "append:throws";
  assert.equal(await put(client, "b", "2"), false);
  place.fault = "";
  await eventually("a put", () => put(client, "c", "3"));
  const values = await Promise.all(["a", "b", "c"].map((key) => valueOf(client, key)));
  assert.deepEqual(values, ["1", undefined, "3"]);
  await rhino.line("the backend kept broke its contract: append: it threw Error: I cannot write");
  assert.deepEqual(rhino.lines.filter((line) => /^\s+at /.test(line)), [], "no stack traces");
});

Deno.test("a put whose answer was lost with the backend is found again, and done once", async () => {
  await using place = keepBatches();
  await using rhino = startOn(place);
  using client = new EtcdClient(await rhino.address());
  assert.ok(await put(client, "a", "1"));
  const before = revisionOf(await client.kv.range({ key: "a" }));
  place.fault = "append:dies";
  const done = put(client, "b", "2");
  await rhino.line("the backend kept broke its contract: ");
  place.fault = "";
  assert.ok(await done);
  const after = await client.kv.range({ key: "b" });
  assert.deepEqual([valuesOf(after), revisionOf(after)], [["2"], before + 1n]);
});

Deno.test("a server stops in good order while its backend hangs", async () => {
  await using place = keepBatches();
  await using rhino = startOn(place);
  await rhino.address();
  place.fault = "close:hangs";
  rhino.kill("SIGTERM");
  const { code } = await rhino.status();
  assert.equal(code, 0);
});

Deno.test("a module by path may have several files, and is loaded anew at each start", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/memory.js`, await memoryBundle());
  const main = `${folder.path}/mod.ts`;
  const text = (name: string) => `
    import type { OpenOptions } from "@rhino/rhino/contract";
    import { CONTRACT_VERSION } from "@rhino/rhino/contract";
    import * as memory from "./memory.js";
    export const contractVersion: number = CONTRACT_VERSION;
    export function open(endpoint: string, options: OpenOptions) {
      options.log("info", "I am ${name}");
      return memory.open(endpoint, options);
    }`;
  for (const name of ["the first", "the second"]) {
    await Deno.writeTextFile(main, text(name));
    await using rhino = new RhinoProcess({
      args: ["--listen-address=127.0.0.1:0", "--endpoint=own:", "--backend=own=./mod.ts"],
      cwd: folder.path,
    });
    await rhino.address();
    assert.ok(rhino.lines.some((line) => line.includes(`I am ${name} backend=own`)));
  }
});

Deno.test("a module's own words on the standard streams do not get there", async () => {
  await using server = serveModules({
    "/loud.js": `
      export { contractVersion } from "/memory.js";
      import { open as openMemory } from "/memory.js";
      import process from "node:process";
      export function open(...args) {
        console.log("LOUD");
        console.error("LOUD");
        Deno.stdout.writeSync(new TextEncoder().encode("LOUD"));
        Deno.stderr.writeSync(new TextEncoder().encode("LOUD"));
        process.stdout?.write("LOUD");
        return openMemory(...args);
      }`,
    "/memory.js": await memoryBundle(),
  });
  await using rhino = startOnModule("loud", server.url);
  await rhino.address();
  assert.deepEqual(rhino.lines.filter((line) => line.includes("LOUD")), []);
});

Deno.test("a module finds no arguments, and what Deno asks no permission for is taken away", async () => {
  await using server = serveModules({
    "/curious.js": `
      import process from "node:process";
      export { contractVersion } from "/memory.js";
      import { open as openMemory } from "/memory.js";
      const isRefused = (run) => {
        try {
          run();
          return false;
        } catch (error) {
          return error instanceof Deno.errors.NotCapable;
        }
      };
      export function open(endpoint, options) {
        options.log("info", "found", {
          args: [...Deno.args, ...process.argv].join(),
          caches: typeof caches,
          refused: [
            isRefused(() => Deno.kill(Deno.pid, "SIGKILL")),
            isRefused(() => process.kill(process.pid, "SIGKILL")),
          ].join(),
        });
        return openMemory(endpoint, options);
      }`,
    "/memory.js": await memoryBundle(),
  });
  await using rhino = startOnModule("curious", server.url);
  await rhino.address();
  assert.ok(
    rhino.lines.some((line) =>
      line.includes("found args=rhino caches=undefined refused=true,true ")
    ),
    rhino.lines.join("\n"),
  );
});

Deno.test("a module with packages of npm runs, finds no environment, and deno.lock stays as it is", async () => {
  const lock = new URL("../../deno.lock", import.meta.url);
  const before = await Deno.readTextFile(lock);
  await using server = serveModules({
    "/packed.js": `
      import process from "node:process";
      import { parse } from "npm:yaml@2.9.0";
      export { contractVersion } from "/memory.js";
      import { open as openMemory } from "/memory.js";
      export function open(endpoint, options) {
        options.log("info", "found", { ...parse("number: 5"), env: Object.keys(process.env).length });
        return openMemory(endpoint, options);
      }`,
    "/memory.js": await memoryBundle(),
  });
  await using rhino = startOnModule("packed", server.url);
  await rhino.address();
  assert.ok(
    rhino.lines.some((line) => line.includes("found number=5 env=0 backend=packed")),
    rhino.lines.join("\n"),
  );
  assert.equal(await Deno.readTextFile(lock), before);
});
