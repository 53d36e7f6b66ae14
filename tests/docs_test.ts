/** What the documents tell a reader to run is run, and does what they show. */

import assert from "node:assert/strict";
import project from "../deno.json" with { type: "json" };
import { RhinoProcess, temporaryFolder } from "./cli/rhino_process.ts";
import { EtcdClient } from "./support/etcd_client.ts";
import { type Endpoint, startEndpoint } from "./support/endpoint.ts";
import { oracleTools, whyNoOracle } from "./support/oracle.ts";
import { allFiles, readText } from "./tidy/source_tree.ts";

/** How long a command of a document may take. */
const COMMAND_MS_MAX = 30_000;

interface Example {
  readonly command: string;
  /** What the document shows below the command. */
  readonly output: string;
}

/** Commands and their outputs from the `console` blocks of a document. */
function examplesIn(path: string): Example[] {
  const examples: { command: string; output: string }[] = [];
  for (const [, block = ""] of readText(path).matchAll(/^```console\n(.*?)^```/gms)) {
    for (const line of block.trimEnd().split("\n")) {
      if (line.startsWith("$ ")) examples.push({ command: line.slice(2), output: "" });
      else {
        const last = examples.at(-1);
        assert.ok(last !== undefined, `${path}: output before the first command: ${line}`);
        last.output += `${line}\n`;
      }
    }
  }
  return examples;
}

/** Runs etcdctl until it has written as much as the document shows, and answers what it wrote. */
async function runEtcdctl(example: Example, endpoint: Endpoint): Promise<string> {
  const [name, ...args] = example.command.split(" ");
  assert.equal(name, "etcdctl");
  const { etcdctl } = await oracleTools();
  const child = new Deno.Command(etcdctl, {
    args,
    env: { ETCDCTL_ENDPOINTS: endpoint.address },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(COMMAND_MS_MAX),
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk, { stream: true });
    // A watch does not end by itself.
    if (args[0] === "watch" && output.length >= example.output.length) {
      child.kill("SIGTERM");
      break;
    }
  }
  await child.status;
  return output;
}

const WHY_NOT = await whyNoOracle();

Deno.test({
  name: `README.md: the etcdctl commands do what is shown${
    WHY_NOT ? ` (ignored: ${WHY_NOT})` : ""
  }`,
  ignore: WHY_NOT !== undefined,
  async fn() {
    const examples = examplesIn("README.md");
    assert.ok(examples.length > 0);
    await using endpoint = await startEndpoint("sqlite");
    for (const example of examples) {
      assert.equal(await runEtcdctl(example, endpoint), example.output, example.command);
    }
  },
});

Deno.test("docs/operating.md: the backup taken with Deno holds the data", async () => {
  const [, script] = /^deno eval '(.+)'$/m.exec(readText("docs/operating.md")) ?? [];
  assert.ok(script !== undefined);
  await using folder = await temporaryFolder();
  const address = "--listen-address=127.0.0.1:0";
  await using original = new RhinoProcess({ args: [address], cwd: folder.path });
  using client = new EtcdClient(await original.address());
  await client.kv.put({ key: "a", value: "1" });
  const backup = await new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: folder.path,
    stderr: "inherit",
  }).output();
  assert.equal(backup.code, 0);
  await client.kv.put({ key: "a", value: "2" });

  const args = [address, "--endpoint", "backup.db"];
  await using restored = new RhinoProcess({ args, cwd: folder.path });
  using other = new EtcdClient(await restored.address());
  const { kvs } = await other.kv.range({ key: "a" });
  assert.deepEqual(kvs.map(({ value, modRevision }) => [...value, modRevision]), [[0x31, 2n]]);
});

Deno.test("documents name only tasks that exist, and the Deno that .ci/run uses", () => {
  const [, version] = /^readonly DENO_VERSION=(\S+)$/m.exec(readText(".ci/run")) ?? [];
  assert.ok(version !== undefined);
  const tasks = Object.keys(project.tasks);
  for (const path of allFiles().filter((one) => one.endsWith(".md") || one === "Dockerfile")) {
    const text = readText(path);
    for (const [, named] of text.matchAll(/deno@(\d+\.\d+\.\d+)/g)) {
      assert.equal(named, version, path);
    }
    for (const [, task = ""] of text.matchAll(/deno(?:@\S+)? task ([a-z:]+)/g)) {
      assert.ok(tasks.includes(task), `${path}: there is no task "${task}"`);
    }
  }
});

Deno.test("every task says what it does", () => {
  for (const [name, task] of Object.entries(project.tasks)) {
    assert.ok(task.description.length > 0, name);
  }
});
