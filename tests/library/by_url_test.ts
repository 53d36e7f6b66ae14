/** Programs that have no checkout of Rhino and import it by URL, from a server on this machine. */

import assert from "node:assert/strict";
import { writeImportable } from "../../packaging/importable.ts";
import { ROOT } from "../tidy/source_tree.ts";
import { runProgram } from "./program.ts";

/** Serves the files of a folder, as any web server would. */
function serveFolder(folder: string): Disposable & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    try {
      const body = await Deno.readFile(`${folder}${pathname}`);
      const type = pathname.endsWith(".json") ? "application/json" : "application/typescript";
      return new Response(body, { headers: { "content-type": type } });
    } catch {
      return new Response("not found", { status: 404 });
    }
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.dispose]: () => void server.shutdown(),
  };
}

/** Also what has threads of its own: a SQLite file, and the hash of a password. */
function programAt(url: string): string {
  return `
    import { RhinoServer, sqlite } from "${url}/src/mod.ts";
    import { startTestServer } from "${url}/src/testing.ts";
    for (const options of [{ endpoint: "memory://" }, sqlite()]) {
      await using server = await RhinoServer.start({ ...options, bcryptCost: 4 });
      const call = async (path: string, body: object) => {
        const init = { method: "POST", body: JSON.stringify(body) };
        const response = await fetch(server.url + "/v3/" + path, init);
        if (!response.ok) throw new Error(await response.text());
        return await response.json();
      };
      await call("kv/put", { key: btoa("a"), value: btoa("1") });
      await call("auth/user/add", { name: "alice", password: "secret" });
      console.log((await call("kv/range", { key: btoa("a") })).kvs.length);
    }
    await using etcd = await startTestServer();
    console.log(await etcd.compact());`;
}

const OUTPUT = "1\n1\n1\n";

Deno.test("a copy made by the task can be imported by its URL alone, with types", async () => {
  const copy = await Deno.makeTempDir();
  const cwd = await Deno.makeTempDir();
  await writeImportable(copy);
  {
    using files = serveFolder(copy);
    const origin = new URL(files.url).host;
    const code = programAt(files.url);
    const args = [
      "--check",
      `--allow-import=${origin}`,
      "--allow-net=127.0.0.1",
      "--allow-sys=hostname",
      "--allow-env",
      `--allow-read=${cwd}`,
      `--allow-write=${cwd}`,
    ];
    const end = await runProgram({ code, cwd, args });
    assert.deepEqual([end.stdout, end.code], [OUTPUT, 0], end.stderr);
  }
  await Deno.remove(copy, { recursive: true });
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("a checkout can be imported by its URL with its deno.json as the import map", async () => {
  const cwd = await Deno.makeTempDir();
  {
    using files = serveFolder(ROOT);
    const map = `--import-map=${files.url}/deno.json`;
    const end = await runProgram({ code: programAt(files.url), cwd, args: ["-A", map] });
    assert.deepEqual([end.stdout, end.code], [OUTPUT, 0], end.stderr);
  }
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("a checkout can be linked into the configuration of a program", async () => {
  const cwd = await Deno.makeTempDir();
  const config = { links: [ROOT], imports: { "@rhino/rhino": "jsr:@rhino/rhino@^0.1.0" } };
  await Deno.writeTextFile(`${cwd}/deno.json`, JSON.stringify(config));
  const code = `
    import { RhinoServer } from "@rhino/rhino";
    import { startTestServer } from "@rhino/rhino/testing";
    await using server = await RhinoServer.start({ endpoint: "memory://" });
    await using etcd = await startTestServer();
    console.log(server.urls.length, await etcd.compact());`;
  const end = await runProgram({ code, cwd, args: ["-A"] });
  assert.deepEqual([end.stdout, end.code], ["1 1\n", 0], end.stderr);
  await Deno.remove(cwd, { recursive: true });
});
