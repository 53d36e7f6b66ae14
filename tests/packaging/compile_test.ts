/**
 * `deno task compile` up to what Deno would download: another executable stands for its runtime, and the result is read,
 * not run.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { runCommand } from "../support/databases/client_command.ts";
import { executable } from "../support/databases/executables.ts";
import { ROOT } from "../tidy/source_tree.ts";
import { workerModules } from "./worker_modules.ts";

/** What `deno info --json` tells. */
interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      /** Missing where only types are imported. */
      readonly code?: { readonly specifier: string };
    }[];
  }[];
}

async function graphOf(path: string): Promise<ModuleGraph> {
  return JSON.parse(
    await runCommand(Deno.execPath(), { args: ["info", "--json", path], cwd: ROOT }),
  );
}

/** What runs, from one module on, by imports of both kinds; as URLs, of packages too. */
function runningModules({ modules }: ModuleGraph, from: string): Set<string> {
  const dependencies = new Map(modules.map((one) => [one.specifier, one.dependencies ?? []]));
  const found = new Set<string>();
  const open = [from];
  for (let url = open.pop(); url !== undefined; url = open.pop()) {
    if (found.has(url)) continue;
    found.add(url);
    open.push(...(dependencies.get(url) ?? []).flatMap(({ code }) => code?.specifier ?? []));
  }
  return found;
}

Deno.test("deno task compile: every module, Worker and package is in the executable", async () => {
  await using folder = await temporaryFolder();
  const output = `${folder.path}/rhino`;
  const tree = await runCommand("sh", {
    args: ["-c", `exec "$0" task --quiet compile --output="$1" 2>&1`, Deno.execPath(), output],
    cwd: ROOT,
    env: { NO_COLOR: "1", DENORT_BIN: executable("true") },
  });
  // As latin1, in which each byte is a character of its own.
  const latin1 = new TextDecoder("latin1");
  const bytes = latin1.decode(await Deno.readFile(output));
  const entries = ["src/main.ts", ...workerModules()];
  const graphs = await Promise.all(entries.map(graphOf));
  const running = [
    ...new Set(graphs.flatMap((graph, at) => [
      ...runningModules(graph, `file://${ROOT}${entries[at]}`),
    ])),
  ];
  const files = new Set(running.filter((url) => url.startsWith("file:")));
  for (const path of entries) assert.ok(files.has(`file://${ROOT}${path}`));
  assert.ok(files.size > 200, String(files.size));
  const missing = [...files].filter((url) =>
    !bytes.includes(latin1.decode(Deno.readFileSync(new URL(url))))
  );
  assert.deepEqual(missing, []);
  const packages = running.flatMap((url) => /^npm:\/?(@?[^@]+)@/.exec(url)?.[1] ?? []);
  assert.ok(packages.length > 4, packages.join());
  const isEmbedded = (name: string) =>
    new RegExp(`[├└]\\S+ (\\S+/)?${name.replace(/^@[^/]+\//, "")}/`).test(tree);
  // The last is one whose folder is left out in part.
  const missingPackages = [...packages, "bintrees"].filter((name) => !isEmbedded(name));
  assert.deepEqual(missingPackages, []);
  // Of tests alone.
  for (const name of ["etcd3", "fast-check"]) assert.ok(!isEmbedded(name), name);
});
