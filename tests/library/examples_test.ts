/** The examples are run as their readers would run them. */

import assert from "node:assert/strict";
import { EtcdClient } from "../support/etcd_client.ts";
import { ROOT } from "../tidy/source_tree.ts";

const EXAMPLE_MS_MAX = 120_000;

/** Node 20 is what its example is written for. */
async function whyNoNode(): Promise<string | undefined> {
  if (Deno.env.get("CI") === "true") return undefined;
  try {
    await new Deno.Command("npx", { args: ["--version"], stdout: "null", stderr: "null" }).output();
    return undefined;
  } catch {
    return "needs Node with npx";
  }
}

const noNode = await whyNoNode();

/** A folder with the files of the example, and the packages that they use. */
async function nodeProject(files: Readonly<Record<string, string>> = {}) {
  const folder = await Deno.makeTempDir();
  for (const name of ["main.mjs", "start_rhino.mjs"]) {
    await Deno.copyFile(`${ROOT}examples/node/${name}`, `${folder}/${name}`);
  }
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  await Deno.writeTextFile(`${folder}/package.json`, `{"dependencies":{"etcd3":"1.1.2"}}`);
  const install = ["install", "-q", "--node-modules-dir=auto"];
  const { success } = await new Deno.Command(Deno.execPath(), { args: install, cwd: folder })
    .output();
  assert.ok(success);
  return folder;
}

async function node(folder: string, args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command("node", {
    args: [...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(EXAMPLE_MS_MAX),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test({
  name: `examples/node: a program on Node starts Rhino and uses it${
    noNode ? ` (ignored: ${noNode})` : ""
  }`,
  ignore: noNode !== undefined,
  async fn() {
    const folder = await nodeProject();
    const end = await node(folder, ["main.mjs", ROOT]);
    assert.deepEqual([end.stdout, end.code], ["hello from Node\n", 0], end.stderr);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name:
    "examples/node: what Rhino says of a failed start is in the error, and nothing stays behind",
  ignore: noNode !== undefined,
  async fn() {
    const folder = await nodeProject({
      "failing.mjs": `
        import { startRhino } from "./start_rhino.mjs";
        const flags = ["--endpont=memory://"];
        await startRhino({ checkout: process.argv[2], flags }).catch((error) => console.log(error.message));`,
    });
    const end = await node(folder, ["failing.mjs", ROOT]);
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stdout, /^Rhino did not start:\n.*--endpoint/s);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "Node itself does not run Rhino's modules, as docs/library.md says",
  ignore: noNode !== undefined,
  async fn() {
    const code = `import("${ROOT}src/mod.ts").catch(({ code }) => console.log(code))`;
    const { stdout } = await node(ROOT, ["-e", code]);
    assert.match(stdout, /^ERR_/);
  },
});

Deno.test("examples/embedded: keeps score, and any client may watch and write", async () => {
  const folder = await Deno.makeTempDir();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", `${ROOT}examples/embedded/main.ts`, `${folder}/scores.db`],
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(EXAMPLE_MS_MAX),
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  let rest = "";
  const nextLine = async () => {
    while (!rest.includes("\n")) rest += (await lines.next()).value ?? "\n";
    const [line = ""] = rest.split("\n", 1);
    rest = rest.slice(line.length + 1);
    return line;
  };
  const writer = child.stdin.getWriter();
  const say = async (line: string) => {
    await writer.write(new TextEncoder().encode(`${line}\n`));
    return await nextLine();
  };
  const [, address = ""] = /--endpoints=(\S+)/.exec(await nextLine()) ?? [];
  assert.equal(await say("ann 3"), "ann has 3; ann leads with 3");
  assert.equal(await say("bob 5"), "bob has 5; bob leads with 5");
  {
    using client = new EtcdClient(address);
    await client.kv.put({ key: "score/ann", value: "10" });
  }
  assert.equal(await say("ann 1"), "ann has 11; ann leads with 11");
  assert.equal(await say("ann"), `expected NAME POINTS, not "ann"`);
  await writer.close();
  assert.equal((await child.status).code, 0);
  await lines.return?.();
  await Deno.remove(folder, { recursive: true });
});
