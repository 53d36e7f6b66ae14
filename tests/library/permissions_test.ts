/** A program with a server inside, under permissions as docs/library.md names them. */

import assert from "node:assert/strict";
import { ROOT } from "../tidy/source_tree.ts";
import { runProgram } from "./program.ts";

const CODE = `
  import { RhinoServer } from "@rhino/rhino";
  await using server = await RhinoServer.start({ endpoint: Deno.env.get("STORE"), bcryptCost: 4 });
  const call = async (path: string, body: object) => {
    const response = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
    return [response.status, await response.json()];
  };
  const [status] = await call("/v3/auth/user/add", { name: "alice", password: "secret" });
  const read = await Deno.readTextFile("/etc/hostname").catch((error) => error.name);
  console.log(status, read);`;

/** As in docs/library.md, with a folder for the data. */
function permissions(folder: string): string[] {
  return [
    "--allow-net=127.0.0.1",
    "--allow-sys=hostname",
    "--allow-env",
    `--allow-read=${folder},${ROOT}`,
    `--allow-write=${folder}`,
  ];
}

Deno.test("a program needs no more than the permissions of its server, and has no others", async () => {
  const folder = await Deno.makeTempDir();
  for (const store of ["memory://", `${folder}/db/state.db`]) {
    const code = CODE.replace(`Deno.env.get("STORE")`, JSON.stringify(store));
    // It ends by itself, so no thread or timer of the server is left.
    const end = await runProgram({ code, args: permissions(folder) });
    assert.deepEqual([end.stdout, end.code], ["200 NotCapable\n", 0], end.stderr);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a start without a permission that it needs says which", async () => {
  const folder = await Deno.makeTempDir();
  const code = `
    import { RhinoServer } from "@rhino/rhino";
    await RhinoServer.start({ endpoint: "${folder}/state.db" }).catch((error) => console.log(error.message));`;
  const args = permissions(folder).filter((one) => !one.startsWith("--allow-write"));
  const { stdout } = await runProgram({ code, args });
  assert.match(
    stdout,
    /^Cannot open ".*state\.db": Requires write access to .*--allow-write flag\n$/,
  );
  await Deno.remove(folder, { recursive: true });
});
