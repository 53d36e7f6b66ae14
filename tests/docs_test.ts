/**
 * What the documents tell a reader to run is run, and does what they show.
 *
 * The `console` blocks of a document are one session of a shell, and its `ts` blocks are programs. Any other block says in
 * a comment above it which test checks it, or why it cannot be run; only pictures (`text`) need none.
 */

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import project from "../deno.json" with { type: "json" };
import { type Block, blocksOf } from "./docs/blocks.ts";
import {
  DOCUMENTED_DATABASES,
  runInCheckout,
  runPrograms,
  runSession,
  startInCheckout,
} from "./docs/session.ts";
import { missingFor } from "./support/databases/installed.ts";
import { whyNoMysql, whyNoPostgres } from "./support/databases/shared_database.ts";
import { whyNoOracle } from "./support/oracle.ts";
import { allFiles, readText } from "./tidy/source_tree.ts";

const DOCUMENTS = allFiles().filter((path) => path.endsWith(".md"));

const noOracle = await whyNoOracle();

/** Why a session cannot be run here. */
function whyNot(blocks: readonly Block[]): string | undefined {
  const text = blocks.map((block) => block.text).join("\n");
  const [postgres, mysql, redis] = DOCUMENTED_DATABASES;
  return noOracle ?? (text.includes(postgres.url) ? whyNoPostgres() : undefined) ??
    (text.includes(mysql.url) ? whyNoMysql() : undefined) ??
    (text.includes(redis.url) ? whyNoRedis() : undefined);
}

function whyNoRedis(): string | undefined {
  const missing = missingFor("redis");
  return missing === undefined || Deno.env.get("CI") === "true" ? undefined : `needs ${missing}`;
}

for (const path of DOCUMENTS) {
  const blocks = blocksOf(path);
  const session = blocks.filter(({ info }) => info === "console");
  if (session.length > 0) {
    const reason = whyNot(session);
    Deno.test({
      name: `${path}: the commands do what is shown${reason ? ` (ignored: ${reason})` : ""}`,
      ignore: reason !== undefined,
      fn: () => runSession(path),
    });
  }
}

Deno.test("documents: the programs are well typed and run", async (test) => {
  const programs = DOCUMENTS.flatMap(blocksOf).filter(({ info }) => info === "ts");
  await runPrograms(programs, (name, run) => test.step(name, run));
});

Deno.test("documents: each block is run, or says what checks it or why nothing can", () => {
  const wrong: string[] = [];
  for (const { path, line, info, note } of DOCUMENTS.flatMap(blocksOf)) {
    if (["console", "ts", "text"].includes(info)) continue;
    const [, checks] = /^checked by: (\S+)$/.exec(note) ?? [];
    if (checks !== undefined && allFiles().includes(checks)) continue;
    if (/^not run: .+/.test(note)) continue;
    wrong.push(`${path}:${line}: a block of "${info}"${note === "" ? "" : ` with "${note}"`}`);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("README.md: the command that starts Rhino does", async () => {
  const [block] = blocksOf("README.md").filter(({ text }) => text.endsWith(" task start"));
  assert.ok(block !== undefined);
  await startInCheckout(block.text);
});

Deno.test("docs/getting-started.md: the task makes a command with the rights of the task start", async () => {
  const root = await Deno.makeTempDir({ prefix: "rhino-test-docs-" });
  try {
    await runInCheckout(Deno.execPath(), ["task", "-q", "install", "--root", root]);
    const version = await runInCheckout(`${root}/bin/rhino`, ["--version"]);
    assert.ok(version.endsWith(`rhino Version: ${project.version}\n`), version);
    const { allow } = project.permissions.serve.env;
    const script = await Deno.readTextFile(`${root}/bin/rhino`);
    assert.ok(script.includes(`--allow-env=${allow.join()}`), script);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
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
    for (const [, test = ""] of text.matchAll(/deno test -A ([\w.]+\/[\w./]+)/g)) {
      assert.ok(statSync(test) !== null, `${path}: there is no ${test}`);
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
