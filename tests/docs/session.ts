/** Runs what a document tells to run: its commands as one session, its programs one by one. */

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { cleanEnv } from "../cli/rhino_process.ts";
import { RedisServer } from "../support/databases/redis_server.ts";
import { mysqlDatabase, postgresDatabase } from "../support/databases/shared_database.ts";
import type { TestDatabase } from "../support/databases/test_database.ts";
import { freePorts } from "../support/free_port.ts";
import { oracleTools } from "../support/oracle.ts";
import { denoArgs } from "../support/rhino_command.ts";
import { type Block, blocksOf, examplesIn, isShown } from "./blocks.ts";
import { Shell } from "./shell.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** How long a program of a document may take. */
const PROGRAM_MS_MAX = 120_000;

/** The databases that documents name; each is replaced by one of the run's own. */
export const DOCUMENTED_DATABASES = [
  { url: "postgres://rhino:secret@db.example/rhino", create: postgresDatabase },
  { url: "mysql://rhino:secret@db.example/rhino", create: mysqlDatabase },
  { url: "redis://redis.example:6379", create: redisDatabase },
] as const;

/** A Redis of the session's own. */
async function redisDatabase(): Promise<TestDatabase> {
  const server = await RedisServer.start({ appendfsync: "always" });
  return { url: `redis://127.0.0.1:${server.port}`, drop: () => server[Symbol.asyncDispose]() };
}

/** Runs all `console` blocks of the document, top to bottom, in an empty folder. */
export async function runSession(path: string): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const examples = blocksOf(path).filter(({ info }) => info === "console").flatMap(examplesIn);
  const folder = await Deno.makeTempDir({ prefix: "rhino-test-docs-" });
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const replace = await replacements(examples.map(({ command }) => command).join("\n"), cleanup);
  const env = await environment(folder, replace);
  const shell = cleanup.use(new Shell({ cwd: `${folder}/work`, logs: folder, env }));
  for (const { command, output, line } of examples) {
    const shown = replace(output);
    const ran = await shell.run(replace(command), (text) => isShown(text, shown));
    assert.ok(
      isShown(ran.output, shown),
      `${path}:${line}: ${command}\nprinted (code ${ran.code}):\n${ran.output}\nand shown is:\n${shown}`,
    );
  }
}

/** Runs a program in the checkout, and answers what it wrote. */
export async function runInCheckout(program: string, args: readonly string[]): Promise<string> {
  // The command that is made calls Deno by its name.
  const PATH = `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`;
  const output = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", PATH },
    stdin: "null",
    signal: AbortSignal.timeout(PROGRAM_MS_MAX),
  }).output();
  const text = new TextDecoder().decode(output.stdout);
  assert.equal(output.code, 0, text + new TextDecoder().decode(output.stderr));
  return text;
}

/** Starts a server as a reader does in a checkout, and ends it once it is ready. */
export async function startInCheckout(command: string): Promise<void> {
  const logs = await Deno.makeTempDir({ prefix: "rhino-test-docs-" });
  try {
    const env = {
      ...Deno.env.toObject(),
      RHINO_LISTEN_ADDRESS: "127.0.0.1:0",
      RHINO_ENDPOINT: "memory://",
    };
    await using shell = new Shell({ cwd: ROOT, logs, env });
    await shell.run(`${command} &`, () => true);
  } finally {
    await Deno.remove(logs, { recursive: true });
  }
}

/** Checks the types of all programs, and runs each: as tests if it has some. */
export async function runPrograms(
  blocks: readonly Block[],
  step: (name: string, run: () => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rhino-test-docs-" });
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(configOfReader()));
    const files = blocks.map(({ path, line }) => ({
      file: `${folder}/${path.replaceAll(/\W/g, "_")}_${line}.ts`,
    }));
    for (const [at, { text }] of blocks.entries()) {
      await Deno.writeTextFile(files[at]?.file ?? "", text);
    }
    // Of all at once: for each it would take as long.
    await step("types", () => runDeno(folder, ["check", ...files.map(({ file }) => file)]));
    for (const [at, { path, line, text }] of blocks.entries()) {
      const how = text.includes("Deno.test(") ? ["test", "--no-check"] : ["run"];
      const args = [...how, "-A", files[at]?.file ?? ""];
      await step(`${path}:${line}`, () => runDeno(folder, args));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runDeno(folder: string, [kind = "", ...args]: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [kind, "-q", "--no-lock", `--config=${folder}/deno.json`, ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(PROGRAM_MS_MAX),
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  assert.equal(code, 0, `the program fails:\n${output}`);
}

/** The configuration of somebody who uses Rhino as a library. */
function configOfReader() {
  const doors = Object.entries(project.exports).map(([name, path]) => [
    name.replace(/^\./, project.name),
    new URL(`../../${path}`, import.meta.url).href,
  ]);
  return {
    imports: { ...project.imports, ...Object.fromEntries(doors) },
    unstable: project.unstable,
    nodeModulesDir: "none",
  };
}

/** Ports and databases of the run in the place of those that are written. */
async function replacements(
  commands: string,
  cleanup: AsyncDisposableStack,
): Promise<(text: string) => string> {
  const written = new Set(["2379"]);
  for (const [, port = ""] of commands.matchAll(/\b(?:127\.0\.0\.1|localhost):(\d+)/g)) {
    written.add(port);
  }
  const free = await freePorts(written.size);
  const ports = new Map([...written].map((port, at) => [port, String(free[at])]));
  const databases = new Map<string, string>();
  for (const { url, create } of DOCUMENTED_DATABASES) {
    if (!commands.includes(url)) continue;
    const database = await create();
    cleanup.defer(() => database.drop());
    databases.set(url, database.url);
  }
  return (text) => {
    let replaced = text.replaceAll(
      /\b(127\.0\.0\.1|localhost):(\d+)/g,
      (all, host, port) => ports.has(port) ? `${host}:${ports.get(port)}` : all,
    );
    for (const [url, own] of databases) replaced = replaced.replaceAll(url, own);
    return replaced;
  };
}

/** What a reader has: Rhino and etcd's tools on the PATH. */
async function environment(
  folder: string,
  replace: (text: string) => string,
): Promise<Record<string, string>> {
  const { etcdctl } = await oracleTools();
  await Deno.mkdir(`${folder}/bin`);
  await Deno.mkdir(`${folder}/work`);
  const command = [Deno.execPath(), ...denoArgs()].map((word) => `'${word}'`).join(" ");
  await writeScript(`${folder}/bin/rhino`, `exec ${command} "$@"`);
  // A variable would not do: etcdctl refuses one beside the flag.
  const endpoint = `exec ${etcdctl} --endpoints=${replace("127.0.0.1:2379")} "$@"`;
  const other = `case " $* " in *" --endpoints"*) exec ${etcdctl} "$@";; esac`;
  await writeScript(`${folder}/bin/etcdctl`, `${other}\n${endpoint}`);
  await Deno.symlink(Deno.execPath(), `${folder}/bin/deno`);
  const tools = etcdctl.slice(0, etcdctl.lastIndexOf("/"));
  // The rest as it is: `deno bundle` downloads its bundler once, perhaps by way of a proxy.
  return cleanEnv({
    PATH: `${folder}/bin:${tools}:${Deno.env.get("PATH") ?? ""}`,
    RHINO_REPOSITORY: ROOT.replace(/\/$/, ""),
    // Where nothing else is said, and away from everybody else.
    RHINO_LISTEN_ADDRESS: replace("127.0.0.1:2379"),
  });
}

async function writeScript(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, `#!/bin/sh\n${text}\n`);
  await Deno.chmod(path, 0o755);
}
