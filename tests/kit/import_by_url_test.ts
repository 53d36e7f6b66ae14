/** The kit as somebody has it who has no checkout: by URL, over HTTP, without Rhino's import map. */

import assert from "node:assert/strict";
import { ROOT } from "../tidy/source_tree.ts";
import { temporaryFolder } from "../cli/rhino_process.ts";
import { FACTS } from "../../backends/conformance/facts.ts";

/** Serves the repository's TypeScript as it is. */
function serveRepository(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    try {
      const text = await Deno.readTextFile(`${ROOT}${pathname.slice(1)}`);
      return new Response(text, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response("not found", { status: 404 });
    }
  });
}

async function runDeno(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    // A cache of its own: the addresses are those of this run only.
    env: { NO_COLOR: "1", DENO_DIR: `${cwd}/cache` },
    signal: AbortSignal.timeout(300_000),
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, output);
  return output;
}

const MEMORY_TEST = `
import { testBackend, runConformance } from "URL/backends/conformance/mod.ts";
import { contractVersion, open, remove } from "URL/backends/memory/mod.ts";
import { type BackendModule, BackendError, CONTRACT_VERSION } from "URL/backends/contract.ts";
import { compareKeys, beginTrim, FIRST_TRIM, outcomeOf } from "URL/backends/kit.ts";

const module: BackendModule = { contractVersion, open, remove };
if (module.contractVersion !== CONTRACT_VERSION) throw new BackendError("unusable", "old");
if (compareKeys(Uint8Array.of(1), Uint8Array.of(255)) >= 0) throw new Error("order");
if (typeof beginTrim !== "function" || !FIRST_TRIM.done || typeof outcomeOf !== "function") {
  throw new Error("kit");
}

const createStore = () =>
  Promise.resolve({ open: (options: Parameters<typeof open>[1]) => open("memory:", options), remove: async () => {} });

const skips = Object.fromEntries(SKIPPED.map((name) => [name, "it keeps nothing"]));
testBackend({ name: "mine", exclusive: true, createStore, skips });

Deno.test("the report", async () => {
  const { failed, passed } = await runConformance({ createStore, filter: "append()" });
  if (failed > 0 || passed === 0) throw new Error("the report");
});
`;

Deno.test("the contract, the kit and the suite are imported by URL, and the suite runs", async () => {
  const server = serveRepository();
  await using folder = await temporaryFolder();
  const { runConformance } = await import("../../backends/conformance/mod.ts");
  const memory = await import("../../backends/memory/mod.ts");
  const report = await runConformance({
    createStore: () =>
      Promise.resolve({
        open: (options) => memory.open("memory:", options),
        remove: () => Promise.resolve(),
      }),
  });
  const ofOthers = new Set(FACTS.flatMap((fact) => fact.needsOthers === true ? [fact.name] : []));
  const skipped = report.results.filter(({ status }) => status === "skipped").map(({ name }) =>
    name
  )
    .filter((name) => !ofOthers.has(name));
  const text = MEMORY_TEST.replaceAll("URL", `http://127.0.0.1:${server.addr.port}`)
    .replace("SKIPPED", JSON.stringify(skipped));
  await Deno.writeTextFile(`${folder.path}/mine_test.ts`, text);
  const args = ["test", "-A", "--no-config", "--no-lock", "mine_test.ts"];
  const output = await runDeno(args, folder.path);
  await server.shutdown();
  assert.match(output, /^ok \| 4\d passed \| 0 failed \| \d+ ignored/m);
});
